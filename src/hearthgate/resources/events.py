"""events.k8s.io/v1: Event as that group writes it: for the schema. Objects are stored and read as core/v1."""

from typing import Any

from hearthgate.resources.core import EventSeries, InvolvedObject, LenientResource


class Event(LenientResource, frozen=True, kw_only=True):
    """A remark on the object `regarding`."""

    event_time: str | None = None
    series: EventSeries | None = None
    reporting_controller: str = ""
    reporting_instance: str = ""
    action: str = ""
    reason: str = ""
    regarding: InvolvedObject = InvolvedObject()
    related: InvolvedObject | None = None
    note: str = ""
    type: str = ""
    deprecated_source: Any = None
    deprecated_first_timestamp: str | None = None
    deprecated_last_timestamp: str | None = None
    deprecated_count: int | None = None
