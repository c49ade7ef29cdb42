"""Looks whether issuers can sign, and says so in their condition Ready."""

from collections.abc import Iterable
from typing import Final

import msgspec
import structlog

from hearthgate.certificates.issuers.account_setup import AccountSetup
from hearthgate.certificates.issuers.accounts import AccountDesk
from hearthgate.certificates.issuers.ca import judge_ca
from hearthgate.certificates.issuers.named import AnyIssuer, key_of, place_of_secrets, ready_of
from hearthgate.certificates.issuers.outcome import Outcome, not_ready, ready
from hearthgate.certificates.issuers.secrets_named import secrets_named
from hearthgate.certificates.statuses import conditions_patch
from hearthgate.certificates.tools import Tools
from hearthgate.cluster.snapshot import Key, Snapshot
from hearthgate.resources.certmanager import ClusterIssuer, Issuer
from hearthgate.resources.core import Secret
from hearthgate.resources.meta import Condition, Resource

log = structlog.get_logger(__name__)

KINDS: Final[tuple[type[Resource], ...]] = (Issuer, ClusterIssuer, Secret)
"""What issuers are judged by."""


class IssuerReconciler:
    """Works on Issuers, or on ClusterIssuers. desk: shared by all that speak to CAs."""

    workers = 4
    limit = 180.0

    def __init__(self, tools: Tools, kind: type[AnyIssuer], desk: AccountDesk) -> None:
        self.kind: type[Resource] = kind
        self._kind = kind
        self._tools = tools
        self._setup = AccountSetup(tools, desk)

    def concerned(self, snapshot: Snapshot, changed: Resource) -> Iterable[Key]:
        if not isinstance(changed, Secret):
            return
        namespace, name = changed.key
        for issuer in snapshot.all(self._kind):
            if namespace == self._place(issuer) and name in secrets_named(issuer):
                yield issuer.key

    async def reconcile(self, snapshot: Snapshot, namespace: str, name: str) -> float | None:
        issuer = snapshot.get(self._kind, namespace, name)
        if issuer is None or issuer.metadata.deletion_timestamp is not None:
            return None
        outcome = await self._judge(snapshot, issuer)
        if not isinstance(outcome, Outcome):
            return outcome
        await self._tell(issuer, outcome)
        return outcome.again

    async def _judge(self, snapshot: Snapshot, issuer: AnyIssuer) -> Outcome | float | None:
        """Seconds: nothing new is known until then."""
        spec, place = issuer.spec, self._place(issuer)
        types = [name for name in ("acme", "ca", "self_signed") if getattr(spec, name) is not None]
        if len(types) != 1:
            found = "none" if not types else " and ".join(types).replace("self_signed", "selfSigned")
            message = f"spec has {found} of acme, ca and selfSigned: it must have exactly one"
            return not_ready("InvalidConfig", message)
        if spec.acme is not None:
            return await self._setup.judge(snapshot, issuer, spec.acme)
        if spec.ca is not None:
            secret = snapshot.get(Secret, place, spec.ca.secret_name)
            return judge_ca(secret, place, spec.ca.secret_name, self._tools.now())
        return ready("IsReady", "each certificate is signed by its own key")

    async def _tell(self, issuer: AnyIssuer, outcome: Outcome) -> None:
        patch = dict(conditions_patch(issuer, self._tools.now(), outcome.condition))
        if outcome.acme is not None and not _holds(issuer, outcome):
            patch["acme"] = dict(outcome.acme)
        if not patch:
            return
        await self._tools.patch_status(issuer, patch)
        if "conditions" not in patch or not _says_more(ready_of(issuer), outcome.condition):
            return
        condition = outcome.condition
        log.info("issuer judged", issuer="/".join(key_of(issuer)), ready=condition.status, reason=condition.reason)
        if outcome.event:
            good = condition.status == "True"
            self._tools.events.emit(issuer, outcome.event, condition.message, type="Normal" if good else "Warning")

    def _place(self, issuer: AnyIssuer) -> str:
        return place_of_secrets(issuer, self._tools.settings.cluster_resource_namespace)


def _says_more(known: Condition | None, wanted: Condition) -> bool:
    """Whether it differs in anything but its generation and its time."""
    if known is None:
        return True
    return (known.status, known.reason, known.message) != (wanted.status, wanted.reason, wanted.message)


def _holds(issuer: AnyIssuer, outcome: Outcome) -> bool:
    known = issuer.status.acme if issuer.status is not None else None
    held = {} if known is None else msgspec.to_builtins(known)
    return all(held.get(field) == value for field, value in (outcome.acme or {}).items())
