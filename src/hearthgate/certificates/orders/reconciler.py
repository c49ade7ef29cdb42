"""Brings Orders on: placed, proved by Challenges, finalized, their certificate fetched (RFC 8555, section 7.4).

What has been reached stands in the status before the next step is taken. Only a verdict of the CA ends an Order:
trouble on the way and limits are waited for, and the status says until when.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, assert_never

import structlog

from hearthgate.certificates.acme.client import AcmeClient
from hearthgate.certificates.acme.errors import Rejected
from hearthgate.certificates.issuers.accounts import AccountDesk
from hearthgate.certificates.issuers.named import AnyIssuer, issuer_key, issuer_of, key_of
from hearthgate.certificates.orders.outcomes import Again, End, Said, Step
from hearthgate.certificates.orders.placing import Placing
from hearthgate.certificates.orders.planning import plan
from hearthgate.certificates.orders.states import FAILED, is_over, status_of
from hearthgate.certificates.orders.steps import Steps
from hearthgate.certificates.orders.trouble import PASSING, trouble_of
from hearthgate.certificates.pace import Pace
from hearthgate.certificates.tagged import Tagged
from hearthgate.certificates.tools import Tools
from hearthgate.cluster.conditions import rfc3339
from hearthgate.cluster.snapshot import Key, Snapshot
from hearthgate.resources.certmanager import Challenge, ClusterIssuer, Issuer, Order
from hearthgate.resources.meta import Resource

log = structlog.get_logger(__name__)

KINDS: Final[tuple[type[Resource], ...]] = (Order, Challenge, Issuer, ClusterIssuer)
"""What is looked at for them."""


class OrderReconciler:
    """desk: gives the clients. placing: keeps the books."""

    kind: type[Resource] = Order
    workers = 8
    limit = 240.0

    def __init__(self, tools: Tools, desk: AccountDesk, placing: Placing) -> None:
        self._tools = tools
        self._desk = desk
        self._placing = placing
        self._steps = Steps(tools, placing)
        self._pace = Pace(tools.now, first=0.2, most=60.0)
        self._open: Tagged[Order] = Tagged(_issuer_of_open)
        self._challenges: Tagged[Challenge] = Tagged(owners)

    def concerned(self, snapshot: Snapshot, changed: Resource) -> Iterable[Key]:
        match changed:
            case Issuer() | ClusterIssuer():
                yield from self._open.follow(snapshot.collection(Order)).keys(key_of(changed))
            case Challenge():
                for owner in changed.metadata.owner_references:
                    if owner.kind == Order.__name__:
                        yield (changed.metadata.namespace, owner.name)
            case _:
                return

    async def reconcile(self, snapshot: Snapshot, namespace: str, name: str) -> float | None:
        order = snapshot.get(Order, namespace, name)
        if order is None or order.metadata.deletion_timestamp is not None:
            return None
        self._challenges.follow(snapshot.collection(Challenge))
        if is_over(order):
            await self._finish(order)
            return None
        issuer = issuer_of(snapshot, order.spec.issuer_ref, namespace)
        if issuer is None:
            await self._say(order, {"reason": f"{order.spec.issuer_ref.name}: there is no such issuer"})
            return None
        client = self._desk.ready_client(snapshot, issuer)
        if isinstance(client, str):
            await self._say(order, {"reason": client})
            return None
        return await self._go_on(snapshot, order, issuer, client)

    async def _go_on(
        self, snapshot: Snapshot, order: Order, issuer: AnyIssuer, client: AcmeClient
    ) -> float | None:
        thing = (order.metadata.uid, status_of(order).url, status_of(order).state)
        if rest := self._pace.rest(thing):
            return rest
        try:
            step = await self._step(snapshot, order, issuer, client)
        except (*PASSING, Rejected) as error:
            trouble = trouble_of(error, self._tools.now())
            if trouble.account_gone:
                await self._desk.forget_account(issuer)
            step = (
                End(trouble.state, trouble.words) if trouble.state else Again(trouble.after, reason=trouble.words)
            )
        match step:
            case End():
                await self._end(snapshot, order, client, step)
                return None
            case Again(after, reason):
                tried = self._tools.now()
                await self._say(order, {"reason": reason})
                return self._pace.again(thing, after=after, since=tried)
            case Said(status, event):
                self._pace.forget(thing)
                await self._say(order, {"reason": None, **status})
                if event is not None:
                    self._tools.events.emit(order, *event, type="Normal")
                return None
            case _:
                assert_never(step)

    async def _step(self, snapshot: Snapshot, order: Order, issuer: AnyIssuer, client: AcmeClient) -> Step:
        status = status_of(order)
        if not status.url:
            return await self._steps.place(snapshot, order, client)
        self._placing.is_noted(order)
        if status.state == "pending" and any(
            not authorization.identifier for authorization in status.authorizations
        ):
            return await self._steps.read_authorizations(order, client)
        match status.state:
            case "pending":
                return await self._prove(order, issuer, client)
            case "ready":
                return await self._steps.finalize(order, client, _chain_of(issuer))
            case _:
                return await self._steps.look(order, client, self._owned(order), preferred=_chain_of(issuer))

    async def _prove(self, order: Order, issuer: AnyIssuer, client: AcmeClient) -> Step:
        acme = issuer.spec.acme
        solvers = () if acme is None else acme.solvers
        needed = plan(order, solvers, client.key, self._owned(order))
        for content in needed.create:
            if await self._tools.create(Challenge, content):
                name, host = content["metadata"]["name"], content["spec"]["dnsName"]
                self._tools.events.emit(order, "Created", f"Challenge {name} for {host} made", type="Normal")
        for challenge in needed.surplus:
            await self._tools.delete(challenge)
        if needed.settled:
            return await self._steps.look(order, client, self._owned(order), preferred=_chain_of(issuer))
        reason = "; ".join(needed.stuck) or None
        if reason is not None and reason != status_of(order).reason:
            self._tools.events.emit(order, "Solver", reason)
        return Said({"reason": reason})

    async def _finish(self, order: Order) -> None:
        """The Challenges of a valid Order have done their work; those of a failed one show why."""
        if status_of(order).state not in FAILED:
            for challenge in self._owned(order):
                await self._tools.delete(challenge)

    async def _end(self, snapshot: Snapshot, order: Order, client: AcmeClient, end: End) -> None:
        status = {"state": end.state, "reason": end.reason, "failureTime": rfc3339(self._tools.now())}
        await self._say(order, status)
        if status_of(order).url:
            await self._placing.gave_back(snapshot, order, client)
        log.warning("order ended", order="/".join(order.key), state=end.state, reason=end.reason)

    async def _say(self, order: Order, status: Mapping[str, Any]) -> None:
        """Writes what is not there yet."""
        known = order.status
        news = {field: value for field, value in status.items() if value != _held(known, field)}
        if news:
            await self._tools.patch_status(order, news)

    def _owned(self, order: Order) -> tuple[Challenge, ...]:
        return self._challenges.of(order.metadata.uid)


def owners(challenge: Challenge) -> Iterable[str]:
    """The uids of the Orders that it belongs to."""
    for owner in challenge.metadata.owner_references:
        if owner.kind == Order.__name__:
            yield owner.uid


def _issuer_of_open(order: Order) -> Iterable[tuple[str, ...]]:
    if not is_over(order):
        yield issuer_key(order.spec.issuer_ref, order.metadata.namespace)


def _chain_of(issuer: AnyIssuer) -> str:
    return issuer.spec.acme.preferred_chain if issuer.spec.acme is not None else ""


def _held(status: Any, field: str) -> Any:
    if status is None:
        return None
    match field:
        case "reason" | "state" | "url" | "certificate":
            return getattr(status, field) or None
        case _:
            return ...
