"""What happens to requests and answers on their way: filters of HTTPRoute and GRPCRoute."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from hearthgate.resources.gateway.references import BackendObjectReference, LocalReference, PreciseHostname
from hearthgate.resources.meta import Strict, differs
from hearthgate.resources.scalars import WORDS, PortNumber

HeaderName = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$",
        min_length=1,
        max_length=256,
        extra={WORDS: "the name of a header"},
    ),
]
HeaderValue = Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]


class HeaderField(Strict, frozen=True, kw_only=True):
    """A header.

    name: Its name.
    value: Its value.
    """

    name: HeaderName
    value: HeaderValue


class HeaderModifier(Strict, frozen=True, kw_only=True):
    """Changes headers.

    set: Headers that get this value in place of any other.
    add: Headers that get this value beside others.
    remove: Names of headers that are taken out.
    """

    set: Annotated[tuple[HeaderField, ...], msgspec.Meta(max_length=16)] = ()
    add: Annotated[tuple[HeaderField, ...], msgspec.Meta(max_length=16)] = ()
    remove: Annotated[tuple[str, ...], msgspec.Meta(max_length=16)] = ()


class PathModifier(Strict, frozen=True, kw_only=True):
    """A new path.

    type: ReplaceFullPath or ReplacePrefixMatch.
    replace_full_path: The new path.
    replace_prefix_match: What stands in place of the prefix that matched.
    """

    type: Literal["ReplaceFullPath", "ReplacePrefixMatch"]
    replace_full_path: Annotated[str, msgspec.Meta(max_length=1024)] | None = None
    replace_prefix_match: Annotated[str, msgspec.Meta(max_length=1024)] | None = None


class RequestRedirect(Strict, frozen=True, kw_only=True):
    """Sends the client elsewhere.

    scheme: The new scheme; without one that of the request.
    hostname: The new host; without one that of the request.
    path: The new path; without one that of the request.
    port: The new port; without one that of the new scheme, or of the listener.
    status_code: The status of the answer.
    """

    scheme: Literal["http", "https"] | None = None
    hostname: PreciseHostname | None = None
    path: PathModifier | None = None
    port: PortNumber | None = None
    status_code: Literal[301, 302, 303, 307, 308] = 302


class URLRewrite(Strict, frozen=True, kw_only=True):
    """Changes what the backend is asked for.

    hostname: The new Host.
    path: The new path.
    """

    hostname: PreciseHostname | None = None
    path: PathModifier | None = None


class Fraction(Strict, frozen=True, kw_only=True):
    """A share.

    numerator: Above the line.
    denominator: Below the line.
    """

    numerator: Annotated[int, msgspec.Meta(ge=0)]
    denominator: Annotated[int, msgspec.Meta(ge=1)] = 100


class RequestMirror(Strict, frozen=True, kw_only=True):
    """Sends copies of requests to another backend, whose answers are dropped.

    backend_ref: Who gets them.
    percent: The share of the requests; without one all.
    fraction: The share of the requests, finer.
    """

    backend_ref: BackendObjectReference
    percent: Annotated[int, msgspec.Meta(ge=0, le=100)] | None = None
    fraction: Fraction | None = None


class CORS(Strict, frozen=True, kw_only=True):
    """What pages of other origins may ask for.

    allow_origins: Origins, * for any, or with * as the first label of the host.
    allow_credentials: Whether they may send credentials.
    allow_methods: The methods, or *.
    allow_headers: The request headers, or *.
    expose_headers: The response headers that they may read, or *.
    max_age: Seconds that the answer to a preflight may be kept.
    """

    allow_origins: Annotated[tuple[str, ...], msgspec.Meta(max_length=64)] = ()
    allow_credentials: bool | None = None
    allow_methods: Annotated[tuple[str, ...], msgspec.Meta(max_length=9)] = ()
    allow_headers: Annotated[tuple[str, ...], msgspec.Meta(max_length=64)] = ()
    expose_headers: Annotated[tuple[str, ...], msgspec.Meta(max_length=64)] = ()
    max_age: Annotated[int, msgspec.Meta(ge=1)] = 5


class HTTPFilter(Strict, frozen=True, kw_only=True):
    """One step; the field that belongs to its type must be set.

    type: What it does.
    request_header_modifier: Changes headers of the request.
    response_header_modifier: Changes headers of the answer.
    request_mirror: Copies the request.
    request_redirect: Sends the client elsewhere.
    url_rewrite: Changes host and path.
    cors: Lets pages of other origins in.
    external_auth: Asks a server whether the request may pass.
    extension_ref: A Middleware of the group traefik.io.
    """

    type: Literal[
        "RequestHeaderModifier",
        "ResponseHeaderModifier",
        "RequestMirror",
        "RequestRedirect",
        "URLRewrite",
        "ExtensionRef",
        "CORS",
        "ExternalAuth",
    ]
    request_header_modifier: HeaderModifier | None = None
    response_header_modifier: HeaderModifier | None = None
    request_mirror: RequestMirror | None = None
    request_redirect: RequestRedirect | None = None
    url_rewrite: URLRewrite | None = None
    cors: CORS | None = None
    external_auth: Annotated[
        Mapping[str, Any] | None, differs("refused: use an ExtensionRef to a Middleware with forwardAuth")
    ] = None
    extension_ref: LocalReference | None = None


class GRPCFilter(Strict, frozen=True, kw_only=True):
    """One step; the field that belongs to its type must be set.

    type: What it does.
    request_header_modifier: Changes headers of the request.
    response_header_modifier: Changes headers of the answer.
    request_mirror: Copies the request.
    extension_ref: A Middleware of the group traefik.io.
    """

    type: Literal["RequestHeaderModifier", "ResponseHeaderModifier", "RequestMirror", "ExtensionRef"]
    request_header_modifier: HeaderModifier | None = None
    response_header_modifier: HeaderModifier | None = None
    request_mirror: RequestMirror | None = None
    extension_ref: LocalReference | None = None
