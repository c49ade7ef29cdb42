"""Traefik's rule language: parse, normal form, match. Pure."""
