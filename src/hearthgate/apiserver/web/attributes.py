"""What a request wants, in the words of authorization: upstream's RequestInfo. Pure."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote

from hearthgate.apiserver.access.roles import Attributes
from hearthgate.apiserver.web.query import flag
from hearthgate.apiserver.web.target import Target, split_path

_VERBS: Final = {"POST": "create", "PUT": "update", "PATCH": "patch"}
_NAMESPACE_SUBRESOURCES: Final = frozenset({"finalize", "status"})


def attributes_of(method: str, raw_path: str, query: Mapping[str, str], target: Target | None) -> Attributes:
    """`target` is believed where there is one, so that what is allowed is what will be done. For other paths they
    are read from the path: a refusal comes before a 404, so that nobody learns what is there."""
    verb = method.lower()
    if target is not None:
        kind = target.kind
        is_namespace = not kind.namespaced and (kind.group, kind.plural) == ("", "namespaces")
        namespace = target.name if is_namespace else target.scope
        verb = _verb(method, query, named=bool(target.name))
        return Attributes(
            verb, kind.group, kind.version, kind.plural, target.subresource, namespace, target.name, raw_path
        )
    found = split_path(raw_path)
    if found is None:
        return Attributes(verb, path=unquote(raw_path))
    group, version, rest = found
    namespace = ""
    if rest[0] == "namespaces" and len(rest) >= 2:
        namespace = rest[1]
        if len(rest) >= 3 and rest[2] not in _NAMESPACE_SUBRESOURCES:
            rest = rest[2:]
    resource, name, subresource = (*rest, "", "")[:3]
    verb = _verb(method, query, named=bool(name))
    return Attributes(verb, group, version, resource, subresource, namespace, name, raw_path)


def _verb(method: str, query: Mapping[str, str], *, named: bool) -> str:
    match method:
        case "GET" | "HEAD":
            if flag(query, "watch"):
                return "watch"
            return "get" if named else "list"
        case "DELETE":
            return "delete" if named else "deletecollection"
        case _:
            return _VERBS.get(method, method.lower())
