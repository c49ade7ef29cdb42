"""CertificateRequests of ACME issuers: ordered, and issued once the Order is valid."""

import base64
import binascii
from collections.abc import Iterable

from hearthgate.certificates.issuers.named import AnyIssuer
from hearthgate.certificates.predecessor import predecessor, replaced_by
from hearthgate.certificates.requests.ordering import MOST_ATTEMPTS, attempt_of, order_of, why_no_order
from hearthgate.certificates.requests.signing import facts_of
from hearthgate.certificates.requests.verdict import Failed, Issued, Pending, Verdict
from hearthgate.certificates.tagged import Tagged
from hearthgate.certificates.tools import Tools
from hearthgate.certificates.x509.chains import strip_root
from hearthgate.certificates.x509.csr import RequestFacts
from hearthgate.certificates.x509.keys import same_public_key
from hearthgate.certificates.x509.leaf import CertificateProblem, parse_chain, pem_of
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.resources.certmanager import CertificateRequest, Order


class AcmeRequests:
    """One Order after the other, where the CA lets one expire: a few, then the request has failed."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._orders: Tagged[Order] = Tagged(owners)

    async def verdict(self, snapshot: Snapshot, request: CertificateRequest, issuer: AnyIssuer) -> Verdict | None:
        facts = facts_of(request)
        if isinstance(facts, Failed):
            return facts
        if (why := why_no_order(facts)) is not None:
            return why
        self._orders.follow(snapshot.collection(Order))
        owned = sorted(self._orders.of(request.metadata.uid), key=attempt_of)
        if not owned:
            return await self._order(snapshot, request, facts, issuer, attempt=1)
        order = owned[-1]
        status = order.status
        state = status.state if status is not None else ""
        reason = f": {status.reason}" if status is not None and status.reason else ""
        name = order.metadata.name
        match state:
            case "valid" if status is not None and status.certificate:
                return _issued(order, facts, status.certificate)
            case "expired" if attempt_of(order) < MOST_ATTEMPTS:
                return await self._order(snapshot, request, facts, issuer, attempt=attempt_of(order) + 1)
            case "invalid" | "errored" | "expired":
                return Failed("OrderFailed", f"Order {name} is {state}{reason}")
            case _:
                return Pending("OrderPending", f"Order {name} is {state or 'new'}{reason}")

    async def _order(
        self,
        snapshot: Snapshot,
        request: CertificateRequest,
        facts: RequestFacts,
        issuer: AnyIssuer,
        *,
        attempt: int,
    ) -> Verdict:
        content = order_of(
            request,
            facts,
            issuer,
            replaces=self._replaces(snapshot, request, facts, issuer),
            attempt=attempt,
            copied=self._tools.settings.copied_annotation_prefixes,
        )
        await self._tools.create(Order, content)
        name = content["metadata"]["name"]
        again = f", the {attempt}. attempt: the CA let the one before expire" if attempt > 1 else ""
        return Pending("OrderCreated", f"Order {name} was made{again}")

    def _replaces(
        self, snapshot: Snapshot, request: CertificateRequest, facts: RequestFacts, issuer: AnyIssuer
    ) -> str:
        acme = issuer.spec.acme
        if acme is None or acme.renewal_information_source == "None":
            return ""
        metadata = request.metadata
        leaf = predecessor(snapshot, metadata.namespace, metadata.annotations, request.spec.issuer_ref)
        names = frozenset((*(name.lower() for name in facts.names.dns), *facts.names.ips))
        return "" if leaf is None else replaced_by(leaf, names)


def owners(order: Order) -> Iterable[str]:
    """The uids of the requests that it belongs to."""
    for owner in order.metadata.owner_references:
        if owner.kind == CertificateRequest.__name__:
            yield owner.uid


def _issued(order: Order, facts: RequestFacts, certificate: str) -> Verdict:
    """Whether it fits the Certificate is looked at before it is published; here only whether the key is right."""
    where = f"Order {order.metadata.name}"
    try:
        chain = parse_chain(base64.b64decode(certificate, validate=True))
    except (binascii.Error, ValueError, CertificateProblem):
        return Failed("OrderBadCertificate", f"{where}: what the CA sent is not a certificate")
    if not same_public_key(chain.leaf.public_key, facts.public_key):
        return Failed(
            "OrderBadCertificate", f"{where}: the CA sent a certificate for another key than was asked for"
        )
    return Issued(pem_of(strip_root(chain.certificates)))
