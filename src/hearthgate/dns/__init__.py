"""Names of what is served: public records, a name server for the local network, and exports for others."""
