"""Annotations `traefik.ingress.kubernetes.io/…` of Ingresses (`router.…`) and of their Services (`service.…`).

Names count in any case, as upstream reads them. A name that is unknown, or a value that cannot be read, takes the
Ingress (or what leads to the Service) out of service, as upstream does: it may have been a guard.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from hearthgate.model.problems import Problem, Reason, Severity, did_you_mean, shorten
from hearthgate.model.refs import ObjectRef
from hearthgate.resources.traefik.ingress_tls import RESOLVER, ingress_tls, is_domain, listed
from hearthgate.resources.traefik.ingressroute import MAX_PRIORITY, Domain, RouterObservability
from hearthgate.resources.traefik.service import Cookie, ObjectReference, ServiceRef, Sticky

PREFIX: Final = "traefik.ingress.kubernetes.io/"
ROUTER, SERVICE = f"{PREFIX}router.", f"{PREFIX}service."
PATH_MATCHERS: Final = ("Path", "PathPrefix", "PathRegexp")
_TRUE: Final = ("1", "t", "T", "true", "TRUE", "True")
_FALSE: Final = ("0", "f", "F", "false", "FALSE", "False")
_SAME_SITE: Final = ("none", "lax", "strict")


class RouterOptions(NamedTuple):
    """What the annotations of an Ingress say of all its routers. `tls`: they serve TLS whatever the entrypoint.
    cert_resolver: the issuer of certificates for the domains, else for the hosts."""

    entrypoints: tuple[str, ...] = ()
    middlewares: tuple[str, ...] = ()
    priority: int = 0
    syntax: str = ""
    path_matcher: str = ""
    tls: bool = False
    tls_options: str = ""
    cert_resolver: str = ""
    domains: tuple[Domain, ...] = ()
    observability: RouterObservability | None = None


def annotation_field(name: str) -> str:
    """The path of an annotation for problems."""
    return f"metadata.annotations.{name}"


class _Reader:
    """Reads the annotations below one prefix; what is wrong joins `problems`."""

    def __init__(self, ref: ObjectRef, annotations: Mapping[str, str], prefix: str) -> None:
        self.ref = ref
        self.problems: list[Problem] = []
        self.values: dict[str, tuple[str, str]] = {}
        """What follows the prefix, in lower case, to the whole name and the value."""
        for name in sorted(annotations):
            if name.lower().startswith(prefix):
                self.values[name.lower().removeprefix(prefix)] = name, annotations[name].strip()

    def take(self, key: str, read: Callable[[str], Any], default: Any) -> Any:
        """The value under `key` as `read` gives it; `default` without one, or when it cannot be read."""
        found = self.values.pop(key, None)
        if found is None:
            return default
        try:
            return read(found[1])
        except ValueError as error:
            self.complain(found[0], Reason.INVALID_VALUE, str(error))
            return default

    def refuse_rest(self, known: Iterable[str]) -> None:
        names = tuple(known)
        for key, (name, _) in self.values.items():
            self.complain(name, Reason.UNKNOWN_FIELD, f"unknown annotation{did_you_mean(key, names)}")

    def complain(self, name: str, reason: Reason, message: str, severity: Severity = Severity.ERROR) -> None:
        field = annotation_field(name)
        self.problems.append(Problem(ref=self.ref, field=field, reason=reason, message=message, severity=severity))


def router_options(ref: ObjectRef, annotations: Mapping[str, str]) -> tuple[RouterOptions, tuple[Problem, ...]]:
    """The options; errors among the problems mean that they must not be used."""
    reader = _Reader(ref, annotations, ROUTER)
    for name in sorted(annotations):
        if name.lower().startswith(PREFIX) and not name.lower().startswith(ROUTER):
            hint = "it belongs to the Service" if name.lower().startswith(SERVICE) else "it has no effect any more"
            reader.complain(name, Reason.UNKNOWN_FIELD, hint, Severity.WARNING)
    known = tuple(ROUTER_NAMES)
    says_tls = any(key.startswith("tls.") for key in reader.values)
    tls = reader.take("tls", _boolean, False)
    issued = ingress_tls(annotations)
    for key in [key for key in reader.values if key == RESOLVER or is_domain(key)]:
        del reader.values[key]
    options = RouterOptions(
        entrypoints=reader.take("entrypoints", listed, ()),
        middlewares=reader.take("middlewares", listed, ()),
        priority=reader.take("priority", _priority, 0),
        syntax=reader.take("rulesyntax", _one_of(("v2", "v3", "default")), "").replace("default", ""),
        path_matcher=reader.take("pathmatcher", _one_of(PATH_MATCHERS), ""),
        tls=tls or says_tls,
        tls_options=reader.take("tls.options", str, ""),
        cert_resolver=issued.resolver,
        domains=issued.domains,
        observability=_observability(reader),
    )
    reader.refuse_rest(known)
    return options, tuple(reader.problems)


def service_reference(
    ref: ObjectRef, annotations: Mapping[str, str], *, port: int | str, native_lb: bool
) -> tuple[ServiceRef, tuple[Problem, ...]]:
    """A reference to the Service `ref` with the options that its annotations say. native_lb: the default."""
    reader = _Reader(ref, annotations, SERVICE)
    transport = reader.take("serverstransport", str, "")
    reference = ServiceRef(
        name=ref.name,
        port=port,
        scheme=reader.take("serversscheme", _one_of(("http", "https", "h2c")), ""),
        pass_host_header=reader.take("passhostheader", _boolean, True),
        servers_transport="" if transport == "default@internal" else transport,
        sticky=_sticky(reader),
        native_lb=reader.take("nativelb", _boolean, native_lb),
        node_port_lb=reader.take("nodeportlb", _boolean, False),
        middlewares=tuple(ObjectReference(name=name) for name in reader.take("middlewares", listed, ())),
    )
    reader.refuse_rest(SERVICE_NAMES)
    return reference, tuple(reader.problems)


ROUTER_NAMES: Final = (
    *("entrypoints", "middlewares", "priority", "rulesyntax", "pathmatcher", "tls", "tls.certresolver"),
    *("tls.options", "tls.domains.0.main", "tls.domains.0.sans", "observability.accesslogs"),
    *("observability.metrics", "observability.tracing", "observability.traceverbosity"),
)
_COOKIE_NAMES: Final = ("name", "secure", "httponly", "samesite", "maxage", "path", "domain")
SERVICE_NAMES: Final = (
    *("serversscheme", "serverstransport", "passhostheader", "nativelb", "nodeportlb", "middlewares"),
    *("sticky.cookie", *(f"sticky.cookie.{name}" for name in _COOKIE_NAMES)),
)


def _observability(reader: _Reader) -> RouterObservability | None:
    below = "observability."
    verbosity = reader.values.pop(f"{below}traceverbosity", None)
    if verbosity is not None and verbosity[1] != "minimal":
        message = "traceverbosity is not supported yet: a request is one span"
        reader.complain(verbosity[0], Reason.UNSUPPORTED, message, Severity.WARNING)
    if not any(key.startswith(below) for key in reader.values):
        return None
    return RouterObservability(
        access_logs=reader.take(f"{below}accesslogs", _boolean, None),
        metrics=reader.take(f"{below}metrics", _boolean, None),
        tracing=reader.take(f"{below}tracing", _boolean, None),
    )


def _sticky(reader: _Reader) -> Sticky | None:
    below = "sticky.cookie."
    wanted = any(key.startswith(below) for key in reader.values)
    if not reader.take("sticky.cookie", _boolean, wanted):
        for key in [key for key in reader.values if key.startswith(below)]:
            del reader.values[key]
        return None
    return Sticky(
        cookie=Cookie(
            name=reader.take(f"{below}name", str, ""),
            secure=reader.take(f"{below}secure", _boolean, False),
            http_only=reader.take(f"{below}httponly", _boolean, False),
            same_site=reader.take(f"{below}samesite", _same_site, ""),
            max_age=reader.take(f"{below}maxage", _integer, 0),
            path=reader.take(f"{below}path", str, "/"),
            domain=reader.take(f"{below}domain", str, ""),
        )
    )


def _boolean(text: str) -> bool:
    """In Go's spellings. An empty text counts as true, as for upstream's labels."""
    if text in _TRUE or not text:
        return True
    if text in _FALSE:
        return False
    raise ValueError(f"{shorten(text)} is neither true nor false")


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{shorten(text)} is not a number") from None


def _priority(text: str) -> int:
    value = _integer(text)
    if not -MAX_PRIORITY <= value <= MAX_PRIORITY:
        raise ValueError(f"{shorten(text)} is beyond {MAX_PRIORITY}, what is above is kept for internal routers")
    return value


def _same_site(text: str) -> str:
    return _one_of(_SAME_SITE)(text.lower())


def _one_of(known: tuple[str, ...]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text and text not in known:
            raise ValueError(f"{shorten(text)} is not one of {', '.join(known)}{did_you_mean(text, known)}")
        return text

    return read
