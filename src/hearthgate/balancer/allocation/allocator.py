"""Gives addresses to Services. Deterministic: the same requests in the same order get the same.

Pure but for its own state, which is nothing but what Services hold: read back from their status at the start.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from hearthgate.balancer.allocation.blocks import Address, Block
from hearthgate.balancer.allocation.pools import Pool
from hearthgate.balancer.allocation.requests import Grant, Refusal, Request
from hearthgate.balancer.allocation.uses import Uses
from hearthgate.cluster.snapshot import Key

NO_POOL: Final = "NoPool"
NOT_ALLOWED: Final = "AddressNotAllowed"
IN_USE: Final = "AddressInUse"
EXHAUSTED: Final = "NoAddressFree"

Forbidden = Callable[[Address], str | None]
"""Why nobody may have an address: that of a network, of a node, of a foreign machine."""


class Allocator:
    """grants: what every Service holds."""

    def __init__(self, pools: Iterable[Pool] = (), *, forbidden: Forbidden = lambda address: None) -> None:
        self._forbidden = forbidden
        self._uses = Uses()
        self._reserved: defaultdict[Address, set[Key]] = defaultdict(set)
        self._kept_by_pools: dict[Address, Key] = {}
        self._first_free: dict[Block, int] = {}
        self._pools: tuple[Pool, ...] = ()
        self.grants: dict[Key, Grant] = {}
        self.use(pools)

    def use(self, pools: Iterable[Pool]) -> None:
        """Other pools from now on. What Services hold stays until they ask again."""
        self._pools = tuple(sorted(pools, key=lambda pool: pool.rank))
        self._first_free.clear()

    def keep(self, addresses: Mapping[Address, Key]) -> None:
        """Reserved whoever exists: what a pool's owner keeps for Services to come."""
        self._kept_by_pools = dict(addresses)
        self._first_free.clear()

    def reserve(self, address: Address, key: Key) -> None:
        """Keeps an address, free or not yet, for a Service that asks for it by name."""
        self._reserved[address].add(key)

    def unreserve(self, key: Key) -> None:
        for address in [address for address, keys in self._reserved.items() if key in keys]:
            self._reserved[address].discard(key)
            if not self._reserved[address]:
                del self._reserved[address]
                self._freed(address)

    def allocate(self, request: Request, held: tuple[Address, ...] = ()) -> Grant | Refusal:
        """What the Service gets now. held: what it has, or had, and keeps if it may."""
        if request.addresses:
            answer = self._assign(request, request.addresses)
        else:
            answer = self._kept(request, held) or self._choose(request)
        self._record(request, answer)
        return answer

    def restore(self, request: Request, held: tuple[Address, ...]) -> None:
        """At the start, before anybody is allocated something: what a Service holds stays with it if it may."""
        if held:
            self._record(request, self._assign(request._replace(addresses=()), held))

    def _record(self, request: Request, answer: Grant | Refusal) -> None:
        self.release(request.key)
        if isinstance(answer, Grant):
            self.grants[request.key] = answer
            for address in answer.addresses:
                self._uses.add(address, request)

    def release(self, key: Key) -> None:
        """The Service holds nothing any more."""
        grant = self.grants.pop(key, None)
        for address in grant.addresses if grant is not None else ():
            self._uses.remove(address, key)
            self._freed(address)

    def in_use(self, pool: Pool) -> tuple[int, int]:
        """(IPv4, IPv6): how many addresses of the pool are held."""
        versions = [address.version for address in self._uses if address in pool]
        return versions.count(4), versions.count(6)

    def _kept(self, request: Request, held: tuple[Address, ...]) -> Grant | None:
        """What the Service has, if it still is what it asks for."""
        versions = {address.version for address in held}
        wanted = set(request.versions)
        if not held or not versions <= wanted or (versions != wanted and not request.may_be_single):
            return None
        answer = self._assign(request, held)
        if isinstance(answer, Refusal) or (request.pool and answer.pool != request.pool):
            return None
        missing = [version for version in request.versions if version not in versions]
        pool = next(pool for pool in self._pools if pool.name == answer.pool)
        added = tuple(found for version in missing if (found := self._free(pool, version, request)) is not None)
        return answer._replace(addresses=(*answer.addresses, *added))

    def _assign(self, request: Request, addresses: tuple[Address, ...]) -> Grant | Refusal:
        """Just these addresses, or why not."""
        listed = " and ".join(map(str, addresses))
        if {address.version for address in addresses} - set(request.versions):
            families = " and ".join(f"IPv{version}" for version in request.versions)
            return Refusal(NOT_ALLOWED, f"{listed}: the Service has {families} cluster addresses only")
        pool = next((pool for pool in self._pools if all(map(pool.hands_out, addresses))), None)
        if pool is None:
            return Refusal(NOT_ALLOWED, f"{listed} is in no pool: {self._why_in_none(addresses)}")
        if request.pool and pool.name != request.pool:
            message = f"{listed} is of pool {pool.name}, and the Service asks for pool {request.pool}"
            return Refusal(NOT_ALLOWED, message)
        if (why := pool.why_not_for(request.key[0], request.labels)) is not None:
            return Refusal(NOT_ALLOWED, f"{listed} is of pool {pool.name}, which this Service may not use: {why}")
        for address in addresses:
            if (why := self._forbidden(address)) is not None:
                return Refusal(NOT_ALLOWED, f"{address} cannot be handed out: {why}")
            keepers = self._keepers(address)
            if keepers and request.key not in keepers:
                names = " and ".join(sorted("/".join(key) for key in keepers))
                return Refusal(IN_USE, f"{address} is kept for Service {names}")
            if (why := self._uses.why_not(address, request)) is not None:
                return Refusal(IN_USE, f"{address} is not free: {why}")
        return Grant(pool.name, addresses)

    def _why_in_none(self, addresses: tuple[Address, ...]) -> str:
        pools = [pool for pool in self._pools if any(address in pool for address in addresses)]
        if not pools:
            listed = ", ".join(pool.name for pool in self._pools) or "none"
            return f"add it to one (there are: {listed})"
        if len(addresses) > 1 and not all(any(a in pool for pool in pools) for a in addresses):
            return "both must be of one pool"
        names = ", ".join(pool.name for pool in pools)
        return f"{names} leaves out addresses that end in .0 and .255 (avoidBuggyIPs)"

    def _choose(self, request: Request) -> Grant | Refusal:
        if request.pool:
            named = [pool for pool in self._pools if pool.name == request.pool]
            if not named:
                known = ", ".join(pool.name for pool in self._pools) or "none"
                return Refusal(NO_POOL, f"there is no pool {request.pool!r} (there are: {known})")
            return self._first(request, named)
        if not self._pools:
            return Refusal(NO_POOL, "there is no IPAddressPool: make one with addresses of your network")
        return self._first(request, self._pools)

    def _first(self, request: Request, pools: Iterable[Pool]) -> Grant | Refusal:
        """From the first pool that has all that is asked for, else one address where one will do."""
        reasons: dict[str, str] = {}
        open_pools = [pool for pool in pools if not self._is_closed(pool, request, reasons)]
        for pool in open_pools:
            found = [self._free(pool, version, request) for version in request.versions]
            if all(address is not None for address in found):
                return Grant(pool.name, tuple(address for address in found if address is not None))
            reasons[pool.name] = self._why_nothing(pool, request.versions, found)
        if request.may_be_single:
            for version in request.versions:
                for pool in open_pools:
                    if (address := self._free(pool, version, request)) is not None:
                        return Grant(pool.name, (address,))
        listed = "; ".join(f"pool {name}: {why}" for name, why in reasons.items())
        families = " and ".join(f"IPv{version}" for version in request.versions)
        return Refusal(EXHAUSTED, f"no {families} address to be had: {listed}")

    def _is_closed(self, pool: Pool, request: Request, reasons: dict[str, str]) -> bool:
        why = pool.why_not_for(request.key[0], request.labels)
        if why is None and not pool.auto_assign and not request.pool:
            why = "it is kept for Services that ask for it (autoAssign: false)"
        if why is not None:
            reasons[pool.name] = why
        return why is not None

    def _why_nothing(self, pool: Pool, versions: tuple[int, ...], found: list[Address | None]) -> str:
        version = next(version for version, address in zip(versions, found, strict=True) if address is None)
        if not pool.has(version):
            return f"it has no IPv{version} addresses"
        held = self.in_use(pool)[version == 6]
        reserved = self._reserved.keys() | self._kept_by_pools.keys()
        kept = sum(address.version == version and address in pool for address in reserved)
        parts = [f"all its IPv{version} addresses are taken ({held} in use"]
        if kept:
            parts.append(f", {kept} kept for Services that name them")
        return "".join((*parts, ")"))

    def _free(self, pool: Pool, version: int, request: Request) -> Address | None:
        """The lowest address of the pool that the request may have."""
        for block in pool.blocks:
            if block.version != version:
                continue
            candidates = [address for address in self._candidates(pool, block, request) if address is not None]
            if candidates:
                return min(candidates, key=int)
        return None

    def _candidates(self, pool: Pool, block: Block, request: Request) -> Iterator[Address | None]:
        """The first that nobody holds, and of those kept for the Service and those it can share the first."""
        yield next(self._unheld(pool, block), None)
        kept = [address for address, keys in self._reserved.items() if request.key in keys]
        kept += [address for address, key in self._kept_by_pools.items() if key == request.key]
        near = sorted((*kept, *self._uses.shared_by(request.sharing)), key=int)
        yield next(
            (address for address in near if address in block and self._may_join(pool, address, request)), None
        )

    def _keepers(self, address: Address) -> set[Key]:
        """Who may have a reserved address. What the owner of the pool says stands above what Services ask for."""
        if (key := self._kept_by_pools.get(address)) is not None:
            return {key}
        return self._reserved.get(address, set())

    def _may_join(self, pool: Pool, address: Address, request: Request) -> bool:
        keepers = self._keepers(address)
        return (
            self._is_usable(pool, address)
            and (not keepers or request.key in keepers)
            and self._uses.why_not(address, request) is None
        )

    def _is_usable(self, pool: Pool, address: Address) -> bool:
        return pool.hands_out(address) and self._forbidden(address) is None

    def _unheld(self, pool: Pool, block: Block) -> Iterator[Address]:
        """Ascending, those kept for somebody left out. Where the first of them may be is remembered: thousands
        that are held are not gone through again for each that is added."""
        number = self._first_free.get(block, block.first)
        at_the_beginning = True
        while number <= block.last:
            address = block.address(number)
            if address not in self._uses and not self._keepers(address) and self._is_usable(pool, address):
                at_the_beginning = False
                yield address
            number += 1
            if at_the_beginning:
                self._first_free[block] = number

    def _freed(self, address: Address) -> None:
        for block, number in self._first_free.items():
            if address in block and int(address) < number:
                self._first_free[block] = int(address)
