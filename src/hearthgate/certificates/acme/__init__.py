"""Speaking to CAs by ACME: RFC 8555, RFC 9773 (ARI), profiles, and a ledger of what a CA lets its clients do."""
