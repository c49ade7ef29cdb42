"""What Envoy records of requests: access log, counters, spans. Pure."""
