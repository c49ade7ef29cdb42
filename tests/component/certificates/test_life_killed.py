"""kill -9 between any two steps of a Certificate's life: the next process goes on from what was written last, and
asks for each certificate once."""

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from hearthgate.certificates.issuers.accounts import AccountDesk
from hearthgate.certificates.issuers.named import AnyIssuer
from hearthgate.certificates.issuers.reconciler import IssuerReconciler
from hearthgate.certificates.life.certificates import KINDS, CertificateReconciler
from hearthgate.certificates.requests.reconciler import RequestReconciler
from hearthgate.certificates.requests.verdict import Verdict
from hearthgate.certificates.tools import Tools
from hearthgate.certificates.x509.leaf import parse_chain
from hearthgate.cluster.events import EventWriter
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.resources.certmanager import Certificate, CertificateRequest, Issuer
from hearthgate.resources.core import Secret
from hearthgate.resources.registry import BY_TYPE
from tests.component.certificates.mortal import Fate, MortalClient, deadly
from tests.component.certificates.stage import Stage, stage
from tests.waiting import eventually

FIRST, SECOND = ["home.test"], ["home.test", "www.home.test"]


class NoCA:
    """Nobody asks it: the issuer here signs by the requester's own key, at once."""

    async def verdict(self, snapshot: Snapshot, request: CertificateRequest, issuer: AnyIssuer) -> Verdict | None:
        raise AssertionError(request)


@contextlib.asynccontextmanager
async def life(api: Stage, fate: Fate) -> AsyncIterator[None]:
    """One process, with its own memory."""
    async with MortalClient(api, fate) as client:
        tools = Tools(client, EventWriter(client), api.tools.settings)
        reconcilers = (
            CertificateReconciler(tools),
            RequestReconciler(tools, NoCA()),
            IssuerReconciler(tools, Issuer, AccountDesk(tools)),
        )
        async with Stage(api.server, api.client, tools).running(reconcilers, KINDS):
            yield


async def live(api: Stage, name: str, fate: Fate) -> None:
    """From the wish to the first certificate, and over a change of the wish to the second."""
    async with life(api, fate):
        for revision, names in ((1, FIRST), (2, SECOND)):
            await wish(api, name, names)
            await eventually(at_rest(api, name, revision), what=f"{name} at revision {revision}")


async def wish(api: Stage, name: str, names: list[str]) -> None:
    """What was wished for later stays."""
    found = await api.get(Certificate, "default", name)
    spec = {
        "secretName": name,
        "dnsNames": names,
        "issuerRef": {"name": "self"},
        "privateKey": {"algorithm": "ECDSA"},
    }
    if found is None:
        await api.create(Certificate, {"metadata": {"name": name, "namespace": "default"}, "spec": spec})
    elif len(found.spec.dns_names) < len(names):
        await api.client.merge_patch(BY_TYPE[Certificate], "default", name, {"spec": {"dnsNames": names}})


def at_rest(api: Stage, name: str, revision: int) -> Callable[[], object]:
    """Whether the certificate of this revision, or of a later one, is published and nothing is left to do."""

    async def is_so() -> bool:
        found = await api.get(Certificate, "default", name)
        status = found.status if found is not None else None
        if status is None or (status.revision or 0) < revision or status.next_private_key_secret_name:
            return False
        left = [one for one in await api.all(Secret) if one.metadata.name.startswith(f"{name}-")]
        return not left and [(one.type, one.status) for one in status.conditions] == [("Ready", "True")]

    return is_so


async def test_every_step(tmp_path: Path) -> None:
    async with stage(tmp_path) as api:
        await api.create(
            Issuer, {"metadata": {"name": "self", "namespace": "default"}, "spec": {"selfSigned": {}}}
        )
        whole = Fate()
        await live(api, "home-0", whole)
        assert whole.steps.count("create CertificateRequest") == 2
        assert whole.steps.count("apply Secret") == 2
        for number in range(1, len(whole.steps) + 1):
            await _try_once(api, number)


async def _try_once(api: Stage, number: int) -> None:
    """Dies after the step of this number, and goes on."""
    name = f"home-{number}"
    first, second = Fate(after=number), Fate()
    with deadly():
        await live(api, name, first)
    await live(api, name, second)
    where = f"killed after step {number}, {first.steps[-1]}"
    steps = first.steps + second.steps
    assert steps.count("create CertificateRequest") == 2, where
    requests = [one for one in await api.all(CertificateRequest) if one.metadata.name.startswith(f"{name}-")]
    assert [one.metadata.name for one in requests] == [f"{name}-2"], where
    secret = await api.get(Secret, "default", name)
    value = secret.value("tls.crt") if secret is not None else None
    assert value is not None, where
    leaf = parse_chain(value.reveal()).leaf
    assert sorted(leaf.names.dns) == SECOND, where
