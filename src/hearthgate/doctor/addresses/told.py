"""What Events have said of a Service's address last. Pure."""

from collections.abc import Iterable
from typing import Final

from hearthgate.cluster.snapshot import Key, Snapshot
from hearthgate.resources.core import Event

REASONS: Final = ("AddressInUse", "AllocationFailed", "NotAnnounced", "NotTaken", "nodeAssigned")
"""Of the Events that explain an address, or that there is none."""


def last_word(snapshot: Snapshot, *services: Key, about: str = "", reasons: Iterable[str] = REASONS) -> str:
    """The message of the latest Event about one of the Services, if its reason is among `reasons`; empty
    otherwise. about: words that its message must have."""
    wanted = frozenset(services)
    found = [
        event
        for event in snapshot.all(Event)
        if event.involved_object.kind == "Service"
        and (event.involved_object.namespace, event.involved_object.name) in wanted
        and event.reason in REASONS
        and about in event.message
    ]
    latest = max(found, key=_moment, default=None)
    return latest.message if latest is not None and latest.reason in frozenset(reasons) else ""


def _moment(event: Event) -> tuple[str, str]:
    series = event.series.last_observed_time if event.series is not None else None
    return (series or event.last_timestamp or event.event_time or "", event.metadata.resource_version.zfill(20))
