"""What a Service asks for, and what it gets. Pure."""

from collections.abc import Mapping
from typing import NamedTuple

from hearthgate.balancer.allocation.blocks import Address
from hearthgate.cluster.snapshot import Key


class Request(NamedTuple):
    """versions: IP versions that the Service needs, the preferred first. may_be_single: whether one of two will
    do. addresses: asked for by name, in the user's order. pool: asked for by name; empty for any.

    sharing: the key that Services on one address must share; empty for none. backend: with
    externalTrafficPolicy Local the selector of the pods, which must be the same as well: the node that
    announces must have them. ports: (protocol, number).
    """

    key: Key
    versions: tuple[int, ...]
    labels: Mapping[str, str] = {}
    may_be_single: bool = False
    addresses: tuple[Address, ...] = ()
    pool: str = ""
    sharing: str = ""
    backend: str = ""
    ports: frozenset[tuple[str, int]] = frozenset()

    def __str__(self) -> str:
        return "/".join(self.key)


class Grant(NamedTuple):
    """The addresses of a Service, all from one pool."""

    pool: str
    addresses: tuple[Address, ...]


class Refusal(NamedTuple):
    """reason: for programs. message: for people: what was looked at, why each was no use, and the way out."""

    reason: str
    message: str
