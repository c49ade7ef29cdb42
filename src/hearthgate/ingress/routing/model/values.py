"""What all values of the model are."""

import msgspec


class Value(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Base of the model's values."""
