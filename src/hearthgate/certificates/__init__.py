"""Certificates: issued, renewed and published from cert-manager's resources."""
