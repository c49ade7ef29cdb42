"""MetalLB's metrics about its pools. Pure."""

from collections.abc import Iterator
from typing import Final

from hearthgate.balancer.allocation.blocks import capacity
from hearthgate.balancer.allocation.book import Book
from hearthgate.model.metrics import Labels, Metric, family

_POOL: Final = ("pool",)


def _gauge(name: str, help_: str) -> Metric:
    return Metric(f"metallb_allocator_{name}", "gauge", _POOL, help_)


TOTAL: Final = (
    _gauge("addresses_total", "Addresses of the pool."),
    _gauge("ipv4_addresses_total", "IPv4 addresses of the pool."),
    _gauge("ipv6_addresses_total", "IPv6 addresses of the pool."),
)
IN_USE: Final = (
    _gauge("addresses_in_use_total", "Addresses of the pool that Services hold."),
    _gauge("ipv4_addresses_in_use_total", "IPv4 addresses of the pool that Services hold."),
    _gauge("ipv6_addresses_in_use_total", "IPv6 addresses of the pool that Services hold."),
)


def exposition(book: Book) -> Iterator[str]:
    """The lines, each with its newline."""
    totals = {pool.name: capacity(pool.blocks, avoid_buggy=pool.avoid_buggy) for pool in book.pools}
    for metrics, counts in ((TOTAL, totals), (IN_USE, book.usage())):
        for place, metric in enumerate(metrics):
            values: list[tuple[Labels, float]] = [
                ((pool,), sum(both) if place == 0 else both[place - 1]) for pool, both in sorted(counts.items())
            ]
            yield from family(metric, values)
