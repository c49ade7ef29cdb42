"""The table of policies in the kernel: put in force, read back, removed."""

import ipaddress
from typing import Any, Final, NamedTuple

import msgspec

from hearthgate.model.errors import Permanent
from hearthgate.netfilter import connections, conntrack
from hearthgate.netfilter.bridges import unjudged
from hearthgate.netfilter.nft import nft
from hearthgate.policy.ends import Address
from hearthgate.policy.evaluate import Flow, check
from hearthgate.policy.nftables.ruleset import REFUSED, REMOVAL, TABLE, State
from hearthgate.policy.ports import NUMBERS, Protocol
from hearthgate.policy.world import World

_UNKNOWN: Final = ("?",)
"""Instead of rules that are not read: they are made anew."""
_OTHERS: Final = ("KUBE-NWPLCY", "KUBE-POD-FW", "cali-", "CILIUM_")
_OTHER_TABLES: Final = ("kube-network-policies", "calico", "cilium")


async def apply(text: str) -> None:
    """All of it or nothing. Raises as `nft` does."""
    if text:
        await nft("-f", "-", stdin=text.encode())


async def remove() -> None:
    """Every trace. Raises as `nft` does."""
    await nft("-f", "-", stdin=REMOVAL.encode())


async def held() -> State | None:
    """What an earlier run left; None when there is no table. Raises as `nft` does."""
    if not await is_there():
        return None
    chains: dict[str, tuple[str, ...]] = {}
    sets: dict[str, str] = {}
    elements: dict[str, dict[str, str]] = {}
    counters: dict[str, Any] = {}
    for item in await _listed("list", "table", "inet", TABLE):
        for kind, said in item.items():
            match kind:
                case "chain" if "hook" not in said:
                    chains[said["name"]] = _UNKNOWN
                case "set":
                    sets[said["name"]] = ""
                case "counter":
                    counters[said["name"]] = ("", None)
                case "map":
                    elements[said["name"]] = {
                        str(address): verdict["jump"]["target"] for address, verdict in said.get("elem") or ()
                    }
    return State(chains, sets, elements, counters)


def forget_denied(world: World, members: frozenset[Address]) -> int:
    """Takes back what the kernel remembers as open and policies forbid now, for answers to it would still pass.
    members: whose connections these are. Returns how many. Blocks. Raises OSError."""
    count = 0
    for version in (4, 6):
        for entry in tuple(connections.entries(version)):
            ends = entry.source.address, entry.answers.address
            if not members.isdisjoint(ends) and is_denied(world, entry):
                connections.forget(version, entry.key)
                count += 1
    return count


def is_denied(world: World, entry: conntrack.Entry) -> bool:
    """Of what has no ports nothing is said. Pure."""
    protocol = NUMBERS.get(entry.protocol)
    if protocol is None:
        return False
    flow = Flow(world.at(entry.source.address), world.at(entry.answers.address), entry.source.address.version)
    return not check(world, flow, protocol, entry.answers.port).allowed


async def is_there() -> bool:
    """Raises as `nft` does."""
    return f"table inet {TABLE}" in (await nft("list", "tables", "inet")).splitlines()


async def denied() -> dict[str, int]:
    """Packets by counter. Raises as `nft` does."""
    found = {}
    for item in await _listed("list", "counters", "table", "inet", TABLE):
        if (said := item.get("counter")) is not None:
            found[str(said["name"])] = int(said["packets"])
    return found


def unseen(members: frozenset[Address]) -> str:
    """Why rules do not see all that these send each other; empty when they do."""
    try:
        wanted = unjudged(members)
    except (OSError, ValueError) as error:
        return f"whether pods reach each other past the rules cannot be seen: {error}"
    if not wanted:
        return ""
    how = " and ".join(f"{one} to 1" for one in wanted)
    return f"pods on one bridge reach each other past the rules: load the module br_netfilter, and set {how}"


class Refused(NamedTuple):
    """A connection that was refused within the last minute. port: of the destination."""

    source: Address
    destination: Address
    protocol: Protocol
    port: int


async def refused() -> tuple[Refused, ...]:
    """Sorted. Raises as `nft` does."""
    found = [
        one
        for name in REFUSED.values()
        for item in await _listed("list", "set", "inet", TABLE, name)
        for element in (item.get("set") or {}).get("elem") or ()
        if (one := read_refused(element)) is not None
    ]
    return tuple(sorted(found, key=lambda one: (one.source.version, *one)))


def read_refused(element: Any) -> Refused | None:
    """An element of a set as nft says it; None for what is not of these. Pure."""
    try:
        source, destination, protocol, port = element["elem"]["val"]["concat"]
        said = NUMBERS.get(protocol) or Protocol(str(protocol).upper())
        return Refused(ipaddress.ip_address(source), ipaddress.ip_address(destination), said, int(port))
    except (KeyError, TypeError, ValueError):
        return None


async def others() -> str:
    """Who else enforces policies here; empty when nobody does. Raises as `nft` does."""
    for item in await _listed("list", "chains"):
        said = item.get("chain") or {}
        name, table = str(said.get("name", "")), str(said.get("table", ""))
        if table != TABLE and (name.startswith(_OTHERS) or any(one in table for one in _OTHER_TABLES)):
            return f"chain {name} of table {table}"
    return ""


async def _listed(*words: str) -> list[dict[str, Any]]:
    text = await nft("-j", *words)
    try:
        found: list[dict[str, Any]] = msgspec.json.decode(text or '{"nftables": []}')["nftables"]
    except (msgspec.DecodeError, KeyError, TypeError) as error:
        raise Permanent(f"nft -j {' '.join(words)} says what cannot be read: {error}") from error
    return found
