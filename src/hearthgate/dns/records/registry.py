"""Whose records are: TXT records beside them, as external-dns writes and reads them. Pure."""

from collections.abc import Iterator
from typing import Final

_HERITAGE: Final = "heritage=external-dns"
_OWNER: Final = "external-dns/owner="
_STAR: Final = "*"
TYPE: Final = "%{record_type}"


class Registry:
    """owner: us. prefix: before the first label; `%{record_type}` in it is replaced. star: stands for `*`, since
    no name has that inside."""

    def __init__(self, owner: str, prefix: str = f"{TYPE}-own.", star: str = "any") -> None:
        self.owner = owner
        self._prefix = prefix
        self._star = star

    def name(self, name: str, type_: str) -> str:
        """Of the TXT record for records of a name and type."""
        plain = self._starless(name)
        if TYPE in self._prefix:
            return self._prefix.replace(TYPE, type_.lower()) + plain
        return f"{self._prefix}{type_.lower()}-{plain}"

    def names(self, name: str, type_: str) -> Iterator[str]:
        """All that may be meant for them: ours, and those of external-dns without a prefix, of now and of old."""
        yield self.name(name, type_)
        for plain in (self._starless(name), name):
            yield f"{type_.lower()}-{plain}"
            yield plain

    def content(self, source: str) -> str:
        """What ours says."""
        return f"{_HERITAGE},{_OWNER}{self.owner},external-dns/resource={source}"

    def _starless(self, name: str) -> str:
        first, dot, rest = name.partition(".")
        return f"{self._star}{dot}{rest}" if first == _STAR else name


def owner_of(content: str) -> str | None:
    """Whom a TXT record names; None when it is about something else."""
    parts = content.strip('"').split(",")
    if parts[0].strip() != _HERITAGE:
        return None
    return next((part.strip().removeprefix(_OWNER) for part in parts if part.strip().startswith(_OWNER)), "")
