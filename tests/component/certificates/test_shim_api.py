"""Certificates of routes, through the API: asked for, changed, withdrawn, and left alone."""

import base64
import datetime
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hearthgate.certificates.local_ca import ensure_local_ca
from hearthgate.certificates.settings import LOCAL_ISSUER
from hearthgate.certificates.shim.asks import Entrances
from hearthgate.certificates.shim.reconciler import KINDS, SOURCES, ShimReconciler
from hearthgate.cluster.hub import Hub
from hearthgate.resources.certmanager import Certificate, ClusterIssuer
from hearthgate.resources.core import Secret
from hearthgate.resources.networking import Ingress
from hearthgate.resources.registry import BY_TYPE
from hearthgate.resources.traefik.ingressroute import IngressRoute
from tests.component.certificates.stage import Stage, stage
from tests.waiting import eventually

ISSUER = {"cert-manager.io/cluster-issuer": "letsencrypt"}


@pytest.fixture
async def played(state_dir: Path) -> AsyncIterator[Stage]:
    async with stage(state_dir) as played:
        yield played


@pytest.fixture
async def hub(played: Stage) -> AsyncIterator[Hub]:
    reconcilers = [ShimReconciler(played.tools, kind, Entrances) for kind in SOURCES]
    async with played.running(reconcilers, KINDS) as hub:
        yield hub


async def certificates(played: Stage) -> dict[str, tuple[str, ...]]:
    """Names of all Certificates in `default`, each with its host names."""
    page = await played.client.list_page(BY_TYPE[Certificate], namespace="default")
    found = {}
    for raw in page.items:
        name = msgspec.json.decode(raw)["metadata"]["name"]
        certificate = await played.get(Certificate, "default", name)
        if certificate is not None:
            found[name] = certificate.spec.dns_names
    return found


async def until(played: Stage, expected: dict[str, tuple[str, ...]]) -> None:
    async def is_so() -> bool:
        return await certificates(played) == expected

    await eventually(is_so, what=f"the Certificates {expected}")


def route(name: str, host: str, **tls: str) -> dict[str, Any]:
    rule = {"match": f"Host(`{host}`)", "kind": "Rule", "services": [{"name": "s", "port": 80}]}
    return {"metadata": {"name": name, "namespace": "default"}, "spec": {"routes": [rule], "tls": tls}}


def tls_secret(name: str, *hosts: str) -> dict[str, Any]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    return {
        "metadata": {"name": name, "namespace": "default"},
        "type": "kubernetes.io/tls",
        "data": {"tls.crt": base64.b64encode(pem).decode(), "tls.key": "eA=="},
    }


@pytest.mark.usefixtures("hub")
async def test_an_ingress_gets_its_certificates_and_loses_them(played: Stage) -> None:
    kind = BY_TYPE[Ingress]
    tls = [{"hosts": ["a.test"], "secretName": "a-tls"}]
    metadata = {"name": "a", "namespace": "default", "annotations": ISSUER}
    await played.create(Ingress, {"metadata": metadata, "spec": {"tls": tls, "rules": [{"host": "a.test"}]}})
    await until(played, {"a-tls": ("a.test",)})
    certificate = await played.get(Certificate, "default", "a-tls")
    assert certificate is not None
    assert [owner.kind for owner in certificate.metadata.owner_references] == ["Ingress"]

    tls[0]["hosts"] = ["a.test", "b.test"]
    await played.client.merge_patch(kind, "default", "a", {"spec": {"tls": tls}})
    await until(played, {"a-tls": ("a.test", "b.test")})

    edit = {"spec": {"dnsNames": ["edited.test"]}}
    await played.client.merge_patch(BY_TYPE[Certificate], "default", "a-tls", edit)
    await until(played, {"a-tls": ("a.test", "b.test")})

    tls[0]["secretName"] = "other-tls"
    await played.client.merge_patch(kind, "default", "a", {"spec": {"tls": tls}})
    await until(played, {"other-tls": ("a.test", "b.test")})
    await played.client.delete(kind, "default", "a")
    await until(played, {})


@pytest.mark.usefixtures("hub")
async def test_mistakes_are_told_and_a_stranger_is_left_alone(played: Stage) -> None:
    await played.create(
        Certificate,
        {
            "metadata": {"name": "mine", "namespace": "default"},
            "spec": {"secretName": "mine", "dnsNames": ["x.test"], "issuerRef": {"name": "ca"}},
        },
    )
    annotated = route("asks", "a.test", secretName="mine")
    annotated["metadata"]["annotations"] = ISSUER
    await played.create(IngressRoute, annotated)

    async def is_told() -> bool:
        return any("lacks a.test" in message for message in await played.events_of("asks"))

    await eventually(is_told, what="the Event")
    assert await certificates(played) == {"mine": ("x.test",)}


async def test_a_box_without_issuers_serves_its_routes_from_a_ca_of_its_own(played: Stage) -> None:
    reconcilers = [ShimReconciler(played.tools, kind, Entrances) for kind in SOURCES]
    async with played.running(reconcilers, KINDS) as hub:
        await ensure_local_ca(played.tools, hub.snapshots(), "nas")
        assert await played.get(ClusterIssuer, "", LOCAL_ISSUER) is not None
        root = await played.get(Certificate, "hearthgate", LOCAL_ISSUER)
        assert root is not None
        assert root.spec.is_ca

        await played.create(IngressRoute, route("a", "a.home.test"))
        await played.create(IngressRoute, route("named", "b.home.test", secretName="own"))
        await until(played, {"a-hearthgate-tls": ("a.home.test",)})

        await played.create(Secret, tls_secret("wildcard", "*.home.test"))
        await until(played, {})
        await played.client.delete(BY_TYPE[Secret], "default", "wildcard")
        await until(played, {"a-hearthgate-tls": ("a.home.test",)})


async def test_no_ca_where_there_is_an_issuer(played: Stage) -> None:
    await played.create(ClusterIssuer, {"metadata": {"name": "own"}, "spec": {"selfSigned": {}}})
    async with played.running([], KINDS) as hub:
        await ensure_local_ca(played.tools, hub.snapshots(), "nas")
    assert await played.get(ClusterIssuer, "", LOCAL_ISSUER) is None
