"""Hearthgate: ingress, addresses, certificates and names of a homelab, from Kubernetes resources."""

__version__ = "0.1.0"
