"""A CA of the box's own, made when nothing else can issue: HTTPS works at once, and whoever trusts its root sees
no warning. It is made of cert-manager's own objects, so that all that works with certificates works with it.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Final

import structlog

from hearthgate.certificates.settings import LOCAL_ISSUER
from hearthgate.certificates.tools import Tools
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.model.errors import Transient
from hearthgate.resources.certmanager import Certificate, ClusterIssuer, Issuer
from hearthgate.resources.core import Namespace
from hearthgate.resources.meta import Resource
from hearthgate.resources.registry import BY_TYPE

log = structlog.get_logger(__name__)

KINDS: Final[tuple[type[Resource], ...]] = (Certificate, ClusterIssuer, Issuer)
ROOT_ISSUER: Final = "hearthgate-self-signed"
_TEN_YEARS: Final = "87600h"
_TRY_AGAIN: Final = 5.0


async def ensure_local_ca(tools: Tools, snapshots: AsyncIterator[Snapshot], host: str) -> None:
    """Makes the CA when the first snapshot has no issuer; returns once that is decided and done. host: of this
    machine, for the CA's name, which people find in their list of trusted roots."""
    if not tools.settings.local_ca:
        return
    snapshot = await anext(aiter(snapshots))
    if snapshot.collection(Issuer).objects or snapshot.collection(ClusterIssuer).objects.keys() - _OWN:
        return
    while True:
        try:
            for kind, content in _objects(tools.settings.cluster_resource_namespace, host):
                if await tools.create(kind, content):
                    log.info(
                        "made for the CA of this machine", kind=kind.__name__, name=content["metadata"]["name"]
                    )
        except Transient as error:
            log.warning("the CA of this machine cannot be made yet", error=str(error))
            await asyncio.sleep(_TRY_AGAIN)
        else:
            return


_OWN: Final = {("", ROOT_ISSUER), ("", LOCAL_ISSUER)}


def _objects(namespace: str, host: str) -> Iterator[tuple[type[Resource], Mapping[str, Any]]]:
    """In this order: each needs those before it."""
    yield _object(Namespace, {"name": namespace})
    yield _object(ClusterIssuer, {"name": ROOT_ISSUER}, {"selfSigned": {}})
    yield _object(
        Certificate,
        {"name": LOCAL_ISSUER, "namespace": namespace},
        {
            "isCA": True,
            "commonName": f"Hearthgate {host}"[:64],
            "secretName": LOCAL_ISSUER,
            "duration": _TEN_YEARS,
            # With another key, what people have installed would no longer fit.
            "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Never"},
            "usages": ["cert sign", "crl sign", "digital signature"],
            "issuerRef": {"name": ROOT_ISSUER, "kind": "ClusterIssuer"},
        },
    )
    yield _object(ClusterIssuer, {"name": LOCAL_ISSUER}, {"ca": {"secretName": LOCAL_ISSUER}})


def _object(
    kind: type[Resource], metadata: Mapping[str, str], spec: Mapping[str, Any] | None = None
) -> tuple[type[Resource], Mapping[str, Any]]:
    described = BY_TYPE[kind]
    content = {"apiVersion": described.api_version, "kind": described.kind, "metadata": metadata}
    return kind, content if spec is None else {**content, "spec": spec}
