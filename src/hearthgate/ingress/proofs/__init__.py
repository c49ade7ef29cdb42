"""Proofs of TLS-ALPN-01: the handshakes that a CA makes, taken by a service beside the proxy."""
