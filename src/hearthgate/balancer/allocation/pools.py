"""IPAddressPools, ready to allocate from. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from hearthgate.balancer.allocation.blocks import Address, Block, is_buggy, read_block
from hearthgate.resources.core import Namespace
from hearthgate.resources.metallb import IPAddressPool
from hearthgate.resources.scalars import Selector


class Pool(NamedTuple):
    """pinned: kept for the Services of `namespaces` (None: of all) that one of the selectors (none: all) selects;
    priority: of pinned pools the lowest first, 0 last."""

    name: str
    blocks: tuple[Block, ...]
    auto_assign: bool = True
    avoid_buggy: bool = False
    pinned: bool = False
    priority: int = 0
    namespaces: frozenset[str] | None = None
    service_selectors: tuple[Selector, ...] = ()

    def __contains__(self, address: object) -> bool:
        return any(address in block for block in self.blocks)

    def hands_out(self, address: Address) -> bool:
        return address in self and not (self.avoid_buggy and is_buggy(address))

    def has(self, version: int) -> bool:
        return any(block.version == version for block in self.blocks)

    def why_not_for(self, namespace: str, labels: Mapping[str, str]) -> str | None:
        """Why the pool is not for such a Service; None when it is."""
        if not self.pinned:
            return None
        if self.namespaces is not None and namespace not in self.namespaces:
            kept = ", ".join(sorted(self.namespaces)) or "none that exists"
            return f"it is kept for namespaces ({kept})"
        if self.service_selectors and not any(selector.matches(labels) for selector in self.service_selectors):
            return "it is kept for Services with other labels"
        return None

    @property
    def rank(self) -> tuple[bool, int, str]:
        """Order in which pools are tried: kept ones first, by priority, then by name."""
        return (not self.pinned, self.priority or 2**31, self.name)


def pool_of(resource: IPAddressPool, namespaces: Iterable[Namespace]) -> Pool:
    """Raises ValueError for addresses that cannot be read."""
    spec = resource.spec
    allocation = spec.service_allocation
    pool = Pool(
        resource.metadata.name,
        tuple(read_block(text) for text in spec.addresses),
        spec.auto_assign,
        spec.avoid_buggy_ips,
    )
    if allocation is None:
        return pool
    return pool._replace(
        pinned=True,
        priority=allocation.priority,
        namespaces=_namespaces(allocation.namespaces, allocation.namespace_selectors, namespaces),
        service_selectors=allocation.service_selectors,
    )


def _namespaces(
    names: Iterable[str], selectors: tuple[Selector, ...], namespaces: Iterable[Namespace]
) -> frozenset[str] | None:
    """Upstream takes selectors that select no namespace for none at all; here the pool is for nobody then."""
    listed = frozenset(names)
    if not listed and not selectors:
        return None
    return listed | frozenset(_selected(selectors, namespaces))


def _selected(selectors: tuple[Selector, ...], namespaces: Iterable[Namespace]) -> Iterator[str]:
    for namespace in namespaces:
        if any(selector.matches(namespace.metadata.labels) for selector in selectors):
            yield namespace.metadata.name
