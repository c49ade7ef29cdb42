"""Other served versions of one stored kind, and how objects convert between them. Pure.

Conversion only renames: it takes any mapping, checks nothing, keeps what it does not know and shares the
parts with the object it was given.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from hearthgate.resources import events
from hearthgate.resources.gateway.kinds import OTHERS as GATEWAY_KINDS
from hearthgate.resources.kinds import Column, Kind
from hearthgate.resources.metallb.kinds import BGP_PEER, OLDER_BGP_PEER
from hearthgate.resources.registry import BY_API_VERSION

Object = dict[str, Any]


class OtherVersion(NamedTuple):
    """kind: how this version is named, listed and printed. storage: the kind whose objects are stored.

    warning: told at each use; empty when this version is as good as the stored one. renamed: the top fields
    that bear another name here, by their name in storage.
    """

    kind: Kind
    storage: Kind
    to_storage: Callable[[Object], Object]
    from_storage: Callable[[Object], Object]
    warning: str = ""
    renamed: Mapping[str, str] = MappingProxyType({})

    def field(self, stored: str) -> str:
        """The path in this version of the field that storage has at path `stored`."""
        for old, new in self.renamed.items():
            if stored == old or stored.startswith((f"{old}.", f"{old}[")):
                return new + stored.removeprefix(old)
        return stored


def _swapped(names: Mapping[str, str]) -> Mapping[str, str]:
    """The names in both directions. A field that has no place in a version takes the name that is free there,
    so nothing collides and nothing is lost."""
    return MappingProxyType({**names, **{new: old for old, new in names.items()}})


_EVENT_FIELDS: Final = _swapped(
    {
        "involvedObject": "regarding",
        "message": "note",
        "reportingComponent": "reportingController",
        "source": "deprecatedSource",
        "firstTimestamp": "deprecatedFirstTimestamp",
        "lastTimestamp": "deprecatedLastTimestamp",
        "count": "deprecatedCount",
    }
)
_CORE_EVENT: Final = BY_API_VERSION["v1", "Event"]
_EVENT_COLUMNS: Final = MappingProxyType(
    {
        "LAST SEEN": ".deprecatedLastTimestamp",
        "OBJECT": ".regarding.name",
        "SUBOBJECT": ".regarding.fieldPath",
        "SOURCE": ".reportingController",
        "MESSAGE": ".note",
        "FIRST SEEN": ".deprecatedFirstTimestamp",
        "COUNT": ".deprecatedCount",
    }
)
_EVENT: Final = _CORE_EVENT._replace(
    group="events.k8s.io",
    resource_type=events.Event,
    columns=tuple(
        Column(column.name, _EVENT_COLUMNS.get(column.name, column.path), column.type, column.priority)
        for column in _CORE_EVENT.columns
    ),
)


def _event(api_version: str) -> Callable[[Object], Object]:
    def convert(obj: Object) -> Object:
        return {**{_EVENT_FIELDS.get(name, name): value for name, value in obj.items()}, "apiVersion": api_version}

    return convert


def _newer_peer(obj: Object) -> Object:
    """v1beta2 has all fields of v1beta1. A port of 0 stood for the default, which leaving it out says now.

    Upstream turns timers that are not set into 0s here, which switches them off: not copied."""
    spec = obj.get("spec")
    if isinstance(spec, dict) and spec.get("peerPort") == 0 and spec["peerPort"] is not False:
        spec = {name: value for name, value in spec.items() if name != "peerPort"}
    return {**obj, "apiVersion": BGP_PEER.api_version, **({"spec": spec} if "spec" in obj else {})}


def _older_peer(obj: Object) -> Object:
    """What only v1beta2 has stays in sight, so that who writes back what was read loses nothing."""
    return {**obj, "apiVersion": OLDER_BGP_PEER.api_version}


EVENTS: Final = OtherVersion(
    _EVENT, _CORE_EVENT, _event(_CORE_EVENT.api_version), _event(_EVENT.api_version), renamed=_EVENT_FIELDS
)
BGP_PEERS: Final = OtherVersion(
    OLDER_BGP_PEER,
    BGP_PEER,
    _newer_peer,
    _older_peer,
    f"{OLDER_BGP_PEER.api_version} BGPPeer is deprecated; use {BGP_PEER.api_version} BGPPeer",
)


def _same_fields(kind: Kind, storage: Kind) -> OtherVersion:
    """A version that differs in its name alone."""

    def renamed(api_version: str) -> Callable[[Object], Object]:
        return lambda obj: {**obj, "apiVersion": api_version}

    return OtherVersion(kind, storage, renamed(storage.api_version), renamed(kind.api_version))


GATEWAYS: Final = tuple(_same_fields(kind, storage) for storage, versions in GATEWAY_KINDS for kind in versions)
OTHER_VERSIONS: Final = (EVENTS, BGP_PEERS, *GATEWAYS)

BY_OTHER_VERSION: Final = MappingProxyType(
    {(other.kind.api_version, other.kind.kind): other for other in OTHER_VERSIONS}
)
