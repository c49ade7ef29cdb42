"""Orders at a CA: made only when the books on its limits allow it, and entered there."""

from datetime import datetime

from hearthgate.certificates.acme.answers import Identifier, OrderAnswer
from hearthgate.certificates.acme.client import AcmeClient
from hearthgate.certificates.acme.errors import Limited, Unavailable
from hearthgate.certificates.acme.ledger import Ask, Ledger, OrderKind, Wait
from hearthgate.certificates.issuers.ledgers import Ledgers
from hearthgate.certificates.orders.names import identifiers
from hearthgate.certificates.predecessor import names_in, predecessor
from hearthgate.certificates.spans import span
from hearthgate.certificates.tools import Tools
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.resources.certmanager import Order


class Placing:
    """The books of all CAs, from the side of orders."""

    def __init__(self, tools: Tools, ledgers: Ledgers) -> None:
        self._tools = tools
        self._ledgers = ledgers
        self._placed: dict[str, OrderAnswer] = {}
        """By the uid of the Order, until its status has it: that may be refused when somebody else was faster."""

    def is_noted(self, order: Order) -> None:
        """Its status says where the order is."""
        self._placed.pop(order.metadata.uid, None)

    async def place(self, snapshot: Snapshot, order: Order, client: AcmeClient) -> OrderAnswer | Wait:
        """A new order, or until when there can be none. Raises as the client does, and Conflict.

        It is entered into the books once the CA has made it: a crash in between leaves an order that nobody
        finishes, which costs no certificate.
        """
        if (placed := self._placed.get(order.metadata.uid)) is not None:
            return placed
        ledger = await self._ledgers.of(client.directory)
        ask, now = ask_of(snapshot, order, client.account), self._tools.now()
        if (wait := ledger.allowed(ask, now)) is not None:
            return wait
        await self._tools.ensure_fresh(order)
        try:
            answer = await client.new_order(
                [Identifier.of(name) for name in ask.names],
                not_after=_not_after(order, now),
                profile=order.spec.profile,
                replaces=order.spec.replaces,
            )
        except Limited as error:
            wait = ledger.refused(ask, error.detail, error.retry_after, self._tools.now())
            await self._ledgers.save()
            return wait
        except Unavailable as error:
            if error.retry_after is None:
                raise
            wait = ledger.unavailable(error.retry_after, self._tools.now())
            await self._ledgers.save()
            return wait
        self._placed[order.metadata.uid] = answer
        ledger.took(ask if answer.replaces else ask.plain, self._tools.now())
        await self._ledgers.save()
        return answer

    async def gave_back(self, snapshot: Snapshot, order: Order, client: AcmeClient) -> None:
        """It has ended without a certificate."""
        ledger: Ledger = await self._ledgers.of(client.directory)
        ledger.gave_back(ask_of(snapshot, order, client.account), self._tools.now())
        await self._ledgers.save()

    async def proof_failed(self, name: str, client: AcmeClient) -> None:
        ledger: Ledger = await self._ledgers.of(client.directory)
        ledger.failed(client.account, name, self._tools.now())
        await self._ledgers.save()


def ask_of(snapshot: Snapshot, order: Order, account: str) -> Ask:
    """Which limits count it: by what its Certificate has got from this issuer before."""
    names = identifiers(order.spec)
    kind = OrderKind.REPLACEMENT if order.spec.replaces else OrderKind.NEW
    if kind is OrderKind.NEW:
        metadata = order.metadata
        before = predecessor(snapshot, metadata.namespace, metadata.annotations, order.spec.issuer_ref)
        if before is not None and names_in(before) == frozenset(names):
            kind = OrderKind.RENEWAL
    return Ask(account=account, names=names, kind=kind)


def _not_after(order: Order, now: datetime) -> datetime | None:
    duration = order.spec.duration
    return None if duration is None else now + span(duration)
