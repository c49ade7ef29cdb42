"""OpenAPI v3 paths and operations of a kind. Pure.

kubectl reads more than schemas: the query parameters of the patch operations tell it that the server
validates fields and knows dry runs. Strategic merge is left out of the patch types on purpose: kubectl then
computes those patches from its own types.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from hearthgate.apiserver.web import metaschemas
from hearthgate.apiserver.web.metaschemas import reference
from hearthgate.apiserver.web.target import LOG, subresources
from hearthgate.resources.kinds import Kind

_PATCH_TYPES: Final = (
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/apply-patch+yaml",
)
_PARAMETERS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "allowWatchBookmarks": ("boolean", "Send bookmarks in a watch, for a fresh revision to resume from."),
        "container": ("string", "The container whose log is asked for; needed only when there are several."),
        "continue": ("string", "The token of the page before."),
        "dryRun": ("string", "All: do everything but store the result."),
        "fieldManager": ("string", "The name under which the fields that are written are managed."),
        "fieldSelector": ("string", "Choose objects by fields, such as metadata.name=a."),
        "fieldValidation": ("string", "What becomes of unknown fields: Ignore, Warn or Strict."),
        "follow": ("boolean", "Go on with what is logged from now on."),
        "force": ("boolean", "Take over fields that others manage; for apply only."),
        "gracePeriodSeconds": ("integer", "Accepted and without effect."),
        "labelSelector": ("string", "Choose objects by labels, such as app=a."),
        "limit": ("integer", "At most so many objects; the answer has a token for the rest."),
        "limitBytes": ("integer", "At most so many bytes of the log."),
        "orphanDependents": ("boolean", "The older form of propagationPolicy=Orphan."),
        "pretty": ("string", "Accepted and without effect."),
        "previous": ("boolean", "The log of the run before."),
        "propagationPolicy": ("string", "What becomes of dependents: Orphan, Background or Foreground."),
        "resourceVersion": ("string", "The revision to read at or to watch from."),
        "resourceVersionMatch": ("string", "How resourceVersion is meant: Exact or NotOlderThan."),
        "sendInitialEvents": ("boolean", "Begin a watch with the objects that are there."),
        "sinceSeconds": ("integer", "Only what was logged in the last seconds."),
        "sinceTime": ("string", "Only what was logged since that time (RFC 3339)."),
        "tailLines": ("integer", "Only so many lines from the end of the log."),
        "timeoutSeconds": ("integer", "End the watch after so many seconds."),
        "timestamps": ("boolean", "Start each line with its time."),
        "watch": ("boolean", "Send changes as they happen."),
    }
)
_WRITE: Final = ("dryRun", "fieldManager", "fieldValidation")
_SELECT: Final = ("continue", "fieldSelector", "labelSelector", "limit", "resourceVersion", "resourceVersionMatch")
_WATCH: Final = ("allowWatchBookmarks", "sendInitialEvents", "timeoutSeconds", "watch")
_DELETE: Final = ("dryRun", "gracePeriodSeconds", "orphanDependents", "propagationPolicy")
_QUERY: Final[Mapping[str, Sequence[str]]] = MappingProxyType(
    {
        "list": sorted((*_SELECT, *_WATCH)),
        "deletecollection": sorted((*_SELECT, *_DELETE)),
        "delete": _DELETE,
        "post": _WRITE,
        "put": _WRITE,
        "patch": sorted((*_WRITE, "force")),
        "log": (
            *("container", "follow", "limitBytes", "previous"),
            *("sinceSeconds", "sinceTime", "tailLines", "timestamps"),
        ),
    }
)
_BUILT_IN: Final[Mapping[str, str]] = MappingProxyType(
    {
        "": "io.k8s.api.core",
        "apiextensions.k8s.io": "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions",
        "authentication.k8s.io": "io.k8s.api.authentication",
        "authorization.k8s.io": "io.k8s.api.authorization",
        "coordination.k8s.io": "io.k8s.api.coordination",
        "discovery.k8s.io": "io.k8s.api.discovery",
        "events.k8s.io": "io.k8s.api.events",
        "networking.k8s.io": "io.k8s.api.networking",
        "rbac.authorization.k8s.io": "io.k8s.api.rbac",
    }
)
_METHODS: Final[Mapping[str, str]] = MappingProxyType({"get": "get", "patch": "patch", "update": "put"})
_VERBS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "get": ("read", "read the {kind}"),
        "list": ("list", "list or watch objects of kind {kind}"),
        "post": ("create", "create a {kind}"),
        "put": ("replace", "replace the {kind}"),
        "patch": ("patch", "change parts of the {kind}"),
        "delete": ("delete", "delete the {kind}"),
        "deletecollection": ("deleteCollection", "delete all objects of kind {kind} that are chosen"),
    }
)


def component_name(kind: Kind) -> str:
    """The name of its schema as upstream forms it, which for built-in kinds is that of upstream's packages."""
    group = _BUILT_IN.get(kind.group) or ".".join(reversed(kind.group.split(".")))
    return f"{group}.{kind.version}.{kind.kind}"


def paths(kind: Kind) -> dict[str, Any]:
    """Path items by path."""
    root = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    base = f"{root}/namespaces/{{namespace}}/{kind.plural}" if kind.namespaced else f"{root}/{kind.plural}"
    outer = _outer(kind)
    item = [_path_parameter("name", f"The name of the {kind.kind}."), *outer]
    found: dict[str, Any] = {
        base: {
            "get": _operation(kind, "list"),
            "post": _operation(kind, "post"),
            "delete": _operation(kind, "deletecollection"),
            "parameters": outer,
        },
        f"{base}/{{name}}": {
            **{method: _operation(kind, method) for method in ("get", "put", "patch", "delete")},
            "parameters": item,
        },
    }
    if kind.namespaced:
        found[f"{root}/{kind.plural}"] = {"get": _operation(kind, "list", everywhere=True)}
    for subresource, verbs in subresources(kind).items():
        methods = {_METHODS[verb]: _operation(kind, _METHODS[verb], subresource) for verb in verbs}
        if subresource == LOG:
            methods = {"get": _log(kind)}
        found[f"{base}/{{name}}/{subresource}"] = {**methods, "parameters": item}
    return found


def review_paths(kind: Kind) -> dict[str, Any]:
    """Of a kind that is only asked."""
    place = "/namespaces/{namespace}" if kind.namespaced else ""
    post = _operation(kind, "post")
    return {f"/apis/{kind.group}/{kind.version}{place}/{kind.plural}": {"post": post, "parameters": _outer(kind)}}


def _outer(kind: Kind) -> list[dict[str, Any]]:
    place = [_path_parameter("namespace", "The namespace of the objects.")] if kind.namespaced else []
    return [*place, _parameter("pretty")]


def _operation(kind: Kind, action: str, subresource: str = "", *, everywhere: bool = False) -> dict[str, Any]:
    own = component_name(kind)
    answer = reference(own)
    if action == "list":
        answer = reference(f"{own}List")
    elif action in {"delete", "deletecollection"}:
        answer = reference(metaschemas.STATUS)
    operation = _described(kind, action, subresource, everywhere=everywhere)
    operation["responses"] = _responses(action, answer)
    if body := _body(action, own):
        operation["requestBody"] = body
    if names := _QUERY.get(action):
        operation["parameters"] = [_parameter(name) for name in names]
    return operation


def _described(kind: Kind, action: str, subresource: str, *, everywhere: bool = False) -> dict[str, Any]:
    verb, text = _VERBS[action]
    scope = "Namespaced" if kind.namespaced and not everywhere else ""
    group = kind.group.removesuffix(".k8s.io") or "core"
    camel = "".join(part[:1].upper() + part[1:] for part in group.replace("-", ".").split("."))
    version = kind.version[:1].upper() + kind.version[1:]
    end = f"{subresource[:1].upper()}{subresource[1:]}" if subresource else ""
    end += "ForAllNamespaces" if everywhere else ""
    return {
        "tags": [f"{group.replace('.', '')}_{kind.version}"],
        "description": text.format(kind=kind.kind) + (f", its {subresource}" if subresource else ""),
        "operationId": f"{verb}{camel}{version}{scope}{kind.kind}{end}",
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": {"group": kind.group, "version": kind.version, "kind": kind.kind},
    }


def _responses(action: str, answer: dict[str, Any]) -> dict[str, Any]:
    created = {"post": ("200", "201", "202"), "put": ("200", "201"), "patch": ("200", "201")}
    texts = {"200": "OK", "201": "Created", "202": "Accepted"}
    content = {"application/json": {"schema": answer}}
    return {code: {"description": texts[code], "content": content} for code in created.get(action, ("200",))}


def _body(action: str, own: str) -> dict[str, Any] | None:
    match action:
        case "post" | "put":
            return {"required": True, "content": {"application/json": {"schema": reference(own)}}}
        case "patch":
            change = {"schema": reference(metaschemas.PATCH)}
            return {"required": True, "content": dict.fromkeys(_PATCH_TYPES, change)}
        case "delete" | "deletecollection":
            return {"content": {"application/json": {"schema": reference(metaschemas.DELETE_OPTIONS)}}}
        case _:
            return None


def _log(kind: Kind) -> dict[str, Any]:
    text = {"text/plain": {"schema": {"type": "string"}}}
    return {
        **_described(kind, "get", "log"),
        "responses": {"200": {"description": "OK", "content": text}},
        "parameters": [_parameter(name) for name in _QUERY["log"]],
    }


def _parameter(name: str) -> dict[str, Any]:
    value_type, text = _PARAMETERS[name]
    schema = {"type": value_type, "uniqueItems": True}
    return {"name": name, "in": "query", "description": text, "schema": schema}


def _path_parameter(name: str, text: str) -> dict[str, Any]:
    schema = {"type": "string", "uniqueItems": True}
    return {"name": name, "in": "path", "required": True, "description": text, "schema": schema}
