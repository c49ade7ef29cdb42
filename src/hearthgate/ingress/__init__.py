"""Ingress: what Traefik does. Resources become a RoutingModel, the RoutingModel becomes Envoy configuration."""
