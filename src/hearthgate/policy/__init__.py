"""Which pods may talk to which: NetworkPolicies evaluated, explained, suggested and enforced."""
