"""DNS-01 (RFC 8555, section 8.4): TXT records written by providers, looked for as a CA does, and removed again.

Whoever asks for a proof journals it first; what a crash leaves behind is found in the journal, by name and value.
"""
