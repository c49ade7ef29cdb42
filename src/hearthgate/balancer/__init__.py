"""Addresses for Services of type LoadBalancer, and who announces them: MetalLB's job, from its resources."""
