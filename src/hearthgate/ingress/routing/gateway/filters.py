"""Filters of HTTPRoute and GRPCRoute to middlewares."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple
from urllib.parse import quote

from hearthgate.ingress.middlewares.draft import Draft
from hearthgate.ingress.middlewares.gateway import (
    HeaderChanges,
    PathChange,
    RequestMirror,
    RouteRedirect,
    URLRewrite,
)
from hearthgate.ingress.middlewares.header_fields import Fields, check_name, check_value, check_values, is_framing
from hearthgate.ingress.middlewares.headers import Cors, Headers
from hearthgate.ingress.middlewares.middleware import Middleware as Value
from hearthgate.ingress.routing.gateway.backends import Backends
from hearthgate.ingress.routing.gateway.faults import Fault, Place, Touches
from hearthgate.ingress.routing.middlewares import Middlewares
from hearthgate.ingress.routing.references import Broken
from hearthgate.model.problems import Reason, shorten
from hearthgate.resources.gateway import filters as spec
from hearthgate.resources.gateway.references import LocalReference
from hearthgate.resources.traefik.service import ObjectReference

_SAFE: Final = "/$&+,:;=@!'()*~%"
_FIELDS: Final = {
    "RequestHeaderModifier": "request_header_modifier",
    "ResponseHeaderModifier": "response_header_modifier",
    "RequestMirror": "request_mirror",
    "RequestRedirect": "request_redirect",
    "URLRewrite": "url_rewrite",
    "ExtensionRef": "extension_ref",
    "CORS": "cors",
    "ExternalAuth": "external_auth",
}
_MILLION: Final = 1_000_000
_ANY_PORT: Final = r":\*"
Filter = spec.HTTPFilter | spec.GRPCFilter


class Filtered(NamedTuple):
    """The middlewares of a list of filters; None when they cannot be built. answers: whether nothing behind them
    is reached."""

    middlewares: tuple[Value, ...] | None
    faults: tuple[Fault, ...] = ()
    answers: bool = False


class Filters:
    """Builds filters of one route after the other."""

    def __init__(self, middlewares: Middlewares, backends: Backends) -> None:
        self._middlewares = middlewares
        self._backends = backends

    def build(self, filters: Sequence[Filter], place: Place, prefix: str | None) -> Filtered:
        """prefix: the path's prefix that the match asks for; None when it asks for none."""
        faults: list[Fault] = list(_incompatible(filters, place))
        values: list[Value] = []
        for index, one in enumerate(filters):
            here = place._replace(field=f"{place.field}[{index}]")
            values.extend(self._build(one, here, prefix, faults))
        answers = any(one.type == "RequestRedirect" for one in filters)
        failed = any(fault.touches is not Touches.NOTHING for fault in faults)
        return Filtered(None if failed else tuple(values), tuple(faults), answers)

    def _build(self, one: Filter, place: Place, prefix: str | None, faults: list[Fault]) -> Iterator[Value]:
        name = _name(place)
        content = getattr(one, _FIELDS[one.type], None)
        if content is None:
            message = f"a filter of type {one.type} needs the field of its own"
            faults.append(place.unsupported(message, kind=Reason.MISSING_FIELD))
            return
        below = place.below(_camel(_FIELDS[one.type]))
        match content:
            case spec.HeaderModifier():
                yield from _headers(content, below, name, faults, response=one.type.startswith("Response"))
            case spec.RequestRedirect():
                yield from _redirect(content, below, name, prefix, faults)
            case spec.URLRewrite():
                yield from _rewrite(content, below, name, prefix, faults)
            case spec.CORS():
                yield from _cors(content, below, name, faults)
            case spec.RequestMirror():
                yield from self._mirror(content, below, name, faults)
            case LocalReference():
                yield from self._extension(content, below, faults)
            case _:
                message = "is not supported: use an ExtensionRef to a Middleware with forwardAuth"
                faults.append(place.unsupported(f"{one.type} {message}"))

    def _mirror(
        self, content: spec.RequestMirror, place: Place, name: str, faults: list[Fault]
    ) -> Iterator[RequestMirror]:
        if content.percent is not None and content.fraction is not None:
            faults.append(place.unsupported("only one of percent and fraction may be set"))
            return
        share = _MILLION
        if content.percent is not None:
            share = content.percent * _MILLION // 100
        elif content.fraction is not None:
            if content.fraction.numerator > content.fraction.denominator:
                faults.append(place.unsupported("the fraction is more than the whole"))
                return
            share = content.fraction.numerator * _MILLION // content.fraction.denominator
        balancer = self._backends.balancer(content.backend_ref, place.below("backendRef"), faults)
        if balancer is not None and share:
            yield RequestMirror(name=name, balancer=balancer, millionths=share)

    def _extension(self, content: LocalReference, place: Place, faults: list[Fault]) -> Iterator[Value]:
        if (content.group, content.kind) != ("traefik.io", "Middleware"):
            message = (
                f"{content.kind} of group {shorten(content.group)} is not served: use a Middleware of traefik.io"
            )
            faults.append(place.unresolved("InvalidKind", Reason.UNSUPPORTED, message))
            return
        found = self._middlewares.resolve(ObjectReference(name=content.name), place.ref.namespace)
        if isinstance(found, Broken):
            faults.append(place.unresolved("BackendNotFound", found.reason, found.message))
        else:
            yield from found


def _name(place: Place) -> str:
    where = re.sub("[^a-z0-9]+", "-", place.field.lower()).strip("-")
    return f"{place.ref.namespace}-{place.ref.name}-{where}@kubernetesgateway"


def _camel(attribute: str) -> str:
    head, *rest = attribute.split("_")
    return head + "".join(word.capitalize() for word in rest)


def _incompatible(filters: Iterable[Filter], place: Place) -> Iterator[Fault]:
    types = [one.type for one in filters]
    if "RequestRedirect" in types and "URLRewrite" in types:
        yield place.unsupported("RequestRedirect and URLRewrite exclude each other", "IncompatibleFilters")
    for once in ("RequestHeaderModifier", "ResponseHeaderModifier", "RequestRedirect", "URLRewrite", "CORS"):
        if types.count(once) > 1:
            yield place.unsupported(f"{once} may stand only once in a list", "IncompatibleFilters")


def _headers(
    content: spec.HeaderModifier, place: Place, name: str, faults: list[Fault], *, response: bool
) -> Iterator[HeaderChanges]:
    draft = Draft(place.ref, place.field, lambda _: None)
    host = ""
    new: dict[str, dict[str, str]] = {"set": {}, "add": {}}
    for kind, fields in (("set", content.set), ("add", content.add)):
        for index, field in enumerate(fields):
            where, key = f"{kind}[{index}]", field.name.lower()
            if is_framing(key):
                draft.warn(where, f"{field.name} is managed by the proxy: has no effect")
            elif key == "host" and not response:
                host = field.value
            elif check_name(draft, where, key) and check_value(draft, where, field.value):
                # Of several entries for one header only the first counts.
                new[kind].setdefault(key, field.value)
    removed = []
    for index, key in enumerate(content.remove):
        if is_framing(key) or (key.lower() == "host" and not response):
            draft.warn(f"remove[{index}]", f"{key} is managed by the proxy: has no effect")
        elif check_name(draft, f"remove[{index}]", key):
            removed.append(key.lower())
    if not _drafted(draft, faults):
        yield HeaderChanges(
            name=name,
            response=response,
            host=host,
            set=_sorted(new["set"]),
            add=_sorted(new["add"]),
            remove=tuple(dict.fromkeys(removed)),
        )


def _sorted(fields: dict[str, str]) -> Fields:
    return tuple(sorted(fields.items()))


def _drafted(draft: Draft, faults: list[Fault]) -> bool:
    """Takes over what a draft found; whether that puts the filter out of service."""
    for problem in draft.problems:
        touches = Touches.UNSUPPORTED if problem.is_error else Touches.NOTHING
        faults.append(Fault(touches, "UnsupportedValue", problem))
    return draft.is_refused


def _redirect(
    content: spec.RequestRedirect, place: Place, name: str, prefix: str | None, faults: list[Fault]
) -> Iterator[RouteRedirect]:
    path = _path(content.path, place.below("path"), prefix, faults)
    yield RouteRedirect(
        name=name,
        scheme=content.scheme or "",
        host=content.hostname or "",
        port=content.port or 0,
        path=path,
        status=content.status_code,
    )


def _rewrite(
    content: spec.URLRewrite, place: Place, name: str, prefix: str | None, faults: list[Fault]
) -> Iterator[URLRewrite]:
    path = _path(content.path, place.below("path"), prefix, faults)
    yield URLRewrite(name=name, host=content.hostname or "", path=path)


def _path(
    change: spec.PathModifier | None, place: Place, prefix: str | None, faults: list[Fault]
) -> PathChange | None:
    if change is None:
        return None
    text = change.replace_full_path if change.type == "ReplaceFullPath" else change.replace_prefix_match
    field = place.below("replaceFullPath" if change.type == "ReplaceFullPath" else "replacePrefixMatch")
    if text is None:
        faults.append(field.unsupported(f"is required for {change.type}", kind=Reason.MISSING_FIELD))
        return None
    if re.search(r"[\x00-\x20\x7f?#]", text) or re.search(r"%(?![0-9A-Fa-f]{2})", text):
        faults.append(field.unsupported(f"not a path: {shorten(text)}", kind=Reason.INVALID_VALUE))
        return None
    escaped = quote(text, safe=_SAFE)
    if change.type == "ReplaceFullPath":
        return PathChange(full=f"/{escaped.lstrip('/')}")
    if prefix is None:
        faults.append(field.unsupported("the rule's matches must all be of type PathPrefix"))
        return None
    replacement = escaped.strip("/")
    return PathChange(prefix=prefix.rstrip("/"), replacement=f"/{replacement}" if replacement else "")


def _cors(content: spec.CORS, place: Place, name: str, faults: list[Fault]) -> Iterator[Headers]:
    draft = Draft(place.ref, place.field, lambda _: None)
    for field, values in (
        ("allowOrigins", content.allow_origins),
        ("allowMethods", content.allow_methods),
        ("allowHeaders", content.allow_headers),
        ("exposeHeaders", content.expose_headers),
    ):
        check_values(draft, field, values)
    wild = [origin for origin in content.allow_origins if "*" in origin and origin != "*"]
    cors = Cors(
        credentials=bool(content.allow_credentials),
        headers=content.allow_headers,
        methods=content.allow_methods,
        origins=tuple(origin for origin in content.allow_origins if origin not in wild),
        origin_regexes=tuple(map(_origin_pattern, wild)),
        expose=content.expose_headers,
        max_age=content.max_age,
        vary="*" not in content.allow_origins or bool(content.allow_credentials),
    )
    if not _drafted(draft, faults):
        yield Headers(name=name, cors=cors)


def _origin_pattern(origin: str) -> str:
    """`*` as the first label stands for one label or more, as the port for any port."""
    pattern = re.escape(origin).replace(r"://\*\.", r"://[a-zA-Z0-9-.]+\.")
    if pattern.endswith(_ANY_PORT):
        return f"^{pattern.removesuffix(_ANY_PORT)}(?::[0-9]+)?$"
    return f"^{pattern}$"
