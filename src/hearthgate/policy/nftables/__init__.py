"""NetworkPolicies as rules of the kernel."""
