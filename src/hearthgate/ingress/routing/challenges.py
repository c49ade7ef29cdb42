"""Challenges (acme.cert-manager.io) to proofs, and to the routers that give those of HTTP-01.

A proof is given from the moment its Challenge exists until the CA has decided: whoever made it, ours or a real
cert-manager beside us, looks at the outcome itself. On every entrypoint, for that host and path alone, before
everything else: redirections, middlewares and routes of the user, and without the entrypoint's own middlewares.
Tokens that no Challenge has go on to the user's routes, where another ACME client may answer.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from hearthgate.ingress.middlewares.proof import ProofAnswer
from hearthgate.ingress.routing.entrypoints import SETTINGS_REF
from hearthgate.ingress.routing.model import DEFAULT_TLS_OPTIONS, EntryPoint, Proof, ProofKind, Router
from hearthgate.ingress.routing.observed import router_observed
from hearthgate.ingress.routing.tls_hosts import Hosts
from hearthgate.ingress.routing.tracking import Result, Tracker
from hearthgate.ingress.settings import IngressSettings
from hearthgate.model.hostnames import is_wildcard, parent_wildcard
from hearthgate.model.problems import Problem, Reason, Severity, shorten
from hearthgate.resources.certmanager.orders import Challenge
from hearthgate.rules.rule import Rule, compile_rule

WELL_KNOWN: Final = "/.well-known/acme-challenge/"
_PRIORITY: Final = 1 << 63
"""Above all that a route, or a router of our own, can have."""
_DECIDED: Final = frozenset(("valid", "invalid", "expired", "errored"))
_KINDS: Final = {kind.value: kind for kind in ProofKind}
_HOST: Final = re.compile(r"[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?|[0-9a-f:]*:[0-9a-f:.]*", re.ASCII)
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{1,512}", re.ASCII)
"""base64url, as RFC 8555 8.3 says: nothing in it could mean anything in a path or a page."""


def challenge_proofs(tracker: Tracker) -> Result[tuple[Proof, ...]]:
    """The proofs to give now, sorted. A Challenge that no CA can have made gives a Problem and nothing else."""

    def build() -> Result[tuple[Proof, ...]]:
        found: set[Proof] = set()
        problems: list[Problem] = []
        for challenge in tracker.collection(Challenge).ordered:
            assert isinstance(challenge, Challenge)  # noqa: S101 - the collection is of that kind
            if (proof := _proof(challenge, problems)) is not None:
                found.add(proof)
        return Result(tuple(sorted(found)), tuple(problems))

    return tracker.result(("proofs",), build)


def _proof(challenge: Challenge, problems: list[Problem]) -> Proof | None:
    spec, status = challenge.spec, challenge.status
    kind = _KINDS.get(spec.type)
    decided = status is not None and status.state in _DECIDED
    if kind is None or decided or challenge.metadata.deletion_timestamp is not None:
        return None
    host = spec.dns_name.lower().removesuffix(".")
    token, dot, thumbprint = spec.key.partition(".")
    for field, is_good, message in (
        ("spec.dnsName", _HOST.fullmatch(host), f"{shorten(spec.dns_name)} is neither a host name nor an address"),
        ("spec.token", _TOKEN.fullmatch(spec.token), f"{shorten(spec.token)} is no token of a CA (base64url)"),
        (
            "spec.key",
            dot and token == spec.token and _TOKEN.fullmatch(thumbprint),
            "it is not the token, a dot and the thumbprint of an account key",
        ),
    ):
        if not is_good:
            said = f"{message}: the proof is not given; delete the Challenge, its Order makes another"
            problems.append(
                Problem(
                    ref=challenge.ref,
                    field=field,
                    reason=Reason.INVALID_VALUE,
                    message=said,
                    severity=Severity.WARNING,
                )
            )
            return None
    return Proof(kind=kind, host=host, token=spec.token, key_authorization=spec.key)


def proof_routers(
    proofs: Iterable[Proof], settings: IngressSettings, entrypoints: Mapping[str, EntryPoint], hosts: Hosts
) -> Iterator[Router]:
    """The routers that answer HTTP-01: plain ones, and over TLS, where a CA comes that was redirected.

    hosts: what TLS options of their own rule. Over TLS a host is served only under the options that rule it.
    """
    for proof in proofs:
        if proof.kind is not ProofKind.HTTP:
            continue
        name = f"acme-http01-{proof.host}-{proof.token}@internal"
        answer = ProofAnswer(name=name, key_authorization=proof.key_authorization)
        for entrypoint in sorted(entrypoints):
            for tls, options, rule in _places(proof, entrypoint, hosts):
                yield Router(
                    name=name,
                    ref=SETTINGS_REF,
                    field=f"entryPoints.{entrypoint}",
                    entrypoint=entrypoint,
                    rule=rule,
                    priority=_PRIORITY,
                    observed=router_observed(settings, entrypoint, None, None),
                    tls=tls,
                    tls_options=options,
                    middlewares=(answer,),
                )


def _places(proof: Proof, entrypoint: str, hosts: Hosts) -> Iterator[tuple[bool, str, Rule]]:
    """Whether it is over TLS, under which options, and the rule there.

    A host that a wildcard of such options covers gets no virtual host of its own, which the listener would have
    to know of, and Envoy would end connections over that. Deeper below a wildcard nothing is answered over TLS.
    """
    exact = _rule(f"Host(`{proof.host}`)", proof)
    yield False, DEFAULT_TLS_OPTIONS, exact
    owners = {host: name for name, by_entrypoint in hosts.items() for host in by_entrypoint.get(entrypoint, ())}
    wildcard = parent_wildcard(proof.host) or ""
    if proof.host in owners:
        yield True, owners[proof.host], exact
    elif wildcard in owners:
        below = f"Host(`{wildcard}`) && HostRegexp(`^{re.escape(proof.host)}$`)"
        yield True, owners[wildcard], _rule(below, proof)
    elif not any(is_wildcard(host) and proof.host.endswith(host[1:]) for host in owners):
        yield True, DEFAULT_TLS_OPTIONS, exact


def _rule(host: str, proof: Proof) -> Rule:
    rule = compile_rule(f"{host} && Path(`{WELL_KNOWN}{proof.token}`)")
    assert isinstance(rule, Rule), rule  # noqa: S101 - host and token are checked
    return rule
