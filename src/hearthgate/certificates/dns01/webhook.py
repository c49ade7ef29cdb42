"""TXT records by a webhook of cert-manager (webhook.acme.cert-manager.io/v1alpha1), an API of the cluster."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from hearthgate.certificates.dns01.provider import PREFIX, Record
from hearthgate.cluster.client import Client
from hearthgate.cluster.errors import Forbidden, NotFound
from hearthgate.model.errors import Permanent, Transient
from hearthgate.resources.certmanager.solvers import WebhookSolver
from hearthgate.resources.kinds import Kind

VERSION: Final = "v1alpha1"
PAYLOAD: Final = "ChallengePayload"
PAYLOAD_GROUP: Final = "webhook.acme.cert-manager.io"
_LONGEST_TEXT: Final = 300


class WebhookProvider:
    """client: of the cluster that the webhook is a part of. namespace: of the Secrets that `config` may name.

    zone_of: asks resolvers, for the webhook need not.
    """

    def __init__(
        self,
        solver: WebhookSolver,
        *,
        client: Client,
        namespace: str,
        zone_of: Callable[[str], Awaitable[str]],
    ) -> None:
        self._solver = solver
        self._client = client
        self._namespace = namespace
        self._zone_of = zone_of
        self._kind = Kind(
            group=solver.group_name, version=VERSION, kind=PAYLOAD, plural=solver.solver_name, namespaced=False
        )

    async def present(self, record: Record) -> None:
        await self._call("Present", record)

    async def remove(self, record: Record) -> None:
        await self._call("CleanUp", record)

    async def zone_of(self, name: str) -> str:
        return await self._zone_of(name)

    async def verify(self) -> str:
        path = f"/apis/{self._solver.group_name}/{VERSION}"
        try:
            found = await self._client.read(path)
        except NotFound as error:
            raise Permanent(self._not_there()) from error
        names = [str(one.get("name")) for one in found.get("resources", []) if isinstance(one, Mapping)]
        if self._solver.solver_name not in names:
            raise Permanent(
                f"dns01.webhook.solverName: {self._solver.group_name} has no solver {self._solver.solver_name!r} "
                f"(it has {', '.join(names) or 'none'})"
            )
        return f"the webhook {self} is there"

    async def _call(self, action: str, record: Record) -> None:
        request = {
            "uid": _uid(action, record),
            "action": action,
            "type": "dns-01",
            "dnsName": record.name.removeprefix(PREFIX),
            "key": record.value,
            "resourceNamespace": self._namespace,
            "resolvedFQDN": f"{record.name}.",
            "resolvedZone": f"{await self._zone_of(record.name)}.",
            "allowAmbientCredentials": False,
            "config": self._solver.config,
        }
        payload = {
            "apiVersion": f"{PAYLOAD_GROUP}/{VERSION}",
            "kind": PAYLOAD,
            "metadata": {},
            "request": request,
        }
        try:
            answer: Mapping[str, Any] = await self._client.create(self._kind, payload)
        except NotFound as error:
            raise Permanent(self._not_there()) from error
        except Forbidden as error:
            raise Permanent(
                f"the webhook {self} may not be called: allow create on {self._solver.solver_name} of "
                f"{self._solver.group_name} to this program"
            ) from error
        response = answer.get("response")
        if not isinstance(response, Mapping) or not response.get("success"):
            raise Transient(f"the webhook {self} could not {action}: {_why(response)}")

    def _not_there(self) -> str:
        return (
            f"dns01.webhook: the API server knows no {self._solver.group_name}/{VERSION}: webhooks of cert-manager"
            " work on a cluster where one is installed (APIService); without a cluster use exec"
        )

    def __str__(self) -> str:
        return f"{self._solver.group_name}/{self._solver.solver_name}"


def _uid(action: str, record: Record) -> str:
    """The same for the same request, so that a webhook can know it again."""
    return hashlib.blake2b(f"{action} {record.name} {record.value}".encode(), digest_size=16).hexdigest()


def _why(response: object) -> str:
    status = response.get("status") if isinstance(response, Mapping) else None
    text = str(status.get("message") or "") if isinstance(status, Mapping) else ""
    text = " ".join(text.split())
    return text[:_LONGEST_TEXT] or "it does not say why"
