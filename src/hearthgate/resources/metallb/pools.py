"""IPAddressPool: the addresses that LoadBalancer Services may get."""

import msgspec

from hearthgate.resources.meta import Lenient, Resource, Strict
from hearthgate.resources.scalars import Selector


class ServiceAllocation(Strict, frozen=True, kw_only=True):
    """Keeps a pool for some Services: those in one of the namespaces (listed or selected) that also match one
    of the service selectors. Pools with the lowest priority come first, 0 comes last."""

    priority: int = 0
    namespaces: tuple[str, ...] = ()
    namespace_selectors: tuple[Selector, ...] = ()
    service_selectors: tuple[Selector, ...] = ()


class IPAddressPoolSpec(Strict, frozen=True, kw_only=True):
    """addresses: CIDRs (`10.0.0.0/24`) and ranges (`10.0.0.10-10.0.0.20`). autoAssign false: only for Services
    that ask for the pool or an address of it. avoidBuggyIPs: without IPv4 addresses that end in .0 or .255."""

    addresses: tuple[str, ...]
    auto_assign: bool = True
    avoid_buggy_ips: bool = msgspec.field(default=False, name="avoidBuggyIPs")
    service_allocation: ServiceAllocation | None = None


class IPAddressPoolStatus(Lenient, frozen=True, kw_only=True):
    assigned_ipv4: int = msgspec.field(default=0, name="assignedIPv4")
    assigned_ipv6: int = msgspec.field(default=0, name="assignedIPv6")
    available_ipv4: int = msgspec.field(default=0, name="availableIPv4")
    available_ipv6: int = msgspec.field(default=0, name="availableIPv6")


class IPAddressPool(Resource, frozen=True, kw_only=True):
    spec: IPAddressPoolSpec
    status: IPAddressPoolStatus | None = None
