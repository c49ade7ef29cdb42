"""Which Service gets which address. Pure."""
