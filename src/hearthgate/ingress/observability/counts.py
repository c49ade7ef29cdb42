"""What Envoy has counted, read from the text that its admin interface gives. Pure."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from hearthgate.ingress.envoy.observability import counters

_COUNTERS: Final = f"envoy_{counters.PREFIX}_"
_CONNECTIONS: Final = ("envoy_listener_downstream_cx_active", "envoy_listener_downstream_pre_cx_active")
"""The second ones have not said anything yet."""
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
    for name, key, bound, value in _lines(text):
        counted = numbers.get(name)
        if counted is not None:
            counted[key] = int(value)
            continue
        base, _, part = name.rpartition("_")
        histograms = times.get(base)
        if histograms is None:
            continue
        histogram = histograms.get(key)
        if histogram is None:
            histogram = histograms[key] = Durations()
        if part == "bucket":
            if bound != "+Inf":
                histogram.buckets[bound] = int(value)
        elif part == "sum":
            histogram.total = float(value)
        elif part == "count":
            histogram.count = int(value)
    for address, number in _connections(text):
        found.connections[address] = found.connections.get(address, 0) + number
    return found


def _lines(text: str) -> Iterator[tuple[str, str, str, str]]:
    """(name without prefix, key, upper bound or empty, value) of each line about requests."""
    start = len(_COUNTERS)
    mark = f'{{{counters.LABEL}="'
    for line in text.split("\n"):
        if not line.startswith(_COUNTERS):
            continue
        name, found, rest = line.partition(mark)
        if not found:
            continue
        labels, _, value = rest.rpartition("} ")
        key, _, bound = labels.partition('",le="')
        yield name[start:], _plain(key.removesuffix('"')), bound.removesuffix('"'), value


def _plain(label: str) -> str:
    """A label's value as it was before it was escaped."""
    return label.replace(r"\"", '"').replace(r"\\", "\\") if "\\" in label else label


def _connections(text: str) -> Iterator[tuple[str, int]]:
    """Open connections by address; of the numbers for each worker none."""
    for line in text.split("\n"):
        if line.startswith(_CONNECTIONS) and "envoy_worker_id" not in line:
            labels, _, value = line.rpartition("} ")
            yield labels.partition('envoy_listener_address="')[2].partition('"')[0], int(value)
