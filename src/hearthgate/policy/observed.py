"""Connections that pods were seen to make: from what the kernel remembers, and as lines of a file. Pure."""

import ipaddress
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from hearthgate.model.errors import Permanent
from hearthgate.model.problems import shorten
from hearthgate.netfilter.conntrack import Entry
from hearthgate.policy.ends import Address, End, Outside, PodEnd, lasting
from hearthgate.policy.ports import NUMBERS, Protocol
from hearthgate.policy.world import World
from hearthgate.resources.meta import Strict

_EPHEMERAL = 32768
"""Ports from here on are those of clients."""


class Peer(Strict, frozen=True, kw_only=True, omit_defaults=True):
    """A pod as selectors see it, or an address. It outlives the pod that was seen."""

    namespace: str = ""
    labels: Mapping[str, str] = {}
    address: str = ""

    @property
    def key(self) -> tuple[str, tuple[tuple[str, str], ...], str]:
        return self.namespace, tuple(sorted(self.labels.items())), self.address

    def end(self, number: int) -> End:
        """Something that policies judge like it. number: of its own."""
        if self.namespace:
            return PodEnd(self.namespace, f"seen-{number}", self.labels)
        return Outside(ipaddress.ip_address(self.address))

    def __str__(self) -> str:
        if not self.namespace:
            return self.address
        return f"{self.namespace}/{','.join(f'{key}={value}' for key, value in sorted(self.labels.items()))}"


class Observed(Strict, frozen=True, kw_only=True):
    """port: of the destination."""

    source: Peer
    destination: Peer
    protocol: Protocol
    port: int

    @property
    def key(self) -> tuple[object, ...]:
        return self.source.key, self.destination.key, self.protocol, self.port


def observed(world: World, entries: Iterable[Entry]) -> Iterator[Observed]:
    """What was answered, of pods; but for what policies have no say in: a pod and itself, a pod and its node."""
    for entry in entries:
        protocol, port = NUMBERS.get(entry.protocol), entry.answers.port
        if protocol is None or not entry.is_answered or not port:
            continue
        if port >= _EPHEMERAL > entry.source.port:
            continue  # the kernel came to know it by an answer
        source, destination = world.at(entry.source.address), world.at(entry.answers.address)
        if _is_judged(source, destination) or _is_judged(destination, source):
            yield Observed(
                source=_peer(source, entry.source.address),
                destination=_peer(destination, entry.answers.address),
                protocol=protocol,
                port=port,
            )


def lines(flows: Iterable[Observed]) -> str:
    """Each as a line of JSON."""
    return "".join(f"{msgspec.json.encode(flow, order='deterministic').decode()}\n" for flow in flows)


def read_lines(text: str, name: str) -> tuple[Observed, ...]:
    """Each once. name: of the file. Raises Permanent. A last line that was cut short is left out."""
    found: dict[tuple[object, ...], Observed] = {}
    whole, _, _ = text.rpartition("\n")
    for number, line in enumerate(whole.splitlines(), 1):
        if not line.strip():
            continue
        try:
            flow = msgspec.json.decode(line, type=Observed)
            for peer in (flow.source, flow.destination):
                if not peer.namespace:
                    ipaddress.ip_address(peer.address)
        except (msgspec.MsgspecError, ValueError) as error:
            what = f"is no connection as `hearthgate policy observe` writes them: {shorten(line)} ({error})"
            raise Permanent(f"{name}, line {number} {what}") from error
        found[flow.key] = flow
    return tuple(found.values())


def _is_judged(end: End, other: End) -> bool:
    if not isinstance(end, PodEnd) or end.host_network:
        return False
    if isinstance(other, PodEnd) and not other.host_network:
        return other.key != end.key
    return not other.node or other.node != end.node


def _peer(end: End, address: Address) -> Peer:
    if isinstance(end, PodEnd) and not end.host_network:
        return Peer(namespace=end.namespace, labels=lasting(end.labels))
    return Peer(address=str(address))
