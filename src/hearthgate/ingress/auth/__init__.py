"""The auth service: answers over a unix socket what the proxy cannot decide alone."""
