"""Leads connections to the address of a Service on to its servers, by nftables, where no kube-proxy does."""
