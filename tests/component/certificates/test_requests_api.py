"""Issuers with a key pair of their own, self-signed ones, and the requests that they sign, in the embedded API."""

from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from hearthgate.certificates.issuers.accounts import AccountDesk
from hearthgate.certificates.issuers.reconciler import KINDS as ISSUER_KINDS
from hearthgate.certificates.issuers.reconciler import IssuerReconciler
from hearthgate.certificates.requests.reconciler import KINDS as REQUEST_KINDS
from hearthgate.certificates.requests.reconciler import RequestReconciler
from hearthgate.certificates.requests.verdict import Verdict
from hearthgate.certificates.x509.keys import generate, same_public_key
from hearthgate.certificates.x509.leaf import pem_of
from hearthgate.cluster.hub import Hub
from hearthgate.resources.certmanager import CertificateRequest, ClusterIssuer, Issuer
from hearthgate.resources.meta import Condition
from hearthgate.resources.registry import BY_TYPE
from tests.component.certificates.requests_made import (
    EC,
    b64,
    chain_of,
    condition,
    ended,
    forged_csr,
    key_pem,
    make_ca,
    request,
    said,
    secret,
)
from tests.component.certificates.stage import Stage, stage
from tests.waiting import eventually


class NoAcme:
    async def verdict(self, *_: Any) -> Verdict | None:
        raise AssertionError("no ACME issuer is here")


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, namespaces=["hearthgate"]) as played:
        yield played


def running(api: Stage) -> Any:
    desk = AccountDesk(api.tools)
    return api.running(
        [
            IssuerReconciler(api.tools, Issuer, desk),
            IssuerReconciler(api.tools, ClusterIssuer, desk),
            RequestReconciler(api.tools, NoAcme()),
        ],
        (*ISSUER_KINDS, *REQUEST_KINDS),
    )


@pytest.fixture
async def hub(api: Stage) -> AsyncIterator[Hub]:
    async with running(api) as found:
        yield found


async def issuer(api: Stage, name: str, **spec: Any) -> None:
    await api.create(Issuer, {"metadata": {"name": name, "namespace": "default"}, "spec": spec})


async def judged(api: Stage, name: str, reason: str) -> Condition:
    async def found() -> Condition | None:
        read = await api.get(Issuer, "default", name)
        ready = None if read is None else condition(read, "Ready")
        return ready if ready is not None and ready.reason == reason else None

    ready = await eventually(found, what=f"{name} to be judged {reason}")
    assert ready is not None
    return ready


async def ca_secret(api: Stage, name: str, *, namespace: str = "default", **how: Any) -> Any:
    certificate, key = make_ca(**how)
    await secret(api, name, namespace=namespace, tls_crt=pem_of((certificate,)), tls_key=key_pem(key))
    return certificate


@pytest.mark.usefixtures("hub")
class TestCA:
    async def test_signs(self, api: Stage) -> None:
        root = await ca_secret(api, "ca")
        await issuer(api, "ca", ca={"secretName": "ca", "ocspServers": ["http://ocsp.test"]})
        key = generate(EC)
        usages = ["digital signature", "server auth"]
        names: dict[str, Any] = {"dnsNames": ["a.test"], "commonName": "a.test", "usages": usages}
        await request(api, "web-1", issuer="ca", key=key, more={"usages": usages, "duration": "24h"}, **names)
        ready = await ended(api, "web-1")
        assert (ready.status, ready.reason) == ("True", "Issued")
        chain = await chain_of(api, "web-1")
        assert len(chain.certificates) == 1
        assert chain.leaf.lifetime == timedelta(hours=24)
        assert same_public_key(chain.leaf.public_key, key)
        found = await api.get(CertificateRequest, "default", "web-1")
        assert found is not None
        assert found.status is not None
        assert found.status.ca == b64(pem_of((root,)))
        chain.certificates[0].verify_directly_issued_by(root)
        approved = condition(found, "Approved")
        assert approved is not None
        assert (approved.status, approved.reason) == ("True", "cert-manager.io")
        assert await eventually(lambda: api.events_of("web-1"), what="Events")

    async def test_sends_the_intermediate_and_not_the_root(self, api: Stage) -> None:
        root = make_ca()
        middle, key = make_ca("middle", above=root)
        await secret(api, "ca", tls_crt=pem_of((middle, root[0])), tls_key=key_pem(key))
        await issuer(api, "ca", ca={"secretName": "ca"})
        await request(api, "web-1", issuer="ca", dnsNames=["a.test"])
        await ended(api, "web-1")
        chain = await chain_of(api, "web-1")
        assert chain.certificates[1:] == (middle,)
        found = await api.get(CertificateRequest, "default", "web-1")
        assert found is not None
        assert found.status is not None
        assert found.status.ca == b64(pem_of((root[0],)))

    async def test_a_cluster_issuer_reads_the_namespace_of_the_program(self, api: Stage) -> None:
        await ca_secret(api, "ca", namespace="hearthgate")
        await api.create(ClusterIssuer, {"metadata": {"name": "ca"}, "spec": {"ca": {"secretName": "ca"}}})
        await request(api, "web-1", issuer="ca", kind="ClusterIssuer", dnsNames=["a.test"])
        assert (await ended(api, "web-1")).reason == "Issued"

    async def test_waits_for_its_key_pair(self, api: Stage) -> None:
        await issuer(api, "ca", ca={"secretName": "ca"})
        told = await judged(api, "ca", "ErrGetKeyPair")
        assert "Secret default/ca does not exist" in told.message
        await request(api, "web-1", issuer="ca", dnsNames=["a.test"])
        assert (await said(api, "web-1", "Secret default/ca")).reason == "Pending"
        await ca_secret(api, "ca")
        assert (await ended(api, "web-1")).reason == "Issued"
        assert (await judged(api, "ca", "KeyPairVerified")).status == "True"

    @pytest.mark.parametrize(
        ("how", "words"),
        [({"is_ca": False}, "not that of a CA"), ({"ends": timedelta(days=-1)}, "the CA ended at")],
        ids=["no CA", "ended"],
    )
    async def test_refuses_a_pair_that_cannot_sign(self, api: Stage, how: Any, words: str) -> None:
        await ca_secret(api, "ca", **how)
        await issuer(api, "ca", ca={"secretName": "ca"})
        told = await judged(api, "ca", "ErrInvalidKeyPair")
        assert words in told.message
        assert await eventually(partial(self._told, api), what="an Event")

    async def _told(self, api: Stage) -> bool:
        return any(
            event.startswith("ErrInvalidKeyPair: Secret default/ca:") for event in await api.events_of("ca")
        )

    async def test_a_pair_that_does_not_match(self, api: Stage) -> None:
        certificate, _ = make_ca()
        await secret(api, "ca", tls_crt=pem_of((certificate,)), tls_key=key_pem(generate(EC)))
        await issuer(api, "ca", ca={"secretName": "ca"})
        assert "does not belong" in (await judged(api, "ca", "ErrInvalidKeyPair")).message

    async def test_does_not_outlive_the_ca_and_says_so(self, api: Stage) -> None:
        root = await ca_secret(api, "ca", ends=timedelta(days=10))
        await issuer(api, "ca", ca={"secretName": "ca"})
        await request(api, "web-1", issuer="ca", dnsNames=["a.test"])
        await ended(api, "web-1")
        chain = await chain_of(api, "web-1")
        assert chain.leaf.not_after == root.not_valid_after_utc
        assert await eventually(lambda: self._warned(api), what="a warning that the certificate ends with its CA")

    async def _warned(self, api: Stage) -> bool:
        return any(event.startswith("CAEndsFirst") for event in await api.events_of("web-1"))


@pytest.mark.usefixtures("hub")
class TestSelfSigned:
    async def test_signs_with_the_key_of_the_request(self, api: Stage) -> None:
        await issuer(api, "self", selfSigned={})
        assert (await judged(api, "self", "IsReady")).status == "True"
        key = generate(EC)
        await secret(api, "next", tls_key=key_pem(key))
        held = {"cert-manager.io/private-key-secret-name": "next"}
        await request(api, "web-1", issuer="self", key=key, annotations=held, commonName="a.test")
        assert (await ended(api, "web-1")).reason == "Issued"
        chain = await chain_of(api, "web-1")
        (certificate,) = chain.certificates
        certificate.verify_directly_issued_by(certificate)

    async def test_waits_for_the_key(self, api: Stage) -> None:
        await issuer(api, "self", selfSigned={})
        key = generate(EC)
        held = {"cert-manager.io/private-key-secret-name": "next"}
        await request(api, "web-1", issuer="self", key=key, annotations=held, commonName="a.test")
        await said(api, "web-1")
        await secret(api, "next", tls_key=key_pem(key))
        assert (await ended(api, "web-1")).reason == "Issued"

    @pytest.mark.parametrize(
        ("annotations", "words"),
        [({}, "annotation"), ({"cert-manager.io/private-key-secret-name": "other"}, "another key")],
        ids=["no annotation", "another key"],
    )
    async def test_fails(self, api: Stage, annotations: dict[str, str], words: str) -> None:
        await issuer(api, "self", selfSigned={})
        await secret(api, "other", tls_key=key_pem(generate(EC)))
        await request(api, "web-1", issuer="self", annotations=annotations, commonName="a.test")
        ready = await ended(api, "web-1")
        assert (ready.reason, words in ready.message) == ("Failed", True)
        found = await api.get(CertificateRequest, "default", "web-1")
        assert found is not None
        assert found.status is not None
        assert found.status.failure_time

    async def test_warns_of_an_empty_subject(self, api: Stage) -> None:
        await issuer(api, "self", selfSigned={})
        key = generate(EC)
        await secret(api, "next", tls_key=key_pem(key))
        held = {"cert-manager.io/private-key-secret-name": "next"}
        await request(api, "web-1", issuer="self", key=key, annotations=held, dnsNames=["a.test"])
        await ended(api, "web-1")

        async def told() -> bool:
            return any(event.startswith("BadConfig") for event in await api.events_of("web-1"))

        assert await eventually(told)


@pytest.mark.usefixtures("hub")
class TestAnyRequest:
    async def test_waits_for_an_issuer_that_does_not_exist(self, api: Stage) -> None:
        await request(api, "web-1", issuer="ca", dnsNames=["a.test"])
        ready = await said(api, "web-1")
        assert (ready.reason, "Issuer ca does not exist" in ready.message) == ("Pending", True)
        await ca_secret(api, "ca")
        await issuer(api, "ca", ca={"secretName": "ca"})
        assert (await ended(api, "web-1")).reason == "Issued"

    async def test_is_left_alone_when_another_program_signs(self, api: Stage) -> None:
        ref = {"issuerRef": {"name": "x", "kind": "Custom", "group": "other.test"}}
        await request(api, "theirs", issuer="x", more=ref, dnsNames=["a.test"])
        await request(api, "ours", issuer="x", dnsNames=["a.test"])
        await said(api, "ours")
        found = await api.get(CertificateRequest, "default", "theirs")
        assert found is not None
        assert found.status is None

    async def test_broken(self, api: Stage) -> None:
        await ca_secret(api, "ca")
        await issuer(api, "ca", ca={"secretName": "ca"})
        await request(api, "web-1", issuer="ca", csr=forged_csr(dnsNames=["a.test"]))
        ready = await ended(api, "web-1")
        assert (ready.reason, "signing request" in ready.message) == ("Failed", True)


async def test_a_denied_request_ends(api: Stage) -> None:
    await ca_secret(api, "ca")
    await issuer(api, "ca", ca={"secretName": "ca"})
    await request(api, "web-1", issuer="ca", dnsNames=["a.test"])
    denied = {"type": "Denied", "status": "True", "reason": "test", "message": "no"}
    kind = BY_TYPE[CertificateRequest]
    await api.client.patch_status(kind, "default", "web-1", {"status": {"conditions": [denied]}})
    async with running(api):
        ready = await ended(api, "web-1")
        assert (ready.status, ready.reason) == ("False", "Denied")
    found = await api.get(CertificateRequest, "default", "web-1")
    assert found is not None
    assert found.status is not None
    assert found.status.failure_time
    assert not found.status.certificate
