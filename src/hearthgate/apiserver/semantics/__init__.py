"""The rules of the Kubernetes API on one object: names, metadata, defaults, admission, selection. Pure."""
