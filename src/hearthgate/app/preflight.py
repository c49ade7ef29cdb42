"""What `hearthgate certs preflight` does: finds an issuer's solvers of DNS-01 and names, and tries them."""

import contextlib
import os
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from hearthgate.certificates.dns01.asking import Asker
from hearthgate.certificates.dns01.preflight import Preflight, Step
from hearthgate.certificates.dns01.propagation import Propagation
from hearthgate.certificates.dns01.provider import Provider
from hearthgate.certificates.dns01.providers import Providers
from hearthgate.certificates.issuers.named import AnyIssuer, issuer_key, key_of, place_of_secrets, ready_of
from hearthgate.certificates.orders.dns01 import secret_reader
from hearthgate.certificates.orders.selection import select
from hearthgate.certificates.settings import CertificateSettings
from hearthgate.cloudflare.address import base_url
from hearthgate.cluster.client import Client
from hearthgate.cluster.once import Once, read_once
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.cluster.status import now_utc
from hearthgate.model.errors import Permanent
from hearthgate.resources.certmanager import Certificate, ClusterIssuer, Issuer
from hearthgate.resources.certmanager.orders import Authorization, OfferedChallenge
from hearthgate.resources.certmanager.solvers import DNS01, Solver
from hearthgate.resources.core import Secret
from hearthgate.resources.registry import BY_TYPE

READ: Final = (Certificate, ClusterIssuer, Issuer, Secret)
_EVERY_PROOF: Final = tuple(OfferedChallenge(type=kind) for kind in ("dns-01", "http-01", "tls-alpn-01"))


class Trial(NamedTuple):
    """host: the name to try, without `*.`. solver: None when none of DNS-01 is for it. number: which it is."""

    host: str
    number: int
    solver: DNS01 | None


async def read_issuers(client: Client) -> Once:
    return await read_once(client, [BY_TYPE[kind] for kind in READ])


def issuer_named(snapshot: Snapshot, name: str, namespace: str) -> AnyIssuer:
    """namespace: empty for all. Raises Permanent when there is none, or several."""
    every: tuple[AnyIssuer, ...] = (*snapshot.all(ClusterIssuer), *snapshot.all(Issuer))
    found = [one for one in every if one.metadata.name == name and namespace in ("", one.metadata.namespace)]
    if len(found) == 1:
        return found[0]
    if found:
        places = ", ".join(str(one.ref) for one in found)
        raise Permanent(f"there are several issuers {name} ({places}): choose one with -n")
    known = ", ".join(str(one.ref) for one in every) or "none"
    raise Permanent(f"there is no issuer {name} (there are: {known})")


def state_of(issuer: AnyIssuer) -> Step:
    """What its own reconciler says: the account at the CA, and the Secrets that it names."""
    ready = ready_of(issuer)
    if ready is None:
        return Step("issuer", False, f"{issuer.ref} was not looked at yet: is Hearthgate running?")
    return Step("issuer", ready.status == "True", f"{ready.reason}: {ready.message}")


def trials(snapshot: Snapshot, issuer: AnyIssuer, hosts: Sequence[str]) -> tuple[Trial, ...]:
    """One for each of these names; without names one for each solver of DNS-01, with a name that it is for: of its
    selector, or of a Certificate of the issuer. Raises Permanent where there is nothing to try."""
    solvers = issuer.spec.acme.solvers if issuer.spec.acme is not None else ()
    if not any(solver.dns01 is not None for solver in solvers):
        raise Permanent(f"{issuer.ref} has no solver of DNS-01: there is nothing to try")
    if hosts:
        known = {name: labels for name, labels in _names(snapshot, issuer, solvers) if labels}
        return tuple(dict.fromkeys(_trial(solvers, host, known.get(host, {})) for host in hosts))
    found: dict[int, Trial] = {}
    for name, labels in _names(snapshot, issuer, solvers):
        trial = _trial(solvers, name, labels)
        if trial.solver is not None:
            found.setdefault(trial.number, trial)
    if not found:
        raise Permanent(
            f"no Certificate of {issuer.ref} says which names to try: give one, as in --host example.org"
        )
    return tuple(found[index] for index in sorted(found))


async def steps_of(
    trial: Trial, *, client: Client, snapshot: Snapshot, issuer: AnyIssuer, settings: CertificateSettings
) -> AsyncGenerator[Step, None]:
    """Those of one trial, each as it is done."""
    solver = trial.solver
    if solver is None:
        yield Step("solver", False, f"no solver of DNS-01 is for {trial.host}: see the selectors of {issuer.ref}")
        return
    proofs = settings.acme_dns01_config
    nameservers = solver.nameservers or proofs.recursive_nameservers
    place = place_of_secrets(issuer, settings.cluster_resource_namespace)
    async with _connections(client, settings) as (providers, propagation):

        async def zone_of(name: str) -> str:
            return await (await propagation.resolvers(nameservers)).zone_of(name)

        async def provider() -> Provider:
            reader = secret_reader(snapshot, place)
            return await providers.provider_of(solver, reader, namespace=place, zone_of=zone_of)

        preflight = Preflight(
            solver,
            provider,
            propagation,
            nameservers=nameservers,
            recursive_only=bool(solver.nameservers) or proofs.recursive_nameservers_only,
        )
        async with contextlib.aclosing(preflight.steps(trial.host)) as steps:
            async for step in steps:
                yield step


@contextlib.asynccontextmanager
async def _connections(
    client: Client, settings: CertificateSettings
) -> AsyncIterator[tuple[Providers, Propagation]]:
    asker = Asker()
    providers = Providers(lambda: settings, client=client, now=now_utc, cloudflare_url=base_url(os.environ))
    try:
        yield providers, Propagation(asker, public=lambda: settings.acme_dns01_config.public_nameservers)
    finally:
        await providers.close()
        await asker.close()


def _trial(solvers: Sequence[Solver], name: str, labels: Mapping[str, str]) -> Trial:
    host = name.removeprefix("*.")
    authorization = Authorization(url="", identifier=host, wildcard=name.startswith("*."), challenges=_EVERY_PROOF)
    chosen = select(solvers, authorization, labels)
    if chosen is None or chosen.solver.dns01 is None:
        return Trial(host, -1, None)
    return Trial(host, next(i for i, one in enumerate(solvers) if one is chosen.solver), chosen.solver.dns01)


def _names(
    snapshot: Snapshot, issuer: AnyIssuer, solvers: Iterable[Solver]
) -> Iterable[tuple[str, Mapping[str, str]]]:
    """Those that it is for, with the labels that selectors look at."""
    for certificate in snapshot.all(Certificate):
        if issuer_key(certificate.spec.issuer_ref, certificate.metadata.namespace) == key_of(issuer):
            yield from ((name, certificate.metadata.labels) for name in certificate.spec.dns_names)
    for solver in solvers:
        if solver.selector is not None:
            names = (*solver.selector.dns_names, *solver.selector.dns_zones)
            yield from ((name, solver.selector.match_labels) for name in names)
