"""The fields of the built-in kinds, one table per family: facts of upstream, described in our own words."""
