"""Certificates in one namespace, with issuers of our own that sign at once."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hearthgate.certificates.issuers.accounts import AccountDesk
from hearthgate.certificates.issuers.named import AnyIssuer
from hearthgate.certificates.issuers.reconciler import IssuerReconciler
from hearthgate.certificates.life.certificates import CertificateReconciler
from hearthgate.certificates.requests.reconciler import RequestReconciler
from hearthgate.certificates.requests.verdict import Failed, Verdict
from hearthgate.certificates.tools import Tools
from hearthgate.certificates.x509.leaf import parse_chain
from hearthgate.cluster.reconcile import Reconciler
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.resources.certmanager import Certificate, CertificateRequest, ClusterIssuer, Issuer
from hearthgate.resources.core import Secret
from hearthgate.resources.registry import BY_TYPE
from tests.component.certificates.stage import Stage, stage
from tests.waiting import eventually

NAMESPACE = "infra"
CERTIFICATE = BY_TYPE[Certificate]
SECRET = BY_TYPE[Secret]


class Clock:
    """now: of this moment, unless it was moved."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class NoCA:
    """An ACME way whose CA refuses everything."""

    async def verdict(self, snapshot: Snapshot, request: CertificateRequest, issuer: AnyIssuer) -> Verdict | None:
        return Failed("OrderFailed", "the CA refuses")


def reconcilers(tools: Tools) -> Sequence[Reconciler]:
    desk = AccountDesk(tools)
    return (
        CertificateReconciler(tools),
        RequestReconciler(tools, NoCA()),
        IssuerReconciler(tools, Issuer, desk),
        IssuerReconciler(tools, ClusterIssuer, desk),
    )


@contextlib.asynccontextmanager
async def life_stage(state_dir: Path, clock: Clock) -> AsyncIterator[Stage]:
    """An API with the ClusterIssuer `self`, which signs by the requester's own key."""
    async with stage(state_dir, namespaces=[NAMESPACE], now=clock) as played:
        await played.create(ClusterIssuer, {"metadata": {"name": "self"}, "spec": {"selfSigned": {}}})
        yield played


def wanted(name: str = "web", **spec: Any) -> dict[str, Any]:
    base = {
        "secretName": name,
        "dnsNames": [f"{name}.test"],
        "issuerRef": {"name": "self", "kind": "ClusterIssuer"},
        "privateKey": {"algorithm": "ECDSA", "size": 256},
    }
    return {"metadata": {"name": name, "namespace": NAMESPACE}, "spec": {**base, **spec}}


async def certificate(played: Stage, name: str = "web") -> Certificate:
    found = await played.get(Certificate, NAMESPACE, name)
    assert found is not None
    return found


async def serial(played: Stage, name: str = "web") -> int | None:
    found = await played.get(Secret, NAMESPACE, name)
    value = found.value("tls.crt") if found is not None else None
    return parse_chain(value.reveal()).leaf.serial if value else None


async def until_ready(played: Stage, name: str = "web", revision: int = 1) -> Certificate:
    async def is_so() -> bool:
        status = (await certificate(played, name)).status
        if status is None or status.revision != revision:
            return False
        conditions = {one.type: one.status for one in status.conditions}
        return conditions == {"Ready": "True"} and status.next_private_key_secret_name is None

    await eventually(is_so, what=f"{name} ready at revision {revision}")
    return await certificate(played, name)


async def condition(played: Stage, type_: str, name: str = "web") -> str:
    status = (await certificate(played, name)).status
    found = [one for one in status.conditions if one.type == type_] if status is not None else []
    return f"{found[0].status} {found[0].reason}: {found[0].message}" if found else ""
