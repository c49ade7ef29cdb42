"""The client side of the Kubernetes API: watch, cache, write status and Events. One code for both homes."""
