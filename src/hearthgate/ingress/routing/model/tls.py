"""Certificates, and how connections with TLS are taken."""

from collections.abc import Mapping

from hearthgate.ingress.routing.model.values import Value
from hearthgate.model.refs import ObjectRef
from hearthgate.model.secret import SecretBytes

DEFAULT_TLS_OPTIONS = "default"


class Certificate(Value, frozen=True, kw_only=True):
    """A key pair to serve. `names`: lower-case DNS names, wildcards included. `chain`: PEM, leaf first."""

    ref: ObjectRef
    names: tuple[str, ...]
    chain: str
    key: SecretBytes
    not_after: float


class ClientAuth(Value, frozen=True, kw_only=True):
    """`type`: upstream's clientAuthType. `cas`: PEM text."""

    type: str
    cas: tuple[str, ...] = ()


class TLSOptions(Value, frozen=True, kw_only=True):
    """One TLSOption with its defaults filled in. Versions are `1.0` to `1.3`; `ciphers` are upstream's (Go's)
    names, empty = default; `curves` likewise. `hosts`: the exact or wildcard names that it rules, sorted;
    unused for `default`, which rules the rest."""

    name: str = DEFAULT_TLS_OPTIONS
    min_version: str = "1.2"
    max_version: str = "1.3"
    ciphers: tuple[str, ...] = ()
    curves: tuple[str, ...] = ()
    alpn: tuple[str, ...] = ("h2", "http/1.1")
    client_auth: ClientAuth | None = None
    sni_strict: bool = False
    session_tickets: bool = True
    hosts: Mapping[str, tuple[str, ...]] = {}
    """By entrypoint."""
