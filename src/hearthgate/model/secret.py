"""Secret values: usable, comparable, and blank wherever they would be printed."""

import hashlib
import hmac
from typing import Final

BLANK: Final = "Secret(…)"


class SecretBytes:
    """Holds bytes that must not be seen. `repr` and `str` are blank; read with `reveal()`."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        return self._value

    def fingerprint(self) -> str:
        """A short name for this value that does not reveal it: equal values, equal names."""
        return hashlib.blake2b(self._value, digest_size=10, person=b"hg-secret").hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretBytes) and hmac.compare_digest(self._value, other._value)

    def __hash__(self) -> int:
        return hash((SecretBytes, self._value))

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return BLANK

    __str__ = __repr__
