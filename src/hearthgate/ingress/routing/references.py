"""Who may refer to whom: namespaces, and names with a provider (`infra-auth@kubernetescrd`)."""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from hearthgate.ingress.routing.names import PROVIDER, possible_keys
from hearthgate.ingress.routing.origin import Origin
from hearthgate.ingress.routing.tracking import Result, Tracker
from hearthgate.model.problems import Problem, Reason, did_you_mean, shorten
from hearthgate.resources.meta import Resource

R = TypeVar("R", bound=Resource)
T = TypeVar("T")

_NOT_FOUND = {
    "Middleware": Reason.MIDDLEWARE_NOT_FOUND,
    "MiddlewareTCP": Reason.MIDDLEWARE_NOT_FOUND,
    "TLSOption": Reason.TLS_OPTION_NOT_FOUND,
    "ServersTransport": Reason.TRANSPORT_NOT_FOUND,
    "ServersTransportTCP": Reason.TRANSPORT_NOT_FOUND,
    "TraefikService": Reason.SERVICE_NOT_FOUND,
    "Service": Reason.SERVICE_NOT_FOUND,
    "Secret": Reason.SECRET_NOT_FOUND,
    "IngressRoute": Reason.PARENT_NOT_FOUND,
}


class Broken(NamedTuple):
    """A reference that leads nowhere, and why."""

    reason: Reason
    message: str


def resolve(
    tracker: Tracker, kind: type[R], name: str, namespace: str, origin: str, *, cross_namespace: bool
) -> R | Broken:
    """The object that `name` (with `namespace`, empty = `origin`) means when an object in `origin` says it."""
    if "@" in name:
        return _resolve_with_provider(tracker, kind, name, origin, cross_namespace=cross_namespace)
    wanted = namespace or origin
    if wanted != origin and not cross_namespace:
        return Broken(
            Reason.CROSS_NAMESPACE,
            f"{kind.__name__} {wanted}/{name} is in another namespace "
            "(set providers.kubernetesCRD.allowCrossNamespace to allow that)",
        )
    found = tracker.get(kind, wanted, name)
    return found if found is not None else not_found(tracker, kind, wanted, name)


def not_found(tracker: Tracker, kind: type[Resource], namespace: str, name: str) -> Broken:
    """Why there is no such object: refused by decoding, in another namespace, misspelt, or just missing."""
    reason = _NOT_FOUND[kind.__name__]
    if tracker.is_refused(kind, namespace, name):
        invalid = Reason.MIDDLEWARE_INVALID if reason is Reason.MIDDLEWARE_NOT_FOUND else reason
        return Broken(invalid, f"{kind.__name__} {namespace}/{name} exists but is invalid: see its own problems")
    keys = tracker.collection(kind).objects
    elsewhere = sorted(space for space, known in keys if known == name)
    if elsewhere:
        hint = f" (there is one in namespace {elsewhere[0]})"
    else:
        hint = did_you_mean(name, [known for space, known in keys if space == namespace])
    return Broken(reason, f"{kind.__name__} {namespace}/{shorten(name)[1:-1]} does not exist{hint}")


def usable_transport(found: R | Broken, build: Callable[[R], Result[T | None]], origin: Origin) -> T | Problem:
    """The transport that a reference in `serversTransport` names, as `build` makes it."""
    if isinstance(found, Broken):
        return origin.problem("serversTransport", found.reason, found.message)
    transport = build(found).value
    if transport is None:
        message = f"{found.ref} cannot be used: see its own problems"
        return origin.problem("serversTransport", Reason.TRANSPORT_NOT_FOUND, message)
    return transport


def _resolve_with_provider(
    tracker: Tracker, kind: type[R], name: str, origin: str, *, cross_namespace: bool
) -> R | Broken:
    joined, _, provider = name.rpartition("@")
    reason = _NOT_FOUND[kind.__name__]
    if provider != PROVIDER:
        return Broken(reason, f"{shorten(name)}: there is no provider {shorten(provider)} here, only {PROVIDER}")
    for namespace, own_name in possible_keys(joined):
        found = tracker.get(kind, namespace, own_name)
        if found is not None:
            if namespace != origin and not cross_namespace:
                return Broken(
                    Reason.CROSS_NAMESPACE,
                    f"{shorten(name)} is in namespace {namespace} "
                    "(set providers.kubernetesCRD.allowCrossNamespace to allow that)",
                )
            return found
    return Broken(reason, f"no {kind.__name__} is called {shorten(joined)} (namespace, dash, name)")
