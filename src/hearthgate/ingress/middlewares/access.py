"""ipAllowList and its deprecated twin ipWhiteList (traefik.io Middleware)."""

from collections.abc import Iterable
from http import HTTPStatus
from ipaddress import IPv6Network, ip_network

import msgspec

from hearthgate.ingress.middlewares.address_sets import expanded
from hearthgate.ingress.middlewares.draft import Draft
from hearthgate.ingress.middlewares.middleware import Middleware
from hearthgate.model.problems import Reason, shorten
from hearthgate.resources.traefik import access as spec
from hearthgate.resources.traefik.limits import IPStrategy


class ForwardedStrategy(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Reads the client's address from X-Forwarded-For: the `depth`-th from the right, or with depth 0 the
    rightmost that is in none of `excluded`. `ipv6_subnet`: bits of an IPv6 address that count, 128 = all."""

    depth: int = 0
    excluded: tuple[str, ...] = ()
    ipv6_subnet: int = 128


class IPAllowList(Middleware, frozen=True, kw_only=True):
    """Refuses with `status` who comes from none of `ranges` (networks). `strategy` None: the peer's address."""

    ranges: tuple[str, ...]
    status: int = 403
    strategy: ForwardedStrategy | None = None


def ip_allow_list(options: spec.IPAllowList, draft: Draft) -> IPAllowList:
    status = options.reject_status_code
    if status not in HTTPStatus._value2member_map_ or status < 200:
        draft.refuse("rejectStatusCode", f"not the status of an answer: {status} (use 403)")
    return _allow_list(options, draft, status)


def ip_white_list(options: spec.IPWhiteList, draft: Draft) -> IPAllowList:
    draft.warn("", "is deprecated: use ipAllowList, which takes the same options", Reason.DEPRECATED)
    return _allow_list(options, draft, 403)


def _allow_list(options: spec.IPAllowList | spec.IPWhiteList, draft: Draft, status: int) -> IPAllowList:
    if not options.source_range:
        draft.refuse("sourceRange", "is required: list the networks that may pass", Reason.MISSING_FIELD)
    ranges = networks(options.source_range, draft, "sourceRange")
    strategy = options.ip_strategy or IPStrategy()
    subnet = strategy.ipv6_subnet
    if subnet is not None and not 0 < subnet <= 128:
        draft.refuse("ipStrategy.ipv6Subnet", f"must be 1 to 128, not {subnet}")
        subnet = None
    excluded = networks(strategy.excluded_ips, draft, "ipStrategy.excludedIPs")
    forwarded = None
    if strategy.depth:
        forwarded = ForwardedStrategy(depth=strategy.depth, ipv6_subnet=subnet or 128)
        if excluded:
            draft.warn("ipStrategy.excludedIPs", "has no effect beside depth: take one of the two out")
    elif excluded:
        forwarded = ForwardedStrategy(excluded=excluded)
        if subnet is not None:
            draft.warn("ipStrategy.ipv6Subnet", "has no effect beside excludedIPs, as upstream")
    elif subnet is not None:
        ranges = _masked(ranges, subnet)
    return IPAllowList(name=draft.name, ranges=ranges, status=status, strategy=forwarded)


def networks(texts: Iterable[str], draft: Draft, field: str) -> tuple[str, ...]:
    """The networks, canonical and sorted. As upstream, host bits beyond the prefix do not matter."""
    networks = set()
    for index, text in expanded(texts):
        try:
            networks.add(ip_network(text.strip(), strict=False))
        except ValueError:
            message = f"not an address or network: {shorten(text)} (192.168.1.0/24, fd00::/8, cloudflare, private)"
            draft.refuse(f"{field}[{index}]", message)
    return tuple(
        str(network) for network in sorted(networks, key=lambda one: (one.version, one.network_address, one))
    )


def _masked(ranges: tuple[str, ...], bits: int) -> tuple[str, ...]:
    """The ranges that hold exactly the addresses whose first `bits` (IPv6), the rest zero, are in `ranges`."""
    kept = []
    for text in ranges:
        network = ip_network(text)
        if isinstance(network, IPv6Network) and network.prefixlen > bits:
            wider = network.supernet(new_prefix=bits)
            if wider.network_address != network.network_address:
                continue
            network = wider
        kept.append(str(network))
    return tuple(dict.fromkeys(kept))
