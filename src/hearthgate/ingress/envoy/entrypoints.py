"""What an entrypoint consists of in Envoy: its listeners, and the route tables that their filter chains use."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from hearthgate.ingress.envoy.certificates import QuicCertificates
from hearthgate.ingress.envoy.connections import MAX_HEADERS_KB
from hearthgate.ingress.envoy.listeners import (
    Served,
    plain_routes,
    tcp_listener,
    tls_routes,
    udp_listener,
)
from hearthgate.ingress.envoy.options import ProxyOptions
from hearthgate.ingress.envoy.peers import peer_format, peers_of
from hearthgate.ingress.envoy.plan import Scope
from hearthgate.ingress.envoy.tls_context import needs_placeholder, serves_quic
from hearthgate.ingress.envoy.virtual_hosts import Table
from hearthgate.ingress.routing.entrypoints import SETTINGS_REF
from hearthgate.ingress.routing.model import DEFAULT_TLS_OPTIONS, Certificate, EntryPoint, TLSOptions
from hearthgate.ingress.xds.resources import Versioned, versioned
from hearthgate.model.hostnames import is_wildcard
from hearthgate.model.problems import Problem, Reason, Severity
from hearthgate.model.refs import ObjectRef

_LONGEST_PROTOCOL = 255  # RFC 7301 3.1


class Layout(NamedTuple):
    """An entrypoint with the TLS options that it serves, `default` among them, sorted by name.

    owners: whose a domain is, for those that options of their own rule.
    """

    entrypoint: EntryPoint
    options: tuple[TLSOptions, ...]
    owners: Mapping[str, str]
    placeholder_ca: str
    certificates: QuicCertificates
    problems: tuple[Problem, ...]

    def scope(self, *, tls: bool) -> Scope:
        """What middlewares must know of requests here."""
        trusting = any(peers.trusted for peers in peers_of(self.entrypoint))
        return Scope(tls=tls, forwarded_trusted=trusting)

    def tables(self, domains: Iterable[str], *, tls: bool) -> tuple[Table, ...]:
        """The route tables that divide `domains`, those that the routers name, among them."""
        if not tls:
            name = plain_routes(self.entrypoint.name)
            return (Table(name, tuple(sorted(domains)), appended=self._appended),)
        found = []
        for one in self.options:
            if one.name == DEFAULT_TLS_OPTIONS:
                own = tuple(sorted(set(domains) - self.owners.keys()))
                foreign = tuple(sorted(self.owners))
            else:
                own, foreign = self._domains(one), ("*",)
            offered = (self.entrypoint.advertised_port or self.entrypoint.port) if self._offers_quic(one) else 0
            found.append(Table(tls_routes(self.entrypoint.name, one.name), own, foreign, offered, self._appended))
        return tuple(found)

    @property
    def _appended(self) -> str:
        return peer_format(self.entrypoint) if self.entrypoint.append_forwarded_for else ""

    def exceptions(self, domains: Iterable[str]) -> tuple[str, ...]:
        """Domains under the default options that a wildcard of others covers: to Envoy it covers all levels."""
        suffixes = tuple(domain[1:] for domain in self.owners if is_wildcard(domain))
        if not suffixes:
            return ()
        return tuple(sorted(d for d in domains if d.endswith(suffixes) and d not in self.owners))

    def listeners(self, exceptions: tuple[str, ...], options: ProxyOptions) -> dict[str, Versioned]:
        served = []
        for one in self.options:
            default = one.name == DEFAULT_TLS_OPTIONS
            served.append(Served(one, exceptions=exceptions) if default else Served(one, self._hosts(one)))
        found = (
            tcp_listener(self.entrypoint, tuple(served), options, self.placeholder_ca),
            udp_listener(self.entrypoint, tuple(served), options, self.certificates),
        )
        return {
            str(listener.name): versioned(listener.SerializeToString(deterministic=True))
            for listener in found
            if listener is not None
        }

    def _hosts(self, options: TLSOptions) -> tuple[str, ...]:
        return options.hosts.get(self.entrypoint.name, ())

    def _domains(self, options: TLSOptions) -> tuple[str, ...]:
        return tuple(map(domain_of, self._hosts(options)))

    def _offers_quic(self, options: TLSOptions) -> bool:
        return self.entrypoint.http3 and serves_quic(options)


def domain_of(host: str) -> str:
    """The virtual host of a host."""
    return f"[{host}]" if ":" in host else host


def layouts(
    entrypoints: Iterable[EntryPoint],
    tls_options: Iterable[TLSOptions],
    default: Certificate | None,
    certificates: QuicCertificates,
) -> tuple[Layout, ...]:
    """The entrypoints laid out. TLS options that cannot be kept are left out: their hosts are not served."""
    placeholder = default.chain if default is not None else ""
    known = {one.name: one for one in tls_options}
    known.setdefault(DEFAULT_TLS_OPTIONS, TLSOptions())
    usable, problems = [], []
    for name in sorted(known):
        if needs_placeholder(known[name]) and not placeholder:
            message = f"{name}: client certificates without authorities need a default certificate to exist"
            ref = ObjectRef("TLSOption", "", name)
            problems.append(Problem(ref=ref, field="spec.clientAuth", reason=Reason.UNSUPPORTED, message=message))
        elif not all(0 < len(protocol.encode()) <= _LONGEST_PROTOCOL for protocol in known[name].alpn):
            message = f"{name}: a protocol's name has 1 to {_LONGEST_PROTOCOL} bytes: correct alpnProtocols"
            ref = ObjectRef("TLSOption", "", name)
            problems.append(
                Problem(ref=ref, field="spec.alpnProtocols", reason=Reason.INVALID_VALUE, message=message)
            )
        else:
            usable.append(known[name])
    found = []
    for entrypoint in entrypoints:
        name = entrypoint.name
        own = tuple(one for one in usable if one.name == DEFAULT_TLS_OPTIONS or one.hosts.get(name))
        owners = {
            domain_of(host): one.name
            for one in known.values()
            if one.name != DEFAULT_TLS_OPTIONS
            for host in one.hosts.get(name, ())
        }
        said = (*problems, *_warnings(entrypoint, own))
        held = certificates if entrypoint.http3 else QuicCertificates()
        found.append(Layout(entrypoint, own, owners, placeholder, held, said))
    return tuple(found)


def _warnings(entrypoint: EntryPoint, options: tuple[TLSOptions, ...]) -> Iterator[Problem]:
    def warning(field: str, message: str) -> Problem:
        return Problem(
            ref=SETTINGS_REF,
            field=f"entryPoints.{entrypoint.name}.{field}",
            reason=Reason.UNSUPPORTED,
            message=message,
            severity=Severity.WARNING,
        )

    if entrypoint.max_header_bytes > MAX_HEADERS_KB * 1024:
        message = f"more than {MAX_HEADERS_KB} KiB is not supported: that much is taken"
        yield warning("http.maxHeaderBytes", message)
    for one in options:
        if entrypoint.http3 and not serves_quic(one):
            message = f"TLS options {one.name} cannot be kept over HTTP/3: their hosts are served without it"
            yield warning("http3", message)
