"""Hostnames of listeners and routes: which of them meet, and how they are written as rules."""

import re
from collections.abc import Iterable

from hearthgate.rules.syntax import Condition, Matcher

ANY = ""


def covers(wider: str, name: str) -> bool:
    """Whether every host that `name` means is one that `wider` means. A wildcard stands for one label or more."""
    if wider in (ANY, name):
        return True
    return wider.startswith("*.") and name != ANY and name.endswith(wider[1:]) and name != wider[2:]


def intersection(listener: str, route: Iterable[str]) -> tuple[str, ...]:
    """The hosts that a listener and a route have in common, in the route's order; none when there is none."""
    hosts = tuple(route)
    if not hosts:
        return (listener,)
    found = []
    for host in hosts:
        if covers(listener, host):
            found.append(host)
        elif covers(host, listener):
            found.append(listener)
    return tuple(dict.fromkeys(found))


def specificity(host: str) -> int:
    """More for what is more specific, below 512: no host, wildcards by their length, exact names by theirs."""
    if host == ANY:
        return 0
    return min(len(host), 255) if host.startswith("*") else 256 + min(len(host), 255)


def host_condition(host: str) -> Condition | None:
    """The condition of requests for a host; None for any host."""
    if host == ANY:
        return None
    if not host.startswith("*."):
        return Condition(Matcher.HOST, (host,))
    return Condition(Matcher.HOST_REGEXP, (_pattern(host),))


def sni_condition(host: str) -> Condition:
    """The condition of TLS connections that ask for a host."""
    if host == ANY:
        return Condition(Matcher.HOST_SNI, ("*",))
    if not host.startswith("*."):
        return Condition(Matcher.HOST_SNI, (host,))
    return Condition(Matcher.HOST_SNI_REGEXP, (_pattern(host),))


def _pattern(host: str) -> str:
    return rf"^[a-z0-9-.]+{re.escape(host[1:])}$"
