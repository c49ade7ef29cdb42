"""Brings Challenges on: the proof given, seen from outside, shown to the CA, decided, and taken back.

No finalizer holds a Challenge: whoever deletes one is done at once, and what was given for it is taken back from
the journal. All Challenges of an Order are worked on at the same time, a domain and its wildcard included.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, assert_never

import structlog

from hearthgate.certificates.acme.client import AcmeClient
from hearthgate.certificates.acme.errors import Rejected
from hearthgate.certificates.issuers.accounts import AccountDesk
from hearthgate.certificates.issuers.named import AnyIssuer, issuer_key, issuer_of, key_of
from hearthgate.certificates.issuers.secrets_named import references, secrets_named
from hearthgate.certificates.orders.outcomes import Again, End, Said
from hearthgate.certificates.orders.placing import Placing
from hearthgate.certificates.orders.proofs import Proofs
from hearthgate.certificates.orders.proving import PresentTrouble, Proving
from hearthgate.certificates.orders.states import FAILED, is_decided, is_over, progress_of
from hearthgate.certificates.orders.trouble import PASSING, trouble_of
from hearthgate.certificates.orders.turns import Turns
from hearthgate.certificates.pace import Pace
from hearthgate.certificates.tagged import Tagged
from hearthgate.certificates.tools import Tools
from hearthgate.cluster.errors import Conflict
from hearthgate.cluster.snapshot import Key, Snapshot
from hearthgate.model.errors import Permanent, Transient
from hearthgate.resources.certmanager import Challenge, ClusterIssuer, Issuer, Order
from hearthgate.resources.core import Secret
from hearthgate.resources.meta import OwnerReference, Resource

log = structlog.get_logger(__name__)

KINDS: Final[tuple[type[Resource], ...]] = (Challenge, Order, Issuer, ClusterIssuer, Secret)
"""What is looked at for them; Secrets hold what providers of DNS want to see."""
_NEXT_TURN: Final = 60.0
"""Seconds: whoever is decided calls the next one; this is for settings that allow more."""


class ChallengeReconciler:
    """proofs: by the type of the Challenge."""

    kind: type[Resource] = Challenge
    workers = 16
    limit = 240.0

    def __init__(self, tools: Tools, desk: AccountDesk, placing: Placing, proofs: Mapping[str, Proofs]) -> None:
        self._tools = tools
        self._desk = desk
        self._placing = placing
        self._proofs = proofs
        self._proving = Proving(tools)
        self._pace = Pace(tools.now, first=0.2, most=60.0)
        self._clearing = Pace(tools.now, first=2.0, most=300.0)
        self._turns = Turns()
        self._open: Tagged[Challenge] = Tagged(_tags_of_open)

    def concerned(self, snapshot: Snapshot, changed: Resource) -> Iterable[Key]:
        self._follow(snapshot)
        match changed:
            case Issuer() | ClusterIssuer():
                yield from self._open.keys(key_of(changed))
            case Secret():
                issuers: tuple[AnyIssuer, ...] = (*snapshot.all(Issuer), *snapshot.all(ClusterIssuer))
                for issuer in issuers:
                    place = self._desk.place(issuer)
                    if place == changed.metadata.namespace and changed.metadata.name in secrets_named(issuer):
                        yield from self._open.keys(key_of(issuer))
            case Order():
                yield from self._open.keys(changed.metadata.uid)
            case Challenge() if is_decided(changed) or snapshot.get(Challenge, *changed.key) is None:
                yield from self._turns.next(changed, self._tools.settings.max_concurrent_challenges)
            case _:
                return

    async def reconcile(self, snapshot: Snapshot, namespace: str, name: str) -> float | None:
        self._follow(snapshot)
        challenge = snapshot.get(Challenge, namespace, name)
        if challenge is None or challenge.metadata.deletion_timestamp is not None:
            return await self._clear(snapshot, (namespace, name), None)
        if is_decided(challenge):
            return await self._clear(snapshot, challenge.key, challenge)
        if (why := _why_given_up(snapshot, challenge)) is not None:
            await self._decide(challenge, End("errored", why))
            return None
        issuer = issuer_of(snapshot, challenge.spec.issuer_ref, namespace)
        if issuer is None:
            await self._say(challenge, {"reason": f"{challenge.spec.issuer_ref.name}: there is no such issuer"})
            return None
        client = self._desk.ready_client(snapshot, issuer)
        if isinstance(client, str):
            await self._say(challenge, {"reason": client})
            return None
        if not self._turns.take(challenge, self._tools.settings.max_concurrent_challenges):
            return _NEXT_TURN
        return await self._go_on(snapshot, challenge, issuer, client)

    async def _go_on(
        self, snapshot: Snapshot, challenge: Challenge, issuer: AnyIssuer, client: AcmeClient
    ) -> float | None:
        thing = self._thing(snapshot, challenge, issuer)
        if rest := self._pace.rest(thing):
            return rest
        way = self._proofs.get(challenge.spec.type)
        if way is None:
            await self._say(challenge, {"reason": f"{challenge.spec.type} is not done here: use another solver"})
            return None
        try:
            step = await self._proving.step(snapshot, challenge, issuer, client, way)
        except Conflict:
            raise
        except PresentTrouble as error:
            self._tools.events.emit(challenge, "PresentError", str(error))
            step = Again(error.retry_after, str(error))
        except (*PASSING, Rejected) as error:
            trouble = trouble_of(error, self._tools.now())
            if trouble.account_gone:
                await self._desk.forget_account(issuer)
            step = (
                End(trouble.state, trouble.words) if trouble.state else Again(trouble.after, reason=trouble.words)
            )
        match step:
            case End(state, _):
                await self._decide(challenge, step)
                if state == "invalid":
                    await self._placing.proof_failed(challenge.spec.dns_name, client)
                return None
            case Again(after, reason):
                tried = self._tools.now()
                await self._say(challenge, {"processing": True, "reason": reason})
                return self._pace.again(thing, after=after, since=tried)
            case Said(status, event):
                self._pace.forget(thing)
                await self._say(challenge, {"processing": True, **status})
                if event is not None:
                    self._tools.events.emit(challenge, *event, type="Normal")
                return None
            case _:
                assert_never(step)

    async def _decide(self, challenge: Challenge, end: End) -> None:
        await self._say(challenge, {"state": end.state, "reason": end.reason or None, "processing": False})
        host = challenge.spec.dns_name
        if end.state in FAILED:
            self._tools.events.emit(challenge, "Failed", f"{challenge.spec.type} for {host}: {end.reason}")
            log.warning("proof failed", host=host, type=challenge.spec.type, reason=end.reason)
        else:
            message = f"{host} is proved by {challenge.spec.type}"
            self._tools.events.emit(challenge, "DomainVerified", message, type="Normal")

    async def _clear(self, snapshot: Snapshot, key: Key, challenge: Challenge | None) -> float | None:
        """Takes back what was given, for a Challenge that is decided, or gone."""
        if rest := self._clearing.rest(key):
            return rest
        try:
            for way in self._proofs.values():
                await way.clear(snapshot, key)
        except Conflict:
            raise
        except (Transient, Permanent) as error:
            log.warning("proof not taken back yet", challenge="/".join(key), error=str(error))
            if challenge is not None:
                self._tools.events.emit(challenge, "CleanUpError", str(error))
            return self._clearing.again(key, after=error.retry_after if isinstance(error, Transient) else None)
        self._clearing.forget(key)
        if challenge is not None:
            await self._say(challenge, {"processing": False, "presented": False})
        return None

    async def _say(self, challenge: Challenge, status: Mapping[str, Any]) -> None:
        """Writes what is not there yet."""
        known = progress_of(challenge)
        held = {
            "processing": known.processing,
            "presented": known.presented,
            "reason": known.reason or None,
            "state": known.state,
            "presentedAt": known.presented_at,
        }
        news = {field: value for field, value in status.items() if held[field] != value}
        if news:
            await self._tools.patch_status(challenge, news)

    def _thing(self, snapshot: Snapshot, challenge: Challenge, issuer: AnyIssuer) -> tuple[object, ...]:
        """What it waits with: the Secrets of its solver may change meanwhile, and then it waits no more."""
        progress, place = progress_of(challenge), self._desk.place(issuer)
        named = {ref.name for _, ref in references(challenge.spec.solver, "")}
        secrets = [snapshot.get(Secret, place, name) for name in sorted(named)]
        versions = [secret.metadata.resource_version for secret in secrets if secret is not None]
        return (challenge.metadata.uid, progress.state, progress.presented, *versions)

    def _follow(self, snapshot: Snapshot) -> None:
        collection = snapshot.collection(Challenge)
        self._open.follow(collection)
        self._turns.follow(collection)


def _why_given_up(snapshot: Snapshot, challenge: Challenge) -> str | None:
    """None: its Order wants it."""
    owner = _owner(challenge)
    if owner is None:
        return None
    order = snapshot.get(Order, challenge.metadata.namespace, owner.name)
    if order is None or order.metadata.uid != owner.uid:
        return f"given up: Order {owner.name} is gone"
    return f"given up: Order {owner.name} has ended" if is_over(order) else None


def _owner(challenge: Challenge) -> OwnerReference | None:
    owners = challenge.metadata.owner_references
    return next((owner for owner in owners if owner.kind == Order.__name__), None)


def _tags_of_open(challenge: Challenge) -> Iterable[tuple[str, ...] | str]:
    """Of those that are not decided: their issuer, and the uid of their Order."""
    if is_decided(challenge):
        return
    yield issuer_key(challenge.spec.issuer_ref, challenge.metadata.namespace)
    if (owner := _owner(challenge)) is not None:
        yield owner.uid
