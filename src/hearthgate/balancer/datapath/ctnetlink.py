"""Which of the flows that the kernel remembers are stale. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from hearthgate.balancer.datapath.rules import Place, Rule, Target
from hearthgate.netfilter.conntrack import Entry

_UDP: Final = 17


class Flow(NamedTuple):
    """Datagrams of one client to one place, as the kernel remembers them. target: who answers. key: what the
    kernel finds it by."""

    place: Place
    target: Target
    key: bytes


def flow_of(entry: Entry) -> Flow | None:
    """None for what is no UDP."""
    if entry.protocol != _UDP:
        return None
    return Flow(Place(entry.destination.address, "udp", entry.destination.port), Target(*entry.answers), entry.key)


def stale(flows: Iterable[Flow], rules: Iterable[Rule], before: Iterable[Rule]) -> Iterator[Flow]:
    """Those that go where rules would not lead them any more, or never did: the kernel asks no rule again while
    datagrams keep coming. before: rules that were in force."""
    known: Mapping[Place, frozenset[Target]] = {
        **{rule.place: frozenset() for rule in before},
        **{rule.place: frozenset(rule.targets) for rule in rules},
    }
    for flow in flows:
        targets = known.get(flow.place)
        if targets is not None and flow.target not in targets:
            yield flow
