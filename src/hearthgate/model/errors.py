"""Failures of the world outside, mapped once at an adapter's door.

A user's mistake is not an error but a `Problem`. A bug of ours is neither: it crashes its task loudly.
"""


class HearthgateError(Exception):
    """Base of every failure that a caller may handle."""


class Transient(HearthgateError):
    """May succeed when tried again. `retry_after`: seconds the peer asked to wait, if it did."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Permanent(HearthgateError):
    """Will not succeed until its input changes."""


class WireError(HearthgateError):
    """Bytes from a peer that are not what the protocol says."""
