"""The name server for the local network: authoritative for the hosts that are served here."""
