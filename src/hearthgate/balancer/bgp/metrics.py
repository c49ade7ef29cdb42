"""MetalLB's metrics of sessions of BGP and BFD. Pure."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from hearthgate.balancer.bgp.router import SessionState
from hearthgate.model.metrics import Labels, Metric, family

_PEER: Final = ("peer",)
Reading = tuple[Metric, Callable[[SessionState], float]]


def _bgp(name: str, kind: str, help_: str) -> Metric:
    return Metric(f"metallb_bgp_{name}", kind, _PEER, help_)


def _bfd(name: str, kind: str, help_: str) -> Metric:
    return Metric(f"metallb_bfd_{name}", kind, _PEER, help_)


BGP: Final[tuple[Reading, ...]] = (
    (_bgp("session_up", "gauge", "1 while the session with the router is up."), lambda one: one.is_up),
    (
        _bgp("announced_prefixes_total", "gauge", "Prefixes that the router has from us."),
        lambda one: one.announced,
    ),
    (_bgp("updates_total", "counter", "UPDATE messages sent."), lambda one: one.counts.updates_sent),
    (
        _bgp("updates_total_received", "counter", "UPDATE messages received."),
        lambda one: one.counts.updates_received,
    ),
    (_bgp("opens_sent", "counter", "OPEN messages sent."), lambda one: one.counts.opens_sent),
    (_bgp("opens_received", "counter", "OPEN messages received."), lambda one: one.counts.opens_received),
    (_bgp("notifications_sent", "counter", "NOTIFICATIONs sent."), lambda one: one.counts.notifications_sent),
    (_bgp("keepalives_sent", "counter", "KEEPALIVEs sent."), lambda one: one.counts.keepalives_sent),
    (_bgp("keepalives_received", "counter", "KEEPALIVEs received."), lambda one: one.counts.keepalives_received),
    (_bgp("total_sent", "counter", "Messages sent."), lambda one: one.counts.sent),
    (_bgp("total_received", "counter", "Messages received."), lambda one: one.counts.received),
)
BFD: Final = (
    _bfd("session_up", "gauge", "1 while BFD with the router is up."),
    _bfd("control_packet_input", "counter", "BFD packets received."),
    _bfd("control_packet_output", "counter", "BFD packets sent."),
    _bfd("session_up_events", "counter", "How often BFD came up."),
    _bfd("session_down_events", "counter", "How often BFD went down."),
)


def exposition(states: Iterable[SessionState]) -> Iterator[str]:
    """The lines, each with its newline."""
    known = sorted(states, key=lambda one: one.label)
    for metric, read in BGP:
        yield from family(metric, [((one.label,), float(read(one))) for one in known])
    with_bfd = [(one.label, one.bfd) for one in known if one.bfd is not None]
    rows = [
        (label, (bfd.is_up, bfd.counts.packets_in, bfd.counts.packets_out, bfd.counts.ups, bfd.counts.downs))
        for label, bfd in with_bfd
    ]
    for place, metric in enumerate(BFD):
        values: list[tuple[Labels, float]] = [((label,), float(row[place])) for label, row in rows]
        yield from family(metric, values)
