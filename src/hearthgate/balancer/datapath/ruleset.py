"""Rules as one table of nftables, which replaces the one before in a single transaction. Pure.

A packet costs the same few look-ups however many Services there are: a verdict map finds the chain for the number
of targets, and a map the target, by place and a number below it, drawn by chance or from the client's address.
Only the first packet of a connection gets so far: the kernel remembers the rest, and goes on when rules change.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from hearthgate.balancer.datapath.rules import Place, Rule

TABLE: Final = "hearthgate_services"
REMOVAL: Final = f"table inet {TABLE}\ndelete table inet {TABLE}\n"
"""Also right where there is no table: the first line makes one."""
_IP: Final = {4: "ip", 6: "ip6"}
_TYPE: Final = {4: "ipv4_addr", 6: "ipv6_addr"}
_SEED: Final = "0x68656172"
"""Any number, but always the same: clients stay where they are when the table is made again."""


def ruleset(rules: Iterable[Rule]) -> str:
    """For `nft -f`. Without rules the table is removed. The same rules give the same text."""
    ordered = tuple(rules)
    if not ordered:
        return REMOVAL
    return f"{REMOVAL}table inet {TABLE} {{\n{''.join(_content(ordered))}}}\n"


def _content(rules: tuple[Rule, ...]) -> Iterator[str]:
    for version in (4, 6):
        own = [rule for rule in rules if rule.place.address.version == version]
        yield from _sets(version, own)
        for sticky, count in sorted({(rule.is_sticky, len(rule.targets)) for rule in own if rule.targets}):
            yield _spread(version, sticky=sticky, count=count)
    yield from _hooks()


def _sets(version: int, rules: list[Rule]) -> Iterator[str]:
    type_, ip = _TYPE[version], _IP[version]
    place = f"{type_} . inet_proto . inet_service"
    leading = [rule for rule in rules if rule.targets]
    yield _set("map", f"services{version}", f"type {place} : verdict", map(_service, leading))
    yield _set(
        "map",
        f"targets{version}",
        f"typeof {ip} daddr . meta l4proto . th dport . numgen random mod 2 : {ip} daddr . th dport",
        (element for rule in leading for element in _targets(rule)),
    )
    yield _set("set", f"masquerade{version}", f"type {type_} . {place}", _masqueraded(leading))
    yield _set("set", f"hairpin{version}", f"type {type_} . {type_}", _hairpins(leading))
    yield _set("set", f"refused{version}", f"type {place}", (_at(r.place) for r in rules if not r.targets))
    guarded = [rule for rule in rules if rule.sources is not None]
    yield _set("set", f"guarded{version}", f"type {place}", (_at(rule.place) for rule in guarded))
    sources = (f"{_at(rule.place)} . {network}" for rule in guarded for network in rule.sources or ())
    yield _set("set", f"allowed{version}", f"type {place} . {type_}; flags interval", sources)


def _set(kind: str, name: str, type_: str, elements: Iterable[str]) -> str:
    listed = ",\n".join(elements)
    filled = f" elements = {{\n{listed}\n}}\n" if listed else ""
    declared = "".join(f" {part}\n" for part in type_.split("; "))
    return f"{kind} {name} {{\n{declared}{filled}}}\n"


def _at(place: Place) -> str:
    return f"{place.address} . {place.protocol} . {place.port}"


def _service(rule: Rule) -> str:
    version = rule.place.address.version
    return f"{_at(rule.place)} : goto {_chain(version, sticky=rule.is_sticky, count=len(rule.targets))}"


def _targets(rule: Rule) -> Iterator[str]:
    for number, target in enumerate(rule.targets):
        yield f"{_at(rule.place)} . {number} : {target.address} . {target.port}"


def _masqueraded(rules: Iterable[Rule]) -> Iterator[str]:
    """Targets on other machines would answer the client themselves, who knows nothing of them."""
    return iter(
        dict.fromkeys(
            f"{rule.place.address} . {target.address} . {rule.place.protocol} . {target.port}"
            for rule in rules
            if not rule.keeps_client
            for target in rule.targets
            if target.address != rule.place.address
        )
    )


def _hairpins(rules: Iterable[Rule]) -> Iterator[str]:
    """A server that comes to itself by the Service's address would take the answer for one of its own."""
    return iter(
        dict.fromkeys(
            f"{target.address} . {target.address}"
            for rule in rules
            if rule.keeps_client
            for target in rule.targets
            if target.address != rule.place.address
        )
    )


def _chain(version: int, *, sticky: bool, count: int) -> str:
    return f"{'stick' if sticky else 'spread'}{version}_{count}"


def _spread(version: int, *, sticky: bool, count: int) -> str:
    ip = _IP[version]
    number = f"jhash {ip} saddr mod {count} seed {_SEED}" if sticky else f"numgen random mod {count}"
    key = f"{ip} daddr . meta l4proto . th dport . {number}"
    return (
        f"chain {_chain(version, sticky=sticky, count=count)} {{\n"
        f" meta l4proto {{ tcp, udp, sctp }} dnat {ip} to {key} map @targets{version}\n}}\n"
    )


def _hooks() -> Iterator[str]:
    """The priorities are those of the hooks' own purpose; output knows no name for it. Who may not come is turned
    away before the connection gets another target."""
    families = (4, 6)
    places = {version: f"{_IP[version]} daddr . meta l4proto . th dport" for version in families}
    lead = [f"{places[version]} vmap @services{version}" for version in families]
    yield _hook("prerouting", "nat hook prerouting priority dstnat", lead)
    yield _hook("output", "nat hook output priority -100", lead)
    masquerade = []
    for version in families:
        ip = _IP[version]
        key = f"ct original {ip} daddr . {ip} daddr . meta l4proto . th dport"
        masquerade.append(f"ct status dnat {key} @masquerade{version} masquerade")
        masquerade.append(f"ct status dnat {ip} saddr . {ip} daddr @hairpin{version} masquerade")
    yield _hook("postrouting", "nat hook postrouting priority srcnat", masquerade)
    guard = [f"{places[v]} @guarded{v} {places[v]} . {_IP[v]} saddr != @allowed{v} drop" for v in families]
    yield _hook("guard", "filter hook prerouting priority dstnat - 10", guard)
    refuse = []
    for version in families:
        refuse.append(f"{places[version]} @refused{version} meta l4proto tcp reject with tcp reset")
        refuse.append(f"{places[version]} @refused{version} reject")
    yield _hook("refuse", "filter hook input priority filter", refuse)


def _hook(name: str, place: str, rules: Iterable[str]) -> str:
    lines = "".join(f" {rule}\n" for rule in rules)
    return f"chain {name} {{\n type {place}; policy accept;\n{lines}}}\n"
