"""Traefik's read-only API: `/api/*`, and a page that shows the same. Pure."""
