"""Settings of the balancer, under the names of MetalLB's flags in camelCase where it has them."""

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final, Literal, NamedTuple

import msgspec

from hearthgate.model.durations import parse_duration
from hearthgate.model.problems import Reason, shorten
from hearthgate.resources.meta import Strict

HEARTBEAT_PORT: Final = 7946
"""MetalLB's, so that firewalls which let its speakers talk let ours."""
INTERVALS: Final = (0.01, 10.0)
"""Seconds: shorter ones cost more than they tell, and nobody waits for longer ones."""


class HeartbeatSettings(Strict, frozen=True, kw_only=True):
    """How nodes know who is alive.

    interval: between two heartbeats. misses: after so many a node counts as dead.
    address: where heartbeats are heard; its port is also that of members which say none.
    key_file: a file with the key that all members share; empty: the Secret hearthgate-members of the API.
    """

    interval: int | str = "200ms"
    misses: int = 3
    address: str = f":{HEARTBEAT_PORT}"
    key_file: str = ""


class LoadBalancerSettings(Strict, frozen=True, kw_only=True):
    """enabled: whether Services get addresses; None: yes with the embedded API, no on a cluster, where MetalLB may
    be at work.
    lb_class: only Services of this loadBalancerClass; empty: only those without any.
    members: nodes that announce, by name, each `address` or `address:port`; this one may be among them.
    find_members: every Node of the API may be a member.
    placement: how addresses are spread over the members.
    data_path: whether the kernel leads connections on to the servers of Services; auto: where no kube-proxy does.
    A bare `off` is false in YAML, so that means the same.
    forwarding: whether the kernel may be told to forward, which servers on other machines need.
    metrics_address: where `hearthgate speaker` serves /metrics; empty: nowhere. `up` has its own page for all.
    """

    enabled: bool | None = None
    lb_class: str = ""
    members: dict[str, str] = msgspec.field(default_factory=dict)
    find_members: bool = False
    placement: Literal["balanced", "hash"] = "balanced"
    data_path: Literal["auto", "nftables", "off"] | bool = "auto"
    forwarding: bool = False
    metrics_address: str = ""
    heartbeat: HeartbeatSettings = HeartbeatSettings()

    @property
    def has_members(self) -> bool:
        """Whether this node is one of several."""
        return self.find_members or bool(self.members)


class Where(NamedTuple):
    """Where datagrams go. host: an address, or empty for all of this machine."""

    host: str
    port: int


class Mistake(NamedTuple):
    """path: below `loadBalancer`."""

    path: str
    reason: Reason
    message: str


def interval_of(settings: HeartbeatSettings) -> float:
    """Seconds. Of settings without mistakes."""
    return parse_duration(settings.interval)


def read_where(text: str, port: int = HEARTBEAT_PORT) -> Where:
    """Of `192.0.2.1`, `192.0.2.1:7946`, `2001:db8::1`, `[2001:db8::1]:7946`, `:7946`. Raises ValueError: for
    names too, as a name server that is down must take no node with it."""
    host, colon, tail = text.rpartition(":")
    is_bare = not colon or (":" in host and not host.startswith("["))
    if is_bare:
        host = text
    else:
        port = int(tail)
    host = host.removeprefix("[").removesuffix("]")
    if not 0 < port < 65536:
        raise ValueError(port)
    return Where(str(ip_address(host)) if host else "", port)


def members_of(settings: LoadBalancerSettings) -> dict[str, Where]:
    """The members that are named. Of settings without mistakes."""
    port = read_where(settings.heartbeat.address).port
    return {name: read_where(text, port) for name, text in sorted(settings.members.items())}


def mistakes(settings: LoadBalancerSettings) -> Iterator[Mistake]:
    """What no type can say."""
    if settings.data_path is True:
        yield Mistake("dataPath", Reason.INVALID_VALUE, "true is none of auto, nftables and off")
    beat = settings.heartbeat
    least, most = INTERVALS
    try:
        is_good = least <= parse_duration(beat.interval) <= most
    except ValueError:
        is_good = False
    if not is_good:
        message = f"{shorten(str(beat.interval))} is not a duration from {least * 1000:g}ms to {most:g}s"
        yield Mistake("heartbeat.interval", Reason.INVALID_VALUE, message)
    if not 1 <= beat.misses <= 100:
        yield Mistake("heartbeat.misses", Reason.INVALID_VALUE, f"{beat.misses} is not between 1 and 100")
    for path, text, is_own in (
        ("heartbeat.address", beat.address, True),
        *((("metricsAddress", settings.metrics_address, True),) if settings.metrics_address else ()),
        *((f"members.{name}", text, False) for name, text in sorted(settings.members.items())),
    ):
        try:
            is_good = is_own or bool(read_where(text).host)
            read_where(text)
        except ValueError:
            is_good = False
        if not is_good:
            example = ":7946" if is_own else "192.168.1.10, or 192.168.1.10:7946"
            yield Mistake(path, Reason.INVALID_VALUE, f"{shorten(text)} is no address (write {example})")
