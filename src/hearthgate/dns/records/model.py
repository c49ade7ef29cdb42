"""Records of a public zone. Pure."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

TYPES: Final = ("A", "AAAA", "CNAME")
"""All that is ever changed, beside the TXT records that say whose these are."""
AUTOMATIC: Final = 1
"""The TTL that the provider chooses."""


class Entry(NamedTuple):
    """One record at the provider. number: its id."""

    number: str
    content: str
    ttl: int = AUTOMATIC
    proxied: bool = False


class Held(NamedTuple):
    """Records of one name and type as they are. owner: who a TXT record says they belong to; empty: nobody. marks:
    the ids of those TXT records."""

    name: str
    type: str
    entries: tuple[Entry, ...]
    owner: str = ""
    marks: tuple[str, ...] = ()

    @property
    def contents(self) -> frozenset[str]:
        return frozenset(entry.content for entry in self.entries)


class Wanted(NamedTuple):
    """Records of one name and type as they shall be. ttl: AUTOMATIC for what the provider chooses. source: the
    object, or the setting, that asks for them."""

    name: str
    type: str
    contents: frozenset[str]
    ttl: int = AUTOMATIC
    proxied: bool = False
    source: str = ""


class Action(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    ADOPT = "adopt"
    KEEP = "keep"
    SKIP = "skip"


class Change(NamedTuple):
    """What becomes of one name and type. why: of what is not done, or of what is done beside the obvious."""

    action: Action
    name: str
    type: str
    held: Held | None = None
    wanted: Wanted | None = None
    why: str = ""

    @property
    def is_write(self) -> bool:
        return self.action not in {Action.KEEP, Action.SKIP}


HeldBy = Mapping[tuple[str, str], Held]
"""By name and type."""
