"""The four ways to patch an object, and the record of who manages which field. Pure."""
