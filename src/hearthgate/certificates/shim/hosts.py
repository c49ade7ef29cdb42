"""Which names each kind of object wants a certificate for. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from hearthgate.certificates.shim.asked import PREFIX, Names
from hearthgate.resources.gateway.gateways import Gateway, Listener
from hearthgate.resources.meta import Resource
from hearthgate.resources.networking import Ingress
from hearthgate.resources.traefik.ingressroute import Domain, IngressRoute
from hearthgate.resources.traefik.tcp import IngressRouteTCP
from hearthgate.resources.traefik.tls import TLSStore
from hearthgate.rules.rule import Rule, RuleError, compile_rule
from hearthgate.rules.syntax import Matcher
from hearthgate.rules.tcp import compile_tcp_rule

OWN_SECRET: Final = "-hearthgate-tls"  # noqa: S105 - the end of a name
"""After the name of the object."""
_IGNORED_LISTENERS: Final = f"{PREFIX}ignore-tls-listeners"


def own_secret(source: Resource) -> str:
    """The Secret of an object that names none."""
    return f"{source.metadata.name}{OWN_SECRET}"


class Wanted(NamedTuple):
    """mistakes: parts that want a certificate and cannot get one, each with its field."""

    names: tuple[Names, ...] = ()
    mistakes: tuple[str, ...] = ()


def of_ingress(ingress: Ingress) -> Wanted:
    """By cert-manager's annotations: the Secrets that spec.tls names."""
    names, mistakes = [], []
    times = Counter(entry.secret_name for entry in ingress.spec.tls if entry.secret_name)
    twice = sorted(name for name, count in times.items() if count > 1)
    if twice:
        listed = ", ".join(twice)
        return Wanted(
            (), (f"spec.tls: {listed} stands in two entries: name each Secret once, with all its hosts",)
        )
    for index, entry in enumerate(ingress.spec.tls):
        if not entry.hosts or not entry.secret_name:
            missing = "hosts" if entry.secret_name else "secretName"
            mistakes.append(f"spec.tls[{index}]: without {missing} no certificate can be made for it")
        else:
            names.append(Names(entry.secret_name, _distinct(entry.hosts)))
    return Wanted(tuple(names), tuple(mistakes))


def of_ingress_resolver(ingress: Ingress, domains: Iterable[Domain]) -> Wanted:
    """By a resolver: the domains, else the hosts of the rules, but for those whose Secret spec.tls names: as with
    upstream, somebody else fills that."""
    named = {host.lower() for entry in ingress.spec.tls if entry.secret_name for host in entry.hosts}
    rules = (rule.host.lower() for rule in ingress.spec.rules if rule.host)
    unnamed = (host.lower() for entry in ingress.spec.tls if not entry.secret_name for host in entry.hosts)
    listed = tuple(_of_domains(domains)) or (*rules, *unnamed)
    hosts = tuple(host for host in _distinct(listed) if host not in named)
    return Wanted((Names(own_secret(ingress), hosts),)) if hosts else Wanted()


def of_gateway(gateway: Gateway) -> Wanted:
    """Listeners that name one Secret share a certificate."""
    skipped = {item.strip() for item in gateway.metadata.annotations.get(_IGNORED_LISTENERS, "").split(",")}
    hosts: dict[str, list[str]] = {}
    mistakes: list[str] = []
    for index, listener in enumerate(gateway.spec.listeners):
        if listener.name in skipped or not _terminates(listener):
            continue
        place = f"spec.listeners[{index}]"
        if not listener.hostname:
            mistakes.append(f"{place}.hostname: without it no certificate can be made")
            continue
        for secret_name in _secrets(gateway, listener, place, mistakes):
            hosts.setdefault(secret_name, []).append(listener.hostname)
    return Wanted(tuple(Names(name, _distinct(found)) for name, found in hosts.items()), tuple(mistakes))


def of_route(route: IngressRoute | IngressRouteTCP, domains: Iterable[Domain] = ()) -> Wanted:
    """tls.domains when there are any, else `domains` (of the entrypoint), else the hosts that the rules name. What
    passes TLS through has none."""
    tls = route.spec.tls
    if isinstance(route, IngressRouteTCP) and route.spec.tls is not None and route.spec.tls.passthrough:
        return Wanted()
    listed = tuple(_of_domains((tls.domains if tls is not None else ()) or domains))
    secret_name = (tls.secret_name if tls is not None else "") or own_secret(route)
    hosts = _distinct(listed or hosts_of_rules(route))
    return Wanted((Names(secret_name, hosts),)) if hosts else Wanted()


def of_store(store: TLSStore) -> Wanted:
    """The certificate that defaultGeneratedCert asks for."""
    generated = store.spec.default_generated_cert
    hosts = _distinct(_of_domains([generated.domain])) if generated is not None and generated.domain else ()
    return Wanted((Names(own_secret(store), hosts),)) if hosts else Wanted()


def hosts_of_rules(route: IngressRoute | IngressRouteTCP) -> tuple[str, ...]:
    """The names and one-label wildcards that a request or connection of the rules may have; patterns say none."""
    found: list[str] = []
    for each in route.spec.routes:
        http = isinstance(route, IngressRoute)
        rule = compile_rule(each.match, each.syntax) if http else compile_tcp_rule(each.match, each.syntax)
        if not isinstance(rule, RuleError):
            found.extend(_of_rule(rule))
    return _distinct(found)


def _of_rule(rule: Rule) -> Iterator[str]:
    for conjunct in rule.conjuncts:
        for condition in conjunct:
            if condition.matcher in {Matcher.HOST, Matcher.HOST_SNI} and not condition.negated:
                host = condition.arguments[0].lower().removesuffix(".")
                if host != "*":
                    yield host


def _of_domains(domains: Iterable[Domain]) -> Iterator[str]:
    for domain in domains:
        yield from (name for name in (domain.main, *domain.sans) if name)


def _terminates(listener: Listener) -> bool:
    return listener.protocol in {"HTTPS", "TLS"} and (listener.tls is None or listener.tls.mode == "Terminate")


def _secrets(gateway: Gateway, listener: Listener, place: str, mistakes: list[str]) -> Iterator[str]:
    if listener.tls is None or not listener.tls.certificate_refs:
        mistakes.append(f"{place}.tls.certificateRefs: name the Secret that the certificate shall go to")
        return
    for index, reference in enumerate(listener.tls.certificate_refs):
        if reference.group or reference.kind != "Secret":
            mistakes.append(f"{place}.tls.certificateRefs[{index}]: only a Secret can hold a certificate")
        elif reference.namespace not in (None, gateway.metadata.namespace):
            mistakes.append(
                f"{place}.tls.certificateRefs[{index}]: the Secret must be in the Gateway's own namespace"
            )
        else:
            yield reference.name


def _distinct(hosts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(hosts))
