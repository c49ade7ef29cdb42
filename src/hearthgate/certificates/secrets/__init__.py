"""The Secret of a Certificate: its data, its marks, and files for programs that take no PEM. Pure."""
