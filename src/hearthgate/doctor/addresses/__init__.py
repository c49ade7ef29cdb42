"""Addresses of load balancers: who has which, who announces it, and what is in the way."""
