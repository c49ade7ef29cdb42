"""The rule of one path of an Ingress, written as upstream writes it: its length is the router's priority.

Other than upstream, a wildcard host is ``Host(`*.example.org`)``, not a pattern: patterns are longer than names,
so upstream lets a wildcard win over the exact host of another Ingress.
"""

from typing import Final

import msgspec

from hearthgate.resources.networking import IngressPath
from hearthgate.rules.rule import OLD_SYNTAX, Rule
from hearthgate.rules.syntax import Condition, Matcher, write

EVERYTHING: Final = write(Condition(Matcher.PATH_PREFIX, ("/",)))
_MATCHERS: Final = {each.value: each for each in (Matcher.PATH, Matcher.PATH_PREFIX, Matcher.PATH_REGEXP)}


def rule_text(host: str, path: IngressPath, *, matcher: str, strict: bool, syntax: str) -> str:
    """matcher: of paths of type ImplementationSpecific, empty for PathPrefix. strict: whether a path of type
    Prefix ends at a `/`. syntax: the one that the rule is read in."""
    parts = [_host(host, syntax)] if host else []
    if path.path:
        parts.append(_path(path, matcher, strict=strict))
    return " && ".join(parts) or EVERYTHING


def default_priority(rule: Rule, path: IngressPath, *, strict: bool) -> int:
    """The length of the rule; of an exact path one more than that of a prefix with the same text. To upstream the
    prefix is the longer one, so that it never serves the exact path."""
    if path.path_type != "Exact":
        return rule.default_priority
    as_prefix = msgspec.structs.replace(path, path_type="Prefix")
    longer = len(_path(as_prefix, "", strict=strict).encode()) - len(_path(path, "", strict=strict).encode())
    return rule.default_priority + longer + 1


def _host(host: str, syntax: str) -> str:
    if syntax == OLD_SYNTAX and host.startswith("*."):
        return f"HostRegexp(`{{subdomain:[a-zA-Z0-9-]+}}{host[1:]}`)"
    return write(Condition(Matcher.HOST, (host,)))


def _path(path: IngressPath, matcher: str, *, strict: bool) -> str:
    match path.path_type:
        case "Exact":
            return write(Condition(Matcher.PATH, (path.path,)))
        case "Prefix" if strict and path.path != "/":
            bare = path.path.removesuffix("/")
            exact = write(Condition(Matcher.PATH, (bare,)))
            return f"({exact} || {write(Condition(Matcher.PATH_PREFIX, (f'{bare}/',)))})"
        case "ImplementationSpecific" if matcher:
            return write(Condition(_MATCHERS[matcher], (path.path,)))
        case _:
            return write(Condition(Matcher.PATH_PREFIX, (path.path,)))
