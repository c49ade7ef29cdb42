"""Middlewares: from the Middleware resource to a checked value, one module per family. Pure."""
