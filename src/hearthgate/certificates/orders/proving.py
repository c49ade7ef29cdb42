"""The steps of one Challenge: give the proof, see it, tell the CA, hear its verdict."""

from datetime import datetime, timedelta

from hearthgate.certificates.acme.answers import AuthorizationAnswer, Status
from hearthgate.certificates.acme.client import AcmeClient
from hearthgate.certificates.acme.errors import Kind, Rejected
from hearthgate.certificates.issuers.named import AnyIssuer
from hearthgate.certificates.life.renewal import read_time
from hearthgate.certificates.orders.outcomes import Again, End, Said, Step
from hearthgate.certificates.orders.proofs import Proofs
from hearthgate.certificates.orders.states import progress_of, state_of
from hearthgate.certificates.pace import Pace
from hearthgate.certificates.spans import span
from hearthgate.certificates.tools import Tools
from hearthgate.cluster.conditions import rfc3339
from hearthgate.cluster.errors import Conflict
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.model.errors import Permanent, Transient
from hearthgate.resources.certmanager import Challenge

_SLOWLY = 300.0
"""Seconds between tries of what a provider of DNS refuses: somebody must do something about it."""
_UNSEEN = "the proof was not seen from here"
_CLOCK_TOLERANCE = timedelta(seconds=5)


class PresentTrouble(Transient):
    """The proof cannot be given now. The words say why, and the way out."""


class Proving:
    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._refused = Pace(tools.now, first=5.0, most=_SLOWLY)
        self._looks = Pace(tools.now, first=0.1, most=_SLOWLY)

    async def step(
        self, snapshot: Snapshot, challenge: Challenge, issuer: AnyIssuer, client: AcmeClient, way: Proofs
    ) -> Step:
        """Raises PresentTrouble, as the client does, and Conflict."""
        progress = progress_of(challenge)
        if progress.state == "processing":
            return await self._verdict(challenge, client)
        if not progress.presented:
            return await self._present(snapshot, challenge, issuer, way)
        waiting = await self._wait(challenge, way)
        return waiting if isinstance(waiting, Again) else await self._accept(challenge, client, waiting)

    async def _present(self, snapshot: Snapshot, challenge: Challenge, issuer: AnyIssuer, way: Proofs) -> Step:
        uid = challenge.metadata.uid
        try:
            await way.present(snapshot, challenge, issuer)
        except Conflict:
            raise
        except Transient as error:
            after = error.retry_after if error.retry_after is not None else self._refused.again(uid)
            raise PresentTrouble(str(error), retry_after=after) from error
        except Permanent as error:
            raise PresentTrouble(str(error), retry_after=self._refused.again(uid)) from error
        self._refused.forget(uid)
        now = rfc3339(self._tools.now())
        status = {"presented": True, "presentedAt": now, "state": "pending", "reason": None}
        return Said(status, ("Presented", f"the proof by {challenge.spec.type} is given"))

    async def _wait(self, challenge: Challenge, way: Proofs) -> Again | str:
        """Until the CA should look: words for the status, empty when the proof was seen, or when to look again."""
        now, since = self._tools.now(), _presented_at(challenge, self._tools.now())
        if (wait := challenge.spec.solver.wait_instead_of_self_check) is not None:
            left = (since + span(wait) - now).total_seconds()
            return (
                Again(left, reason=f"the CA is told in {wait} from when the proof was given") if left > 0 else ""
            )
        uid = challenge.metadata.uid
        seen = await way.look(challenge)
        if seen.ok:
            self._looks.forget(uid)
            return ""
        settings = self._tools.settings.acme_dns01_config
        left = (since + span(settings.give_up_after) - now).total_seconds()
        if left <= 0:
            self._looks.forget(uid)
            return f"{_UNSEEN}, so the CA decides: {seen.detail}"
        delay = min(self._looks.again(uid), span(settings.check_retry_period).total_seconds())
        return Again(min(max(delay, seen.retry_after), left), reason=f"not to be seen yet: {seen.detail}")

    async def _accept(self, challenge: Challenge, client: AcmeClient, reason: str) -> Step:
        try:
            await client.accept(challenge.spec.url)
        except Rejected as error:
            if error.kind is Kind.ACCOUNT_MISSING:
                raise
            # It was accepted before, by a request whose answer was lost; or the CA has decided already.
            authorization = await client.authorization(challenge.spec.authorization_url)
            if authorization.status is Status.PENDING and not _is_tried(authorization, challenge):
                raise
        return Said({"state": "processing", "reason": reason or None})

    async def _verdict(self, challenge: Challenge, client: AcmeClient) -> Step:
        authorization = await client.authorization(challenge.spec.authorization_url)
        known = progress_of(challenge).reason
        known = known if known.startswith(_UNSEEN) else ""
        match authorization.status:
            case Status.VALID:
                return End("valid", "")
            case Status.PENDING:
                return Again(authorization.retry_after, reason=known or None)
            case _:
                error = authorization.error
                why = error.describe() if error is not None else f"the authorization is {authorization.status}"
                return End(state_of(authorization.status), f"{why}; {known}" if known else why)


def _is_tried(authorization: AuthorizationAnswer, challenge: Challenge) -> bool:
    return any(
        one.url == challenge.spec.url and one.status is not Status.PENDING for one in authorization.challenges
    )


def _presented_at(challenge: Challenge, now: datetime) -> datetime:
    """Long ago when it lies ahead: the clock was set back, and nothing shall wait longer for that."""
    moment = read_time(progress_of(challenge).presented_at) or now
    return moment if moment <= now + _CLOCK_TOLERANCE else moment - timedelta(days=36500)
