"""What NetworkPolicies do to connections, in words."""
