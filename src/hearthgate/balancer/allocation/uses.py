"""Who holds which address, and who may share one. Pure but for its own state."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from hearthgate.balancer.allocation.blocks import Address
from hearthgate.balancer.allocation.requests import Request
from hearthgate.cluster.snapshot import Key


class Uses:
    """By address, the requests of its holders."""

    def __init__(self) -> None:
        self._holders: defaultdict[Address, dict[Key, Request]] = defaultdict(dict)
        self._by_sharing: defaultdict[str, set[Address]] = defaultdict(set)

    def __contains__(self, address: object) -> bool:
        return bool(self._holders.get(address)) if isinstance(address, Address) else False

    def __len__(self) -> int:
        """How many addresses are held: one that is shared counts once."""
        return len(self._holders)

    def __iter__(self) -> Iterator[Address]:
        return iter(self._holders)

    def holders(self, address: Address) -> Mapping[Key, Request]:
        return MappingProxyType(self._holders.get(address, {}))

    def shared_by(self, sharing: str) -> tuple[Address, ...]:
        """Addresses that are held under a sharing key, ascending within a family."""
        found = self._by_sharing.get(sharing, ()) if sharing else ()
        return tuple(sorted(found, key=lambda address: (address.version, int(address))))

    def add(self, address: Address, request: Request) -> None:
        self._holders[address][request.key] = request
        if request.sharing:
            self._by_sharing[request.sharing].add(address)

    def remove(self, address: Address, key: Key) -> None:
        holders = self._holders.get(address)
        if holders is None or (request := holders.pop(key, None)) is None:
            return
        if not holders:
            del self._holders[address]
        if not any(other.sharing == request.sharing for other in holders.values()):
            self._by_sharing[request.sharing].discard(address)

    def why_not(self, address: Address, request: Request) -> str | None:
        """Why the address cannot go to the request as well; None when it can."""
        for key, holder in self.holders(address).items():
            if key == request.key:
                continue
            name = "/".join(key)
            if not request.sharing or not holder.sharing:
                missing = request if not request.sharing else holder
                return f"Service {name} has it, and {missing} has no annotation metallb.io/allow-shared-ip"
            if request.sharing != holder.sharing:
                return f"Service {name} has it under another sharing key ({holder.sharing!r})"
            if request.backend != holder.backend:
                return (
                    f"Service {name} has it, and with externalTrafficPolicy Local both must select the same pods"
                )
            if common := sorted(request.ports & holder.ports):
                ports = ", ".join(f"{number}/{protocol}" for protocol, number in common)
                return f"Service {name} has it and serves {ports} too"
        return None
