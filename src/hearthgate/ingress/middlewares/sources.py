"""What tells clients apart where requests are counted (`sourceCriterion` of rateLimit and inFlightReq)."""

from enum import StrEnum
from ipaddress import ip_network

import msgspec

from hearthgate.ingress.middlewares.address_sets import expanded
from hearthgate.ingress.middlewares.draft import Draft
from hearthgate.ingress.middlewares.header_fields import check_name
from hearthgate.model.problems import shorten
from hearthgate.resources.traefik.limits import IPStrategy, SourceCriterion


class SourceKind(StrEnum):
    PEER = "peer"
    FORWARDED = "forwarded"
    HEADER = "header"
    HOST = "host"


class Source(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """kind: the peer's address, an address of X-Forwarded-For, a request header, or the host that is asked for.

    depth, excluded: of FORWARDED, the `depth`-th address from the right, or with depth 0 the rightmost that is in
    none of these networks. ipv6_subnet: bits of an IPv6 address that count. header: lower case.
    """

    kind: SourceKind = SourceKind.PEER
    depth: int = 0
    excluded: tuple[str, ...] = ()
    ipv6_subnet: int = 128
    header: str = ""


def source(criterion: SourceCriterion | None, draft: Draft, default: SourceKind) -> Source:
    """The checked criterion; mistakes are named below `sourceCriterion`."""
    given = criterion or SourceCriterion()
    chosen = [
        name
        for name, is_set in (
            ("ipStrategy", given.ip_strategy is not None),
            ("requestHeaderName", bool(given.request_header_name)),
            ("requestHost", given.request_host),
        )
        if is_set
    ]
    if len(chosen) > 1:
        draft.refuse("sourceCriterion", f"{' and '.join(chosen)} exclude each other: keep one of them")
    elif given.request_header_name:
        check_name(draft, "sourceCriterion.requestHeaderName", given.request_header_name)
        return Source(kind=SourceKind.HEADER, header=given.request_header_name.lower())
    elif given.request_host:
        return Source(kind=SourceKind.HOST)
    elif given.ip_strategy is not None:
        return _address(given.ip_strategy, draft)
    return Source(kind=default)


def _address(strategy: IPStrategy, draft: Draft) -> Source:
    subnet = strategy.ipv6_subnet
    if subnet is not None and not 0 < subnet <= 128:
        draft.refuse("sourceCriterion.ipStrategy.ipv6Subnet", f"must be 1 to 128, not {subnet}")
        subnet = None
    excluded = []
    for index, text in expanded(strategy.excluded_ips):
        try:
            excluded.append(str(ip_network(text.strip(), strict=False)))
        except ValueError:
            message = f"not an address or network: {shorten(text)} (192.168.1.0/24, fd00::/8)"
            draft.refuse(f"sourceCriterion.ipStrategy.excludedIPs[{index}]", message)
    bits = subnet or 128
    if strategy.depth:
        if excluded:
            message = "has no effect beside depth: take one of the two out"
            draft.warn("sourceCriterion.ipStrategy.excludedIPs", message)
        return Source(kind=SourceKind.FORWARDED, depth=strategy.depth, ipv6_subnet=bits)
    if excluded:
        return Source(kind=SourceKind.FORWARDED, excluded=tuple(sorted(set(excluded))), ipv6_subnet=bits)
    return Source(ipv6_subnet=bits)
