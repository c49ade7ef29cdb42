"""Issuers of test CAs on a stage, with proofs of DNS-01 written where the test wants them."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

from hearthgate.certificates.issuance import KINDS, Issuance
from hearthgate.certificates.issuers.named import AnyIssuer
from hearthgate.certificates.orders.dns01 import RecordSweeper
from hearthgate.certificates.orders.proofs import Proofs, Seen
from hearthgate.cluster.hub import Hub
from hearthgate.cluster.reconcile import Reconciler
from hearthgate.cluster.snapshot import Key, Snapshot
from hearthgate.resources.certmanager import Challenge, Issuer, Order
from hearthgate.resources.meta import Condition
from tests.component.certificates.requests_made import b64, condition
from tests.component.certificates.stage import Stage
from tests.waiting import eventually

DNS = {"dns01": {"cloudflare": {"apiTokenSecretRef": {"name": "token", "key": "token"}}}}
"""A solver; who gives its proofs is the test's business."""


class Records:
    """Proofs of DNS-01 by two functions of the test. records: those that are there, by Challenge. unseen: names
    whose record is never seen."""

    def __init__(
        self,
        write: Callable[[str, str], Awaitable[None]] | None = None,
        remove: Callable[[str, str], Awaitable[None]] | None = None,
    ) -> None:
        self.write = write
        self.remove = remove
        self.records: dict[Key, tuple[str, str]] = {}
        self.presented: list[str] = []
        self.fails: Exception | None = None
        self.seen = Seen(True, "seen")
        self.unseen: set[str] = set()

    async def present(self, snapshot: Snapshot, challenge: Challenge, issuer: AnyIssuer) -> None:
        if self.fails is not None:
            raise self.fails
        record = (f"_acme-challenge.{challenge.spec.dns_name}", challenge.spec.key)
        self.presented.append(record[0])
        self.records[challenge.key] = record
        if self.write is not None:
            await self.write(*record)

    async def look(self, challenge: Challenge) -> Seen:
        return Seen(False, "not there") if challenge.spec.dns_name in self.unseen else self.seen

    async def clear(self, snapshot: Snapshot, challenge: Key) -> None:
        record = self.records.get(challenge)
        if record is not None:
            if self.remove is not None:
                await self.remove(*record)
            del self.records[challenge]


@contextlib.asynccontextmanager
async def issuing(stage: Stage, proofs: Mapping[str, Proofs], *more: Reconciler) -> AsyncIterator[Hub]:
    """proofs: those of DNS-01 among them. more: reconcilers, such as the sweeper of these proofs."""
    issuance = Issuance(stage.tools, proofs=proofs)
    try:
        async with stage.running((*but_the_sweeper(issuance), *more), KINDS) as hub:
            yield hub
    finally:
        await issuance.close()


def but_the_sweeper(issuance: Issuance) -> list[Reconciler]:
    """Without the one that sweeps up after the proofs that the test has replaced."""
    return [one for one in issuance.reconcilers if not isinstance(one, RecordSweeper)]


async def acme_issuer(
    stage: Stage, directory: str, ca: str, *, name: str = "acme", solvers: Sequence[Any] = (DNS,), **acme: Any
) -> None:
    spec = {
        "server": directory,
        "caBundle": b64(ca.encode()),
        "privateKeySecretRef": {"name": f"{name}-account"},
        "solvers": list(solvers),
        **acme,
    }
    await stage.create(Issuer, {"metadata": {"name": name, "namespace": "default"}, "spec": {"acme": spec}})


async def judged(stage: Stage, reason: str, *, name: str = "acme", words: str = "") -> Condition:
    """The issuer's condition Ready, once it has this reason."""

    async def found() -> Condition | None:
        read = await stage.get(Issuer, "default", name)
        ready = None if read is None else condition(read, "Ready")
        is_it = ready is not None and ready.reason == reason and words in ready.message
        return ready if is_it else None

    ready = await eventually(found, what=f"{name} to be judged {reason}")
    assert ready is not None
    return ready


async def orders_of(stage: Stage) -> list[Order]:
    return [one for one in await stage.all(Order) if one.metadata.namespace == "default"]


async def order_with(stage: Stage, is_it: Callable[[Order], bool], *, within: float = 10.0) -> Order:
    """The first Order that is as wanted, once there is one."""

    async def found() -> Order | None:
        return next((one for one in await stage.all(Order) if is_it(one)), None)

    order = await eventually(found, within=within, what="an Order as expected")
    assert order is not None
    return order
