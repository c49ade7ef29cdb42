"""Tells people of certificates that fail or are about to end: by webhook, ntfy or e-mail."""
