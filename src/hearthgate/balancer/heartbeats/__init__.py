"""Which nodes are alive: authenticated datagrams, several times a second."""
