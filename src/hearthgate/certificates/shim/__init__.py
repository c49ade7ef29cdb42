"""Certificates that routes ask for: by cert-manager's annotations, by certResolver, and by themselves."""
