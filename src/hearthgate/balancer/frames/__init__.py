"""Frames of the local network as bytes: ARP (RFC 826) and neighbour discovery (RFC 4861). Pure."""
