"""The whole state in one file, and back: what a new machine needs to go on where the old one stopped.

The file is a `tar.gz` whose first member says what must follow. With a passphrase all of it is sealed.
"""
