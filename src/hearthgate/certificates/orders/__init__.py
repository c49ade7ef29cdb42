"""ACME orders and the proofs that they need (RFC 8555, section 7.1.6): the states of Order and Challenge."""
