"""Issuers: whether they can sign, and the ACME accounts that they have."""
