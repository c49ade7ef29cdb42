"""What Envoy has counted, read from the text that its admin interface gives. Pure."""

import re
from typing import Final, NamedTuple

from hearthgate.ingress.envoy.observability import counters

_REQUESTS: Final = re.compile(
    rf'^envoy_{counters.PREFIX}_(\w+)\{{{counters.LABEL}="([^"\\]*(?:\\.[^"\\]*)*)"(?:,le="([^"]*)")?\}} (\S+)$',
    re.MULTILINE,
)
_CONNECTIONS: Final = re.compile(r"^envoy_listener_downstream_(?:pre_)?cx_active\{(.*)\} (\d+)$", re.MULTILINE)
"""With `pre_`: those that have not said anything yet."""
FILTER: Final = rf"^({counters.PREFIX}\.|listener\..*\.downstream_(pre_)?cx_active$)"
"""Of the names of stats, for the admin interface: all that is read here."""


class Durations:
    """A histogram. buckets: how many requests took at most so many milliseconds, by the bound as Envoy writes it;
    `+Inf` is left out. total: milliseconds of all."""

    __slots__ = ("buckets", "count", "total")

    def __init__(self) -> None:
        self.buckets: dict[str, int] = {}
        self.total = 0.0
        self.count = 0

    def add(self, other: "Durations") -> None:
        if not self.count:
            self.buckets, self.total, self.count = dict(other.buckets), other.total, other.count
            return
        for bound, count in other.buckets.items():
            self.buckets[bound] = self.buckets.get(bound, 0) + count
        self.total += other.total
        self.count += other.count


class Counts(NamedTuple):
    """Everything counted so far, by the text of its key. connections: open ones, by the listener's address."""

    requests: dict[str, int]
    received: dict[str, int]
    sent: dict[str, int]
    durations: dict[str, Durations]
    service_durations: dict[str, Durations]
    connections: dict[str, int]


def parse_counts(text: str) -> Counts:
    """The counts in a text of Prometheus' format. Lines that are about something else are passed over."""
    found = Counts({}, {}, {}, {}, {}, {})
    numbers = {counters.REQUESTS: found.requests, counters.RECEIVED: found.received, counters.SENT: found.sent}
    times = {counters.DURATION: found.durations, counters.SERVICE_DURATION: found.service_durations}
    parts = {f"{name}_{part}": (into, part) for name, into in times.items() for part in ("bucket", "sum", "count")}
    for name, said, bound, value in _REQUESTS.findall(text):
        key = _plain(said)
        if name in numbers:
            numbers[name][key] = int(value)
        elif name in parts:
            into, part = parts[name]
            histogram = into.get(key)
            if histogram is None:
                histogram = into[key] = Durations()
            if part == "sum":
                histogram.total = float(value)
            elif part == "count":
                histogram.count = int(value)
            elif bound != "+Inf":
                histogram.buckets[bound] = int(value)
    for labels, value in _CONNECTIONS.findall(text):
        if "envoy_worker_id" not in labels:  # numbers for each worker, beside those of all
            address = labels.partition('envoy_listener_address="')[2].partition('"')[0]
            found.connections[address] = found.connections.get(address, 0) + int(value)
    return found


def _plain(label: str) -> str:
    """A label's value as it was before it was escaped."""
    return label.replace(r"\"", '"').replace(r"\\", "\\") if "\\" in label else label
