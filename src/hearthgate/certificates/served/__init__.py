"""Whether what was issued is what clients get: asked by a handshake with our own listeners."""
