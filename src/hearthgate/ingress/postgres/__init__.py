"""STARTTLS of PostgreSQL: what no filter of the proxy can do, done beside it."""
