"""From an object that serves hosts to the Certificates that it asks for. Pure."""

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from hearthgate.certificates.copied import copied_labels
from hearthgate.certificates.settings import IngressShimConfig
from hearthgate.certificates.shim.annotations import Fields, read_annotations
from hearthgate.certificates.shim.asked import (
    Ask,
    Asked,
    Exists,
    IssuerMistake,
    Names,
    issuer_asked,
    resolver_issuer,
)
from hearthgate.certificates.shim.hosts import (
    Wanted,
    of_gateway,
    of_ingress,
    of_ingress_resolver,
    of_route,
    of_store,
)
from hearthgate.resources.certmanager.references import IssuerRef
from hearthgate.resources.gateway.gateways import Gateway
from hearthgate.resources.networking import Ingress
from hearthgate.resources.traefik.ingress_tls import ingress_tls
from hearthgate.resources.traefik.ingressroute import Domain, IngressRoute, RouteTLS
from hearthgate.resources.traefik.tcp import IngressRouteTCP, RouteTLSTCP
from hearthgate.resources.traefik.tls import TLSStore

Source = Ingress | Gateway | IngressRoute | IngressRouteTCP | TLSStore

_USAGES: Final = ("digital signature", "key encipherment")


class Entrance(NamedTuple):
    """TLS that an entrypoint does for routes that say nothing about it."""

    cert_resolver: str = ""
    domains: tuple[Domain, ...] = ()


class Entrances(NamedTuple):
    """by_name: entrypoints that do TLS by themselves. default: those of routes that name none."""

    by_name: Mapping[str, Entrance] = {}
    default: frozenset[str] = frozenset()


class View(NamedTuple):
    """What decides beside the object itself. unasked: who issues for hosts without a certificate; None: nobody.
    covers: whether there is a certificate for the host that this object's own Certificates do not fill."""

    config: IngressShimConfig
    entrances: Entrances
    exists: Exists
    unasked: IssuerRef | None = None
    covers: Callable[[str], bool] = lambda host: False


def wanted_by(source: Source, entrances: Entrances) -> Wanted:
    """The names and Secrets that the object has, whoever fills them."""
    match source:
        case Ingress():
            return of_ingress(source)
        case Gateway():
            return of_gateway(source)
        case TLSStore():
            return of_store(source)
        case _:
            return (
                of_route(source, _entrance(source, entrances).domains) if does_tls(source, entrances) else Wanted()
            )


def asks(source: Source, view: View) -> Asked:
    annotations = source.metadata.annotations
    issuer = issuer_asked(annotations, view.config)
    if isinstance(issuer, IssuerMistake):
        return Asked(mistakes=(issuer.message,))
    wanted = wanted_by(source, view.entrances)
    names = wanted.names
    if issuer is None and (resolver := _resolver(source, view.entrances)):
        issuer = resolver_issuer(resolver, source.metadata.namespace, view.exists)
        if isinstance(source, Ingress):
            wanted = of_ingress_resolver(source, ingress_tls(annotations).domains)
            names = wanted.names
    if issuer is None and isinstance(source, IngressRoute | IngressRouteTCP):
        issuer, names = view.unasked, _uncovered(source, names, view.covers)
    if issuer is None:
        return Asked()
    fields = read_annotations(annotations, source.metadata.name)
    if fields.mistakes:
        return Asked(mistakes=fields.mistakes)
    extra = {name: annotations[name] for name in view.config.extra_certificate_annotations if name in annotations}
    made = tuple(_ask(source, issuer, each, fields, extra) for each in names)
    return Asked(made, wanted.mistakes)


def does_tls(route: IngressRoute | IngressRouteTCP, entrances: Entrances) -> bool:
    """By its own `tls`, or because one of its entrypoints does it for all."""
    if route.spec.tls is not None:
        return True
    return isinstance(route, IngressRoute) and any(name in entrances.by_name for name in _names(route, entrances))


def _names(route: IngressRoute | IngressRouteTCP, entrances: Entrances) -> tuple[str, ...]:
    return route.spec.entry_points or tuple(sorted(entrances.default))


def _entrance(route: IngressRoute | IngressRouteTCP, entrances: Entrances) -> Entrance:
    """What the entrypoints say, which counts for routes without a `tls` of their own."""
    if route.spec.tls is not None:
        return Entrance()
    found = (entrances.by_name[name] for name in _names(route, entrances) if name in entrances.by_name)
    return next(found, Entrance())


def _resolver(source: Source, entrances: Entrances) -> str:
    match source:
        case Ingress():
            return ingress_tls(source.metadata.annotations).resolver
        case TLSStore():
            generated = source.spec.default_generated_cert
            return generated.resolver if generated is not None else ""
        case IngressRoute() | IngressRouteTCP():
            tls: RouteTLS | RouteTLSTCP | None = source.spec.tls
            return tls.cert_resolver if tls is not None else _entrance(source, entrances).cert_resolver
        case _:
            return ""


def _uncovered(
    route: IngressRoute | IngressRouteTCP, names: tuple[Names, ...], covers: Callable[[str], bool]
) -> tuple[Names, ...]:
    """Of a route that names a Secret nothing: somebody else fills it."""
    if route.spec.tls is not None and route.spec.tls.secret_name:
        return ()
    found = (Names(each.secret_name, tuple(host for host in each.hosts if not covers(host))) for each in names)
    return tuple(each for each in found if each.hosts)


def _ask(source: Source, issuer: IssuerRef, names: Names, fields: Fields, extra: Mapping[str, str]) -> Ask:
    addresses = tuple(host for host in names.hosts if _is_address(host))
    hosts = tuple(host for host in names.hosts if host not in addresses)
    lists = {
        "dnsNames": _distinct(*hosts, *fields.names.get("dnsNames", ())),
        "ipAddresses": _distinct(*addresses, *fields.names.get("ipAddresses", ())),
        "emailAddresses": _distinct(*fields.names.get("emailAddresses", ())),
    }
    spec: dict[str, Any] = {
        "secretName": names.secret_name,
        "issuerRef": {"name": issuer.name, "kind": issuer.kind, "group": issuer.group},
        "usages": list(_USAGES),
        **{name: found for name, found in lists.items() if found},
        **fields.spec,
    }
    annotations = {**extra, **fields.annotations}
    return Ask(
        source.metadata.namespace, names.secret_name, spec, copied_labels(source.metadata.labels), annotations
    )


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _distinct(*items: str) -> list[str]:
    return list(dict.fromkeys(items))
