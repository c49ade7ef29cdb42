"""What `hearthgate certs` does with the API."""

import base64
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from hearthgate.certificates.settings import LOCAL_ISSUER
from hearthgate.cluster.client import Client
from hearthgate.cluster.conditions import rfc3339
from hearthgate.cluster.once import Once, read_once
from hearthgate.model.errors import Permanent
from hearthgate.resources.certmanager import (
    Certificate,
    CertificateRequest,
    Challenge,
    ClusterIssuer,
    Issuer,
    Order,
)
from hearthgate.resources.core import Secret
from hearthgate.resources.gateway.gateways import Gateway
from hearthgate.resources.networking import Ingress
from hearthgate.resources.registry import BY_TYPE
from hearthgate.resources.traefik.ingressroute import IngressRoute
from hearthgate.resources.traefik.tcp import IngressRouteTCP

LISTED: Final = (Certificate, Gateway, Ingress, IngressRoute, IngressRouteTCP, Secret)
CHAINED: Final = (Certificate, CertificateRequest, Challenge, ClusterIssuer, Issuer, Order)
_CERTIFICATE: Final = BY_TYPE[Certificate]


async def read_table(client: Client) -> Once:
    return await read_once(client, [BY_TYPE[kind] for kind in LISTED])


async def read_chain(client: Client) -> Once:
    return await read_once(client, [BY_TYPE[kind] for kind in CHAINED])


async def renew(client: Client, certificates: Iterable[Certificate]) -> tuple[str, ...]:
    """Has the certificates issued anew, now. Returns the names of those for which that was not under way yet."""
    started = []
    for certificate in certificates:
        conditions = certificate.status.conditions if certificate.status is not None else ()
        if any(one.type == "Issuing" and one.status == "True" for one in conditions):
            continue
        found = await client.get(_CERTIFICATE, *certificate.key)
        await client.patch_status(_CERTIFICATE, *certificate.key, _issuing(found, datetime.now(UTC)))
        started.append("/".join(certificate.key))
    return tuple(started)


async def local_root(client: Client) -> str:
    """The root of this box's own CA, in PEM. Raises Permanent when there is none."""
    issuer = await read_once(client, [BY_TYPE[Certificate]])
    for certificate in issuer.snapshot.all(Certificate):
        if certificate.metadata.name == LOCAL_ISSUER and certificate.spec.is_ca:
            found = await client.get(BY_TYPE[Secret], certificate.metadata.namespace, certificate.spec.secret_name)
            text = found.get("data", {}).get("tls.crt")
            if text:
                return base64.b64decode(text).decode()
    raise Permanent("this box has no CA of its own: it is made where there is no issuer (certificates.localCA)")


def _issuing(found: dict[str, Any], now: datetime) -> dict[str, Any]:
    """As `cmctl renew` writes it."""
    conditions = found.get("status", {}).get("conditions", [])
    issuing = {
        "type": "Issuing",
        "status": "True",
        "reason": "ManuallyTriggered",
        "message": "renewal was asked for by hand",
        "observedGeneration": found["metadata"].get("generation", 0),
        "lastTransitionTime": rfc3339(now),
    }
    others = [condition for condition in conditions if condition.get("type") != "Issuing"]
    return {
        "metadata": {"resourceVersion": found["metadata"]["resourceVersion"]},
        "status": {"conditions": [*others, issuing]},
    }
