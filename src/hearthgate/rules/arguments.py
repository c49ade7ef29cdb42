"""What upstream refuses in the arguments of a matcher when a rule is built."""

import functools
import ipaddress
import re
from typing import Final

from hearthgate.model.problems import shorten
from hearthgate.rules.pattern import alternatives
from hearthgate.rules.regex import regex_error
from hearthgate.rules.syntax import ARGUMENT_COUNTS, Matcher

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_PREFIX_LENGTH: Final = re.compile(r"\d{1,3}", re.ASCII)
_MAPPED_BITS: Final = 96
_HOSTS: Final = (Matcher.HOST, Matcher.HOST_REGEXP, Matcher.HOST_SNI, Matcher.HOST_SNI_REGEXP)
_SNI: Final = re.compile(r"\*|(?:\*\.)?[\w.:-]+", re.ASCII)
_LONGEST_PROTOCOL: Final = 255
"""Bytes, RFC 7301 3.1."""
_ACME_PROTOCOL: Final = "acme-tls/1"


def count_error(matcher: Matcher, count: int) -> str | None:
    """Why `matcher` cannot take `count` arguments, or None."""
    expected = ARGUMENT_COUNTS[matcher]
    if count in expected:
        return None
    numbers = " or ".join(map(str, expected))
    hint = f": one value each, alternatives are joined with '||' ({matcher.value}(`a`) || {matcher.value}(`b`))"
    way_out = hint if count > max(expected) and max(expected) == 1 else ""
    return f"{matcher.value} takes {numbers} argument{'s' * (expected != (1,))}, got {count}{way_out}"


def argument_error(matcher: Matcher, arguments: tuple[str, ...], index: int) -> str | None:
    """Why the argument at `index` is refused, or None. `arguments` has the right length."""
    value = arguments[index]
    if not value:
        return f"an argument of {matcher.value} is empty"
    if matcher in _HOSTS and not value.isascii():
        return f"{matcher.value} {shorten(value)} is not ASCII (write the punycode form: xn--…)"
    if matcher in (Matcher.PATH, Matcher.PATH_PREFIX) and not value.startswith("/"):
        return f"{matcher.value} {shorten(value)} does not start with '/'"
    if matcher is Matcher.HOST_SNI and not _SNI.fullmatch(value):
        return f"HostSNI {shorten(value)} is not a host name, '*.' with one, or '*'"
    if matcher is Matcher.ALPN:
        return _protocol_error(value)
    if matcher is Matcher.CLIENT_IP and client_network(value) is None:
        return f"ClientIP {shorten(value)} is neither an IP address nor a CIDR such as 192.168.1.0/24"
    if is_pattern(matcher, index) and (reason := regex_error(value)):
        return f"{matcher.value} {shorten(value)} is not a regular expression: {reason}"
    if matcher is Matcher.QUERY_REGEXP and index == 1 and alternatives(value) is None:
        return (
            f"QueryRegexp {shorten(value)}: '^' and '$' are supported only at the ends of the pattern "
            "or of its top-level alternatives, '\\b' and '\\B' not at all"
        )
    return None


def _protocol_error(value: str) -> str | None:
    if value == _ACME_PROTOCOL:
        return f"ALPN {_ACME_PROTOCOL} is kept for certificates: no route may ask for it"
    if len(value.encode()) > _LONGEST_PROTOCOL:
        return f"ALPN {shorten(value)}: a protocol's name has at most {_LONGEST_PROTOCOL} bytes"
    return None


def is_pattern(matcher: Matcher, index: int) -> bool:
    """Whether the argument at `index` is a regular expression."""
    match matcher:
        case Matcher.HOST_REGEXP | Matcher.HOST_SNI_REGEXP | Matcher.PATH_REGEXP:
            return True
        case Matcher.HEADER_REGEXP | Matcher.QUERY_REGEXP:
            return index == 1
        case _:
            return False


@functools.lru_cache(maxsize=4096)
def client_network(text: str) -> Network | None:
    """The addresses that a ClientIP argument names, host bits dropped; None if it names none.

    Notation is Go's: no netmasks, no zones; IPv4 in IPv6 (`::ffff:10.0.0.1`) means the IPv4 address.
    """
    _, slash, length = text.partition("/")
    if "%" in text or (slash and not _PREFIX_LENGTH.fullmatch(length)):
        return None
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    mapped = network.network_address.ipv4_mapped if isinstance(network, ipaddress.IPv6Network) else None
    if mapped is not None and network.prefixlen >= _MAPPED_BITS:
        return ipaddress.IPv4Network((mapped, network.prefixlen - _MAPPED_BITS))
    return network
