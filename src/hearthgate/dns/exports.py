"""The hosts as files for other name servers of the house. Pure.

What a format cannot say stands as a comment in the file: nothing is left out in silence.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from hearthgate.dns.names.model import Address, Name

MARK: Final = "hearthgate dns export"
_WILDCARD: Final = "*."


class Line(NamedTuple):
    """host: without `*.`. aliased: the name that it is another one for; addresses are empty then."""

    host: str
    is_wildcard: bool
    addresses: tuple[Address, ...]
    aliased: str = ""


def lines_of(names: Iterable[Name]) -> tuple[Line, ...]:
    """One for each host that leads somewhere, sorted."""
    addresses: dict[str, set[Address]] = {}
    aliases: dict[str, str] = {}
    for name in names:
        addresses.setdefault(name.host, set()).update(name.addresses)
        if not name.addresses and len(name.hints.targets) == 1:
            aliases.setdefault(name.host, name.hints.targets[0])
    found = []
    for host, held in sorted(addresses.items()):
        ordered = tuple(sorted(held, key=lambda one: (one.version, int(one))))
        aliased = "" if ordered else aliases.get(host, "")
        if ordered or aliased:
            found.append(Line(host.removeprefix(_WILDCARD), host.startswith(_WILDCARD), ordered, aliased))
    return tuple(found)


def hosts(lines: Iterable[Line]) -> Iterator[str]:
    """/etc/hosts, a line for each address."""
    yield f"# BEGIN {MARK}"
    names: dict[Address, list[str]] = {}
    for line in lines:
        if line.is_wildcard:
            yield f"# *.{line.host}: a hosts file has no wildcards"
        elif line.aliased:
            yield f"# {line.host} is {line.aliased}: a hosts file has addresses only"
        for address in line.addresses if not line.is_wildcard else ():
            names.setdefault(address, []).append(line.host)
    for address, held in sorted(names.items(), key=lambda item: (item[0].version, int(item[0]))):
        yield f"{address} {' '.join(held)}"
    yield f"# END {MARK}"


def dnsmasq(lines: Iterable[Line]) -> Iterator[str]:
    """A file for /etc/dnsmasq.d. `local`: the other family is empty, else clients take the public address."""
    yield f"# {MARK}"
    for line in lines:
        if line.aliased:
            yield f"cname={line.host},{line.aliased}"
            continue
        if line.is_wildcard:
            yield from (f"address=/{line.host}/{address}" for address in line.addresses)
        else:
            yield f"host-record={line.host},{','.join(map(str, line.addresses))}"
        yield f"local=/{line.host}/"


def unbound(lines: Iterable[Line]) -> Iterator[str]:
    """A file for /etc/unbound/unbound.conf.d."""
    yield f"# {MARK}"
    yield "server:"
    for line in lines:
        if line.aliased:
            yield f'  local-zone: "{line.host}." redirect'
            yield f'  local-data: "{line.host}. CNAME {line.aliased}."'
            continue
        yield f'  private-domain: "{line.host}."'
        yield f'  local-zone: "{line.host}." {"redirect" if line.is_wildcard else "static"}'
        yield from (f'  local-data: "{line.host}. {_type(one)} {one}"' for one in line.addresses)


def pihole(lines: Iterable[Line]) -> Iterator[str]:
    """The [dns] and [misc] parts of /etc/pihole/pihole.toml (version 6)."""
    listed = tuple(lines)
    plain = [f"{address} {line.host}" for line in listed if not line.is_wildcard for address in line.addresses]
    aliases = [f"{line.host},{line.aliased}" for line in listed if line.aliased and not line.is_wildcard]
    wild = [f"address=/{line.host}/{address}" for line in listed if line.is_wildcard for address in line.addresses]
    yield f"# {MARK}"
    yield "[dns]"
    yield f"hosts = [{_quoted(plain)}]"
    yield f"cnameRecords = [{_quoted(aliases)}]"
    yield "[misc]"
    yield f"dnsmasq_lines = [{_quoted(wild)}]"


def adguard(lines: Iterable[Line]) -> Iterator[str]:
    """The part `filtering.rewrites` of AdGuardHome.yaml."""
    yield f"# {MARK}"
    yield "rewrites:"
    for line in lines:
        domain = f"*.{line.host}" if line.is_wildcard else line.host
        for answer in (*map(str, line.addresses), *((line.aliased,) if line.aliased else ())):
            yield f"  - domain: '{domain}'"
            yield f"    answer: '{answer}'"
            yield "    enabled: true"


def coredns(lines: Iterable[Line]) -> Iterator[str]:
    """Server blocks for a Corefile."""
    yield f"# {MARK}"
    for line in lines:
        zone = line.host
        yield f"{zone} {{"
        name = r"^(.*\.)?" if line.is_wildcard else "^"
        escaped = zone.replace(".", r"\.")
        if line.aliased:
            yield f"    template IN ANY {zone} {{"
            yield f'        match "{name}{escaped}\\.$"'
            yield f'        answer "{{{{ .Name }}}} 60 IN CNAME {line.aliased}."'
            yield "    }"
        for type_ in ("A", "AAAA"):
            answers = [address for address in line.addresses if _type(address) == type_]
            if not line.aliased:
                yield f"    template IN {type_} {zone} {{"
                yield f'        match "{name}{escaped}\\.$"'
                yield from (f'        answer "{{{{ .Name }}}} 60 IN {type_} {one}"' for one in answers)
                yield "        rcode NOERROR"
                yield "    }"
        yield "}"


FORMATS: Final[Mapping[str, Callable[[Iterable[Line]], Iterator[str]]]] = {
    "hosts": hosts,
    "dnsmasq": dnsmasq,
    "unbound": unbound,
    "pihole": pihole,
    "adguard": adguard,
    "coredns": coredns,
}


def _type(address: Address) -> str:
    return "A" if address.version == 4 else "AAAA"


def _quoted(items: Iterable[str]) -> str:
    return ", ".join(f'"{item}"' for item in items)
