"""Addresses in the local network: answers for those of this node, and an eye on who else claims them."""
