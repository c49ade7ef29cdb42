"""Rules about hosts in words of the proxy: which virtual hosts there are, and patterns for `:authority`.

The proxy sees the authority as the client wrote it: any case, perhaps a trailing dot, perhaps a port. Rules
speak about the canonical host. Patterns are rewritten so that they cannot run into the port.
"""

import functools
import re
from collections.abc import Iterable
from typing import Final

from hearthgate.ingress.envoy.match_atoms import ascii_taken, character_class
from hearthgate.model.hostnames import is_wildcard
from hearthgate.rules.match import host_holds
from hearthgate.rules.pattern import Part, PartKind, alternatives, finds_everything, parts
from hearthgate.rules.rule import Rule
from hearthgate.rules.syntax import Condition, Matcher

EVERYWHERE: Final = "*"
_TAIL: Final = r"\.?(?::[0-9]*)?"
_ALPHABET: Final = frozenset(
    character for character in map(chr, range(0x21, 0x7F)) if character != ":" and not character.isupper()
)


def domains(rules: Iterable[Rule]) -> tuple[str, ...]:
    """The virtual hosts that the rules need: each literal and wildcard host that they name, sorted, then `*`.

    IPv6 addresses stand in brackets, as in a Host header.
    """
    hosts = sorted({host for rule in rules for host in rule.hosts})
    return *(f"[{host}]" if ":" in host else host for host in hosts), EVERYWHERE


def domain_names(domain: str) -> tuple[str, ...]:
    """What `VirtualHost.domains` lists for a domain: with a trailing dot it is the same host."""
    return (domain,) if domain == EVERYWHERE else (domain, f"{domain}.")


def decided(condition: Condition, domain: str) -> bool | None:
    """Whether a `Host` or `HostRegexp`, its negation included, holds for all requests that reach `domain`;
    None where each request has to be asked.

    A request reaches the virtual host of its exact name, else of the longest wildcard, else `*`.
    """
    value = condition.arguments[0]
    if domain != EVERYWHERE and not is_wildcard(domain):
        host = domain[1:-1] if domain.startswith("[") else domain
        return host_holds(condition.matcher, value, host) is not condition.negated
    if condition.matcher is Matcher.HOST_REGEXP:
        return not condition.negated if finds_everything(value) else None
    # Every other name that a rule mentions has a virtual host of its own.
    return None if value == domain else condition.negated


@functools.lru_cache(maxsize=4096)
def authority_pattern(condition: Condition) -> str:
    """What a `:authority` matches as a whole when the condition, without its negation, holds."""
    value = condition.arguments[0]
    if condition.matcher is Matcher.HOST:
        return rf"(?i)[^.:]+{re.escape(value[1:])}{_TAIL}"
    if _any_name(value):
        return ".+"
    pattern = "".join(map(_rewritten, parts(value)))
    return rf"(?i)[^:]*(?:{pattern})[^:]*(?::[0-9]*)?"


def _any_name(pattern: str) -> bool:
    """`^.+$` and its like ask for a host, and IPv6 addresses are hosts too."""
    sides = alternatives(pattern)
    return sides is not None and len(sides) == 1 and [part.text for part in sides[0].parts] == [".", "+"]


def _rewritten(part: Part) -> str:
    match part.kind:
        case PartKind.ATOM:
            return _atom(part)
        case PartKind.OPEN:
            return "(?:"
        case PartKind.END:
            return f"{_TAIL}$"
        case _:
            return part.text


def _atom(part: Part) -> str:
    """The characters of canonical hosts that the atom takes; `(?i)` adds the capitals of the wire."""
    taken = [character for character in ascii_taken(part) if character in _ALPHABET]
    return "[^:]" if len(taken) == len(_ALPHABET) else character_class(taken)
