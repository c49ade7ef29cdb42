"""Middlewares in Envoy's words, one module per family. Pure."""
