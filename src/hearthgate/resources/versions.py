"""Other served versions of one stored kind, and how objects convert between them. Pure."""

from collections.abc import Callable
from typing import Any, NamedTuple

from hearthgate.resources.kinds import Kind

Object = dict[str, Any]


class OtherVersion(NamedTuple):
    """kind: how this version is named, listed and printed. storage: the kind whose objects are stored."""

    kind: Kind
    storage: Kind
    to_storage: Callable[[Object], Object]
    from_storage: Callable[[Object], Object]


OTHER_VERSIONS: tuple[OtherVersion, ...] = ()
