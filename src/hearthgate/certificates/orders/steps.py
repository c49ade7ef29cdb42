"""The steps of an Order that need its CA: each asks once, and says what then stands in the status."""

import asyncio
import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from hearthgate.certificates.acme.answers import AuthorizationAnswer, OrderAnswer, Status
from hearthgate.certificates.acme.client import AcmeClient
from hearthgate.certificates.acme.errors import Kind, Rejected
from hearthgate.certificates.acme.ledger import Wait
from hearthgate.certificates.orders.outcomes import Again, End, Said, Step
from hearthgate.certificates.orders.placing import Placing
from hearthgate.certificates.orders.states import FAILED, FINAL, progress_of, state_of, status_of
from hearthgate.certificates.tools import Tools
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.resources.certmanager import Challenge, Order
from hearthgate.resources.certmanager.orders import Authorization, OfferedChallenge, State

_MOST_REASONS: Final = 10
_AT_ONCE: Final = 8
"""Authorizations of one order that are read at the same time."""


class Steps:
    """Raises as the client does."""

    def __init__(self, tools: Tools, placing: Placing) -> None:
        self._tools = tools
        self._placing = placing

    async def place(self, snapshot: Snapshot, order: Order, client: AcmeClient) -> Step:
        if order.spec.profile and (why := await _why_no_profile(order.spec.profile, client)) is not None:
            return End("errored", why)
        answer = await self._placing.place(snapshot, order, client)
        if isinstance(answer, Wait):
            now = self._tools.now()
            words = f"nothing is ordered until {answer.until:%Y-%m-%dT%H:%M:%SZ}: {answer.reason}"
            return Again(max((answer.until - now).total_seconds(), 1.0), reason=words)
        status = {
            "url": answer.url,
            "finalizeURL": answer.finalize,
            "authorizations": [{"url": url} for url in answer.authorizations],
            "state": state_of(answer.status),
        }
        return Said(status)

    async def read_authorizations(self, order: Order, client: AcmeClient) -> Step:
        """What the CA wants proved, and how it may be."""
        gate = asyncio.Semaphore(_AT_ONCE)

        async def read(authorization: Authorization) -> AuthorizationAnswer:
            async with gate:
                return await client.authorization(authorization.url)

        reading = [read(authorization) for authorization in status_of(order).authorizations]
        answers = await _all(reading)
        return Said({"authorizations": [_written(answer) for answer in answers]})

    async def finalize(self, order: Order, client: AcmeClient, preferred: str) -> Step:
        await self._tools.ensure_fresh(order)
        status = status_of(order)
        try:
            request = x509.load_pem_x509_csr(base64.b64decode(order.spec.request))
        except (ValueError, UnsupportedAlgorithm):
            return End("errored", "spec.request is not a signing request in PEM and base64")
        try:
            csr = request.public_bytes(Encoding.DER)
            answer = await client.finalize(status.finalize_url, csr, order=status.url)
        except Rejected as error:
            if error.kind is not Kind.NOT_READY:
                raise
            answer = await client.order(status.url)  # it is in another state than it was
        return await self._take(order, client, answer, (), preferred)

    async def look(
        self, order: Order, client: AcmeClient, challenges: Iterable[Challenge], *, preferred: str = ""
    ) -> Step:
        """challenges: of the order; theirs are the reasons when it has failed."""
        answer = await client.order(status_of(order).url)
        return await self._take(order, client, answer, challenges, preferred)

    async def _take(
        self,
        order: Order,
        client: AcmeClient,
        answer: OrderAnswer,
        challenges: Iterable[Challenge],
        preferred: str,
    ) -> Step:
        state = state_of(answer.status)
        if state in FAILED:
            tried = tuple(challenges)
            return Again() if _will_explain(answer, tried) else _failure(state, answer, tried)
        if answer.status is Status.VALID and answer.certificate is not None:
            chain = await client.certificate(answer.certificate, preferred_chain=preferred)
            status = {"state": "valid", "certificate": base64.b64encode(chain.encode()).decode("ascii")}
            return Said(status, ("Complete", "the CA has issued the certificate"))
        known = status_of(order)
        if state == known.state and known.finalize_url:
            return Again(answer.retry_after)
        return Said({"state": state, "finalizeURL": answer.finalize})


async def _why_no_profile(profile: str, client: AcmeClient) -> str | None:
    known = (await client.directory_info()).profiles
    if profile in known:
        return None
    has = f"it has {', '.join(sorted(known))}" if known else "it has none at all"
    return f"the CA has no profile {profile!r} ({has}): correct spec.acme.profile of the issuer"


async def _all(reading: list[Any]) -> list[AuthorizationAnswer]:
    """In their order. Of several failures the first is raised, once nothing is under way any more."""
    answers = await asyncio.gather(*reading, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return [answer for answer in answers if isinstance(answer, AuthorizationAnswer)]


def _written(answer: AuthorizationAnswer) -> Mapping[str, Any]:
    authorization = Authorization(
        url=answer.url,
        identifier=answer.identifier.value,
        wildcard=answer.wildcard,
        initial_state=state_of(answer.status),
        challenges=tuple(
            OfferedChallenge(url=challenge.url, token=challenge.token, type=challenge.type)
            for challenge in answer.challenges
        ),
    )
    written: dict[str, Any] = msgspec.to_builtins(authorization)
    return written


def _will_explain(answer: OrderAnswer, challenges: Sequence[Challenge]) -> bool:
    """Whether the CA gives no reason, and no Challenge has heard of one yet: those under way soon will."""
    states = {progress_of(challenge).state for challenge in challenges}
    return answer.error is None and not states & FAILED and not states <= FINAL


def _failure(state: State, answer: OrderAnswer, challenges: Sequence[Challenge]) -> End:
    """An order of which authorizations have expired is invalid for CAs. To us it has expired as well: nobody has
    found anything wrong with it."""
    states = {progress_of(challenge).state for challenge in challenges} & FAILED
    return End("expired" if states == {"expired"} else state, _why_failed(answer, challenges))


def _why_failed(answer: OrderAnswer, challenges: Sequence[Challenge]) -> str:
    """In the words of the Challenges, which are about one name each; else in the CA's about the order."""
    reasons = [
        f"{challenge.spec.dns_name}: {progress_of(challenge).reason}"
        for challenge in challenges
        if progress_of(challenge).state in FAILED and progress_of(challenge).reason
    ]
    if reasons:
        more = len(reasons) - _MOST_REASONS
        return "; ".join(reasons[:_MOST_REASONS]) + (f"; and {more} more" if more > 0 else "")
    if answer.error is not None:
        return answer.error.describe()
    return "the CA gave no reason: one of its proofs was not accepted, or somebody gave the order up"
