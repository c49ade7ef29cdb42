"""What Traefik's users need a plugin for, built in: `plugin.NAME` of a Middleware."""
