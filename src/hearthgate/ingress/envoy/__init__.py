"""RoutingModel to Envoy resources: pure. What Envoy is told, never how or when."""
