"""From the policies of pods to chains of nftables, and from one state to the next in a transaction. Pure.

Each isolated pod has a chain of its own for each direction, which stays for as long as it is isolated: a change
flushes and refills it, which the kernel does for every packet at once. Sets of addresses never change: other
contents are other sets, by name. Verdict maps are changed only when a pod becomes isolated or is so no more. So at
no moment anything forbidden passes. What belongs to an answer passes. Everything else is judged packet by packet:
connections end with the permission for them.
"""

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from typing import Final, NamedTuple

from hearthgate.policy.compiled import Block, Network, Policy, Rule
from hearthgate.policy.ends import Address, PodEnd
from hearthgate.policy.ports import ALL, NONE, PortSet, Protocol
from hearthgate.policy.tiers import TierPolicy
from hearthgate.policy.world import Direction, World, rules_of

TABLE: Final = "hearthgate_policies"
REMOVAL: Final = f"table inet {TABLE}\ndelete table inet {TABLE}\n"
"""Also right where there is no table: the first line makes one."""
_FORWARD: Final = "forward"
_FAMILIES: Final = (4, 6)
_IP: Final = {4: "ip", 6: "ip6"}
_TYPE: Final = {4: "ipv4_addr", 6: "ipv6_addr"}
_MAPS: Final = {Direction.EGRESS: "from", Direction.INGRESS: "to"}
_LONGEST_COMMENT: Final = 120
_REFUSED: Final = "refused"
"""The chain that refuses, for all pods, and remembers whom."""
REFUSED: Final = {version: f"{_REFUSED}{version}" for version in _FAMILIES}
"""Sets of who was refused lately: addresses of source and destination, protocol, port."""
_MOST_REFUSED: Final = 4096
_REMEMBERED: Final = "1m"


class State(NamedTuple):
    """chains: the rules of each, without the base chain. sets: what declares each. elements: of each map, the
    chain by address. counters: whose denied packets each counts: the pod and the direction."""

    chains: Mapping[str, tuple[str, ...]] = {}
    sets: Mapping[str, str] = {}
    elements: Mapping[str, Mapping[str, str]] = {}
    counters: Mapping[str, tuple[str, Direction]] = {}


def state_of(world: World, pods: Iterable[PodEnd]) -> State:
    """For these pods, which this machine forwards for; only those with addresses."""
    builder = _Builder(world)
    for pod in sorted(pods, key=lambda one: one.key):
        if pod.addresses and not pod.host_network:
            for direction in Direction:
                builder.add(pod, direction)
    return builder.state()


def transaction(before: State | None, after: State) -> str:
    """For `nft -f`. before: as it is in the kernel, of which contents count only where they are known; None: there
    is no table. What is as it shall be is left alone."""
    if not after.chains:
        return REMOVAL if before is not None else ""
    old = before or State()
    lines = list(_base()) if before is None else []
    lines += (f"add {after.sets[name]}" for name in sorted(after.sets.keys() - old.sets.keys()))
    lines += (f"add counter inet {TABLE} {name}" for name in sorted(after.counters.keys() - old.counters.keys()))
    lines += (f"add chain inet {TABLE} {name}" for name in sorted(after.chains.keys() - old.chains.keys()))
    for name, rules in sorted(after.chains.items()):
        if old.chains.get(name) != rules:
            lines.append(f"flush chain inet {TABLE} {name}")
            lines += (f"add rule inet {TABLE} {name} {rule}" for rule in rules)
    gone = sorted(old.chains.keys() - after.chains.keys())
    lines += (f"flush chain inet {TABLE} {name}" for name in gone)  # it returns before nothing leads to it
    lines += _moved(old, after)
    lines += (f"delete chain inet {TABLE} {name}" for name in gone)
    lines += (f"delete set inet {TABLE} {name}" for name in sorted(old.sets.keys() - after.sets.keys()))
    lines += (
        f"delete counter inet {TABLE} {name}" for name in sorted(old.counters.keys() - after.counters.keys())
    )
    return "".join(f"{line}\n" for line in lines)


def _moved(old: State, after: State) -> Iterator[str]:
    for version in _FAMILIES:
        for word in _MAPS.values():
            name = f"{word}{version}"
            had, has = old.elements.get(name, {}), after.elements.get(name, {})
            for address in sorted(had.keys() - has.keys()):
                yield f"delete element inet {TABLE} {name} {{ {address} }}"
            for address in sorted(has.keys() & had.keys()):
                if had[address] != has[address]:
                    yield f"delete element inet {TABLE} {name} {{ {address} }}"
                    yield f"add element inet {TABLE} {name} {{ {address} : jump {has[address]} }}"
            for address in sorted(has.keys() - had.keys()):
                yield f"add element inet {TABLE} {name} {{ {address} : jump {has[address]} }}"


def _base() -> Iterator[str]:
    """Made once. The priority is before that of most firewalls, whose word counts as well. What one of the two
    chains accepts the other still judges."""
    yield f"add table inet {TABLE}"
    for version in _FAMILIES:
        for word in _MAPS.values():
            yield f"add map inet {TABLE} {word}{version} {{ type {_TYPE[version]} : verdict; }}"
    for place, (direction, word) in enumerate(_MAPS.items()):
        name = f"{_FORWARD}_{word}"
        hook = f"type filter hook forward priority filter - {6 - place}; policy accept;"
        yield f"add chain inet {TABLE} {name} {{ {hook} }}"
        yield f"flush chain inet {TABLE} {name}"
        rules = [
            "ct direction reply ct state established,related accept",
            "ct state related accept",
            "meta l4proto ipv6-icmp icmpv6 type { 133-137 } accept",
        ]
        side = "daddr" if direction is Direction.INGRESS else "saddr"
        rules += (f"{_IP[version]} {side} vmap @{word}{version}" for version in _FAMILIES)
        yield from (f"add rule inet {TABLE} {name} {rule}" for rule in rules)


class _Builder:
    def __init__(self, world: World) -> None:
        self._world = world
        self._chains: dict[str, tuple[str, ...]] = {}
        self._sets: dict[str, str] = {}
        self._elements: dict[str, dict[str, str]] = {}
        self._counters: dict[str, tuple[str, Direction]] = {}

    def state(self) -> State:
        if self._counters:
            self._chains[_REFUSED] = tuple(_refusal())
            for version, name in REFUSED.items():
                type_ = f"type {_TYPE[version]} . {_TYPE[version]} . inet_proto . inet_service"
                kept = f"flags dynamic,timeout; timeout {_REMEMBERED}; size {_MOST_REFUSED};"
                self._sets[name] = f"set inet {TABLE} {name} {{ {type_}; {kept} }}"
        return State(self._chains, self._sets, self._elements, self._counters)

    def add(self, pod: PodEnd, direction: Direction) -> None:
        """Nothing for a pod of which no policy speaks in the direction."""
        world = self._world
        isolating = world.isolates(direction, pod.key)
        admin, baseline = (self._tier(pod, direction, name) for name in ("Admin", "Baseline"))
        if not (isolating or admin or baseline):
            return
        mark = blake2b(f"{pod}/{direction}".encode(), digest_size=8).hexdigest()
        chain, counter = f"{_MAPS[direction]}_{mark}", f"denied_{mark}"
        deny = f"counter name {counter} goto {_REFUSED}"
        own = [f"{_IP[one.version]} {_side(direction)} {one} accept" for one in pod.addresses]
        rest = list(self._tiered(baseline, direction, pod, deny=deny, passed=""))
        if isolating:
            rest = [f"jump {self._shared(isolating, direction, pod)}", deny]
        if admin:
            first = self._tiered(admin, direction, pod, deny=deny, passed=f"{chain}_np")
            self._chains[f"{chain}_np"] = tuple(rest)
            rest = [*first, f"goto {chain}_np"]
        self._chains[chain] = (*own, *rest)
        self._counters[counter] = str(pod), direction
        for address in pod.addresses:
            name = f"{_MAPS[direction]}{address.version}"
            self._elements.setdefault(name, {})[str(address)] = chain

    def _shared(self, isolating: Iterable[Policy], direction: Direction, pod: PodEnd) -> str:
        """The chain that accepts what these policies allow, one for all pods for which that comes to the same. It
        never changes: other contents are another chain."""
        rules: list[str] = []
        for policy in isolating:
            for rule in rules_of(policy, direction) or ():
                rules += (
                    f"{match} counter accept{_comment(rule)}".strip()
                    for match in self._matches(rule, direction, pod)
                )
        name = f"allowed_{_digest(chr(10).join(rules))}"
        self._chains[name] = tuple(rules)
        return name

    def _tier(self, pod: PodEnd, direction: Direction, name: str) -> tuple[TierPolicy, ...]:
        found = (one for one in self._world.tiers[name] if pod.key in one.pods)
        return tuple(one for one in found if (one.ingress if direction is Direction.INGRESS else one.egress))

    def _tiered(
        self, tier: Iterable[TierPolicy], direction: Direction, pod: PodEnd, *, deny: str, passed: str
    ) -> Iterator[str]:
        """Ordered rules: accepted, denied, or passed on to a chain; without one it is open then."""
        for policy in tier:
            for each in policy.ingress if direction is Direction.INGRESS else policy.egress:
                for match in self._matches(each.rule, direction, pod):
                    match each.action:
                        case "Accept":
                            yield f"{match} counter accept{_comment(each.rule)}".strip()
                        case "Pass":
                            yield f"{match} {f'goto {passed}' if passed else 'return'}".strip()
                        case "Deny":
                            yield f"{match} {deny}".strip()

    def _matches(self, rule: Rule, direction: Direction, pod: PodEnd) -> Iterator[str]:
        """Conditions under which a rule lets a packet through, each for one rule of the kernel."""
        if direction is Direction.INGRESS:
            for ports in _ports(rule.ports_at(pod)):
                yield from (f"{peer} {ports}".strip() for peer in self._peers(rule, "saddr", pod))
            return
        for ports in _ports(rule.numbers):
            yield from (f"{peer} {ports}".strip() for peer in self._peers(rule, "daddr", pod))
        if rule.named:
            yield from self._named(rule)

    def _peers(self, rule: Rule, side: str, pod: PodEnd) -> Iterator[str]:
        if rule.everybody:
            yield ""
            return
        versions = {address.version for address in pod.addresses}
        for version in sorted(versions):
            known = self._addresses(rule.pods, version)
            if known:
                yield f"{_IP[version]} {side} @{self._set(version, known)}"
        for block in rule.blocks:
            if block.network.version in versions:
                yield _block(block, side)

    def _named(self, rule: Rule) -> Iterator[str]:
        """Ports by name, as each pod that is reached numbers them: pairs of address and port."""
        pairs: dict[int, set[str]] = {4: set(), 6: set()}
        for end in self._world.pods.values():
            if end.host_network or not (rule.everybody or rule.knows(end)):
                continue
            extra = rule.ports_at(end) & ~rule.numbers
            for protocol in Protocol:
                for first, last in extra.of(protocol):
                    for address in end.addresses:
                        pairs[address.version] |= {
                            f"{address} . {protocol.lower()} . {port}" for port in range(first, last + 1)
                        }
        for version, found in pairs.items():
            if found:
                listed = ", ".join(sorted(found))
                name = f"n{version}_{_digest(listed)}"
                type_ = f"type {_TYPE[version]} . inet_proto . inet_service"
                self._sets[name] = f"set inet {TABLE} {name} {{ {type_}; elements = {{ {listed} }}; }}"
                yield f"{_IP[version]} daddr . meta l4proto . th dport @{name}"

    def _addresses(self, keys: Iterable[tuple[str, str]], version: int) -> tuple[Address, ...]:
        found = {
            address for key in keys for address in self._world.pods[key].addresses if address.version == version
        }
        return tuple(sorted(found, key=int))

    def _set(self, version: int, addresses: tuple[Address, ...]) -> str:
        listed = ", ".join(map(str, addresses))
        name = f"p{version}_{_digest(listed)}"
        self._sets[name] = f"set inet {TABLE} {name} {{ type {_TYPE[version]}; elements = {{ {listed} }}; }}"
        return name


def _refusal() -> Iterator[str]:
    """A full set does not keep from refusing. The last rule is for what no reset is for."""
    for version, name in REFUSED.items():
        ip = _IP[version]
        flow = f"{ip} saddr . {ip} daddr . meta l4proto . th dport"
        yield f"meta nfproto ipv{version} meta l4proto {{ tcp, udp, sctp }} update @{name} {{ {flow} }}"
    yield "meta l4proto tcp reject with tcp reset"
    yield "reject with icmpx type admin-prohibited"


def _side(direction: Direction) -> str:
    """Where the other end is: a pod that reaches itself through a Service comes by here."""
    return "saddr" if direction is Direction.INGRESS else "daddr"


def _block(block: Block, side: str) -> str:
    ip = _IP[block.network.version]
    whole = (
        f"{ip} {side} {block.network}" if block.network.prefixlen else f"meta nfproto ipv{block.network.version}"
    )
    same = [one for one in block.excepts if one.version == block.network.version]
    excepts = ", ".join(map(str, _collapsed(same)))
    return f"{whole} {ip} {side} != {{ {excepts} }}" if excepts else whole


def _collapsed(networks: Iterable[Network]) -> Iterator[Network]:
    """Overlapping intervals are refused by the kernel."""
    yield from ipaddress.collapse_addresses(networks)  # type: ignore[type-var]


def _ports(ports: PortSet) -> Iterator[str]:
    """Empty for all; nothing for none."""
    if ports == ALL:
        yield ""
        return
    if ports == NONE:
        return
    parts = [
        f"{protocol.lower()} . {first}-{last}" if first != last else f"{protocol.lower()} . {first}"
        for protocol in Protocol
        for first, last in ports.of(protocol)
    ]
    if parts:
        yield f"meta l4proto . th dport {{ {', '.join(parts)} }}"
    if ports.other:
        yield f"meta l4proto != {{ {', '.join(one.lower() for one in Protocol)} }}"


def _comment(rule: Rule) -> str:
    text = f"{rule.policy.namespace}/{rule.policy.name}#{rule.place}".replace('"', "")[:_LONGEST_COMMENT]
    return f' comment "{text}"'


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=8).hexdigest()
