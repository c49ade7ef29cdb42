"""From a Middleware resource to a checked value, with every mistake named."""

from collections.abc import Callable
from typing import Any, Final

from hearthgate.ingress.middlewares.access import ip_allow_list, ip_white_list
from hearthgate.ingress.middlewares.breaker import circuit_breaker
from hearthgate.ingress.middlewares.buffering import buffering
from hearthgate.ingress.middlewares.client_certificate import pass_tls_client_cert
from hearthgate.ingress.middlewares.compress import compress
from hearthgate.ingress.middlewares.content import content_type, grpc_web
from hearthgate.ingress.middlewares.credentials import basic_auth
from hearthgate.ingress.middlewares.digest import digest_auth
from hearthgate.ingress.middlewares.draft import Draft, FindSecret
from hearthgate.ingress.middlewares.errors import errors
from hearthgate.ingress.middlewares.forward_auth import forward_auth
from hearthgate.ingress.middlewares.headers import headers
from hearthgate.ingress.middlewares.limits import in_flight_req, rate_limit
from hearthgate.ingress.middlewares.links import Links
from hearthgate.ingress.middlewares.middleware import Middleware
from hearthgate.ingress.middlewares.paths import (
    add_prefix,
    encoded_characters,
    replace_path,
    replace_path_regex,
    strip_prefix,
    strip_prefix_regex,
)
from hearthgate.ingress.middlewares.plugins.build import plugin
from hearthgate.ingress.middlewares.redirects import redirect_regex, redirect_scheme
from hearthgate.ingress.middlewares.retry import retry
from hearthgate.model.problems import Problem, Reason
from hearthgate.resources import traefik

_FAMILIES: Final[dict[str, Callable[[Any, Draft], Middleware | None]]] = {
    "add_prefix": add_prefix,
    "basic_auth": basic_auth,
    "buffering": buffering,
    "circuit_breaker": circuit_breaker,
    "compress": compress,
    "content_type": content_type,
    "digest_auth": digest_auth,
    "encoded_characters": encoded_characters,
    "errors": errors,
    "forward_auth": forward_auth,
    "grpc_web": grpc_web,
    "headers": headers,
    "in_flight_req": in_flight_req,
    "ip_allow_list": ip_allow_list,
    "ip_white_list": ip_white_list,
    "pass_tls_client_cert": pass_tls_client_cert,
    "plugin": plugin,
    "rate_limit": rate_limit,
    "redirect_regex": redirect_regex,
    "redirect_scheme": redirect_scheme,
    "replace_path": replace_path,
    "replace_path_regex": replace_path_regex,
    "retry": retry,
    "strip_prefix": strip_prefix,
    "strip_prefix_regex": strip_prefix_regex,
}


def build_middleware(
    resource: traefik.Middleware, secret: FindSecret, links: Links | None = None
) -> tuple[Middleware | None, tuple[Problem, ...]]:
    """The checked value, None when it cannot serve, and what is wrong with it.

    secret: finds a Secret by name in the Middleware's own namespace. links: finds the services that it speaks to;
    without them no reference leads anywhere. `chain` is not built here: it names other
    Middlewares, which the routing resolves.
    """
    spec = resource.spec
    names = dict(zip(spec.__struct_fields__, spec.__struct_encode_fields__, strict=True))
    given = [attribute for attribute in names if getattr(spec, attribute) is not None]
    if len(given) != 1:
        return None, (_wrong_number(resource, [names[attribute] for attribute in given]),)
    kind = given[0]
    family = _FAMILIES.get(kind)
    if family is None:
        message = f"{names[kind]} is not supported here"
        return None, (
            Problem(ref=resource.ref, field=f"spec.{names[kind]}", reason=Reason.UNSUPPORTED, message=message),
        )
    draft = Draft(resource.ref, f"spec.{names[kind]}", secret, links)
    value = family(getattr(spec, kind), draft)
    return (None if draft.is_refused else value), tuple(sorted(draft.problems))


def _wrong_number(resource: traefik.Middleware, given: list[str]) -> Problem:
    if given:
        message = f"multi-types in definition: {', '.join(given)} (make one Middleware of each)"
    else:
        message = "no type in definition (add one, for example redirectScheme)"
    return Problem(ref=resource.ref, field="spec", reason=Reason.MIDDLEWARE_INVALID, message=message)
