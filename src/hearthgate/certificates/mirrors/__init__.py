"""Copies of Secrets and ConfigMaps in other namespaces, by reflector's annotations."""
