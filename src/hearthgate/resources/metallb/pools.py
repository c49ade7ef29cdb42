"""IPAddressPool: the addresses that LoadBalancer Services may get."""

import msgspec

from hearthgate.resources.meta import Lenient, Resource, Strict
from hearthgate.resources.scalars import Selector


class ServiceAllocation(Strict, frozen=True, kw_only=True):
    """Keeps a pool for some Services: those in one of the namespaces, listed or selected, that also match one of
    the service selectors.

    priority: The pool with the lowest number is tried first; 0 comes last.
    namespaces: Namespaces by name.
    namespace_selectors: Namespaces by their labels.
    service_selectors: Services by their labels.
    """

    priority: int = 0
    namespaces: tuple[str, ...] = ()
    namespace_selectors: tuple[Selector, ...] = ()
    service_selectors: tuple[Selector, ...] = ()


class IPAddressPoolSpec(Strict, frozen=True, kw_only=True):
    """The addresses that LoadBalancer Services may get.

    addresses: CIDRs such as 192.168.1.240/28, and ranges such as 192.168.1.240-192.168.1.250.
    auto_assign: False keeps the pool for Services that ask for it, or for an address of it.
    avoid_buggy_ips: Leaves out IPv4 addresses that end in .0 or .255, which some clients refuse.
    service_allocation: The Services that the pool is kept for.
    """

    addresses: tuple[str, ...]
    auto_assign: bool = True
    avoid_buggy_ips: bool = msgspec.field(default=False, name="avoidBuggyIPs")
    service_allocation: ServiceAllocation | None = None


class IPAddressPoolStatus(Lenient, frozen=True, kw_only=True):
    """How much of the pool is in use.

    assigned_ipv4: IPv4 addresses that Services hold.
    assigned_ipv6: IPv6 addresses that Services hold.
    available_ipv4: IPv4 addresses that are free.
    available_ipv6: IPv6 addresses that are free.
    """

    assigned_ipv4: int = msgspec.field(default=0, name="assignedIPv4")
    assigned_ipv6: int = msgspec.field(default=0, name="assignedIPv6")
    available_ipv4: int = msgspec.field(default=0, name="availableIPv4")
    available_ipv6: int = msgspec.field(default=0, name="availableIPv6")


class IPAddressPool(Resource, frozen=True, kw_only=True):
    """Addresses for Services of type LoadBalancer."""

    spec: IPAddressPoolSpec
    status: IPAddressPoolStatus | None = None
