"""Notices within a second that the way to a router is dead: BFD (RFC 5880 to 5883), asynchronous mode."""
