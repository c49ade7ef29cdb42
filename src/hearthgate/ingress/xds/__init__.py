"""The ADS server: which resources Envoy holds, and the order in which they change."""
