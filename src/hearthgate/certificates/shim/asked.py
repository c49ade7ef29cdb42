"""What an object that serves hosts may ask certificates for. Pure."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from hearthgate.certificates.settings import IngressShimConfig
from hearthgate.resources.certmanager.references import ISSUER_GROUP, IssuerRef

PREFIX: Final = "cert-manager.io/"


class Names(NamedTuple):
    """The names that one Secret shall hold a certificate for, in the order of the object that asks."""

    secret_name: str
    hosts: tuple[str, ...]


class Ask(NamedTuple):
    """A Certificate that shall exist. Its name is that of its Secret.

    spec: as the API has it, names in camelCase.
    """

    namespace: str
    secret_name: str
    spec: Mapping[str, Any]
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


class Asked(NamedTuple):
    """mistakes: why nothing, or less than it seems, is asked for; each names the annotation or field."""

    asks: tuple[Ask, ...] = ()
    mistakes: tuple[str, ...] = ()


class IssuerMistake(NamedTuple):
    message: str


Exists = Callable[[str, str, str], bool]
"""(kind, namespace, name) of an issuer; the namespace of a ClusterIssuer is empty."""


def issuer_asked(annotations: Mapping[str, str], config: IngressShimConfig) -> IssuerRef | IssuerMistake | None:
    """The issuer that the annotations name; None when they ask for no certificate."""
    issuer = annotations.get(f"{PREFIX}issuer", "").strip()
    cluster_issuer = annotations.get(f"{PREFIX}cluster-issuer", "").strip()
    kind = annotations.get(f"{PREFIX}issuer-kind", "").strip()
    group = annotations.get(f"{PREFIX}issuer-group", "").strip()
    if cluster_issuer:
        for name, value in (("issuer", issuer), ("issuer-kind", kind), ("issuer-group", group)):
            if value:
                return IssuerMistake(f"{PREFIX}cluster-issuer and {PREFIX}{name} exclude each other: keep one")
        return IssuerRef(name=cluster_issuer, kind="ClusterIssuer")
    if issuer:
        return IssuerRef(name=issuer, kind=kind or "Issuer", group=group or ISSUER_GROUP)
    wanted = (name for name in config.default_auto_certificate_annotations if _true(annotations.get(name, "")))
    if (asking := next(wanted, None)) is None:
        return None
    default = default_issuer(config)
    return default or IssuerMistake(
        f"{asking} asks for a certificate, and no issuer is the default: name one with {PREFIX}cluster-issuer, or "
        "set certificates.ingressShimConfig.defaultIssuerName in the settings"
    )


def default_issuer(config: IngressShimConfig) -> IssuerRef | None:
    """None when the settings name none."""
    if not config.default_issuer_name:
        return None
    return IssuerRef(
        name=config.default_issuer_name, kind=config.default_issuer_kind, group=config.default_issuer_group
    )


def resolver_issuer(resolver: str, namespace: str, exists: Exists) -> IssuerRef:
    """What `tls.certResolver` means: the Issuer of that name beside the route, else the ClusterIssuer."""
    kind = "Issuer" if exists("Issuer", namespace, resolver) else "ClusterIssuer"
    return IssuerRef(name=resolver, kind=kind)


def _true(text: str) -> bool:
    return text.strip().lower() in {"true", "1", "t"}
