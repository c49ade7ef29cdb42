"""The life of Certificates through the API, signed by issuers of our own."""

import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hearthgate.certificates.life.certificates import KINDS
from hearthgate.cluster.conditions import rfc3339
from hearthgate.cluster.errors import Conflict
from hearthgate.resources.certmanager import Certificate, CertificateRequest, Issuer
from hearthgate.resources.core import Secret
from hearthgate.resources.registry import BY_TYPE
from tests.component.certificates.life_stage import (
    CERTIFICATE,
    NAMESPACE,
    SECRET,
    Clock,
    certificate,
    condition,
    life_stage,
    reconcilers,
    serial,
    until_ready,
    wanted,
)
from tests.component.certificates.stage import Stage
from tests.waiting import eventually


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def played(state_dir: Path, clock: Clock) -> AsyncIterator[Stage]:
    async with life_stage(state_dir, clock) as played:
        yield played


@pytest.fixture
async def running(played: Stage) -> AsyncIterator[None]:
    async with played.running(reconcilers(played.tools), KINDS):
        yield


@pytest.mark.usefixtures("running")
async def test_a_certificate_is_issued_and_published(played: Stage) -> None:
    template = {"annotations": {"a": "b"}, "labels": {"c": "d"}}
    formats = [{"type": "CombinedPEM"}]
    await played.create(Certificate, wanted(secretTemplate=template, additionalOutputFormats=formats))
    found = await until_ready(played)
    assert found.status is not None
    secret = await played.get(Secret, NAMESPACE, "web")
    assert secret is not None
    assert secret.type == "kubernetes.io/tls"
    assert secret.keys() == ("ca.crt", "tls-combined.pem", "tls.crt", "tls.key")
    annotations = secret.metadata.annotations
    assert annotations["cert-manager.io/certificate-name"] == "web"
    assert annotations["cert-manager.io/alt-names"] == "web.test"
    assert annotations["cert-manager.io/issuer-name"] == "self"
    assert annotations["a"] == "b"
    assert secret.metadata.labels["c"] == "d"
    request = await played.get(CertificateRequest, NAMESPACE, "web-1")
    assert request is not None
    assert request.metadata.annotations["cert-manager.io/certificate-revision"] == "1"

    async def keys_left() -> bool:
        page = await played.client.list_page(SECRET, namespace=NAMESPACE)
        return len(page.items) == 1

    await eventually(keys_left, what="the key for the next certificate to go")


@pytest.mark.usefixtures("running")
async def test_what_somebody_broke_is_mended(played: Stage) -> None:
    await played.create(Certificate, wanted(secretTemplate={"labels": {"c": "d"}}))
    await until_ready(played)
    first = await serial(played)

    patch = {"metadata": {"labels": {"c": "edited"}, "annotations": {"cert-manager.io/alt-names": "x"}}}
    await played.client.merge_patch(SECRET, NAMESPACE, "web", {**patch, "data": {"mine": "eA=="}})

    async def is_right() -> bool:
        secret = await played.get(Secret, NAMESPACE, "web")
        return secret is not None and secret.metadata.labels.get("c") == "d" and "mine" in secret.data

    await eventually(is_right, what="the label")
    assert await serial(played) == first

    broken = {"data": {"tls.key": base64.b64encode(b"nonsense").decode()}}
    await played.client.merge_patch(SECRET, NAMESPACE, "web", broken)
    await until_ready(played, revision=2)
    assert await serial(played) not in {None, first}

    await played.client.delete(SECRET, NAMESPACE, "web")
    await until_ready(played, revision=3)


@pytest.mark.usefixtures("running")
async def test_a_changed_spec_is_issued_anew_and_old_requests_go(played: Stage) -> None:
    await played.create(Certificate, wanted())
    await until_ready(played)
    await played.client.merge_patch(CERTIFICATE, NAMESPACE, "web", {"spec": {"dnsNames": ["other.test"]}})
    await until_ready(played, revision=2)
    secret = await played.get(Secret, NAMESPACE, "web")
    assert secret is not None
    assert secret.metadata.annotations["cert-manager.io/alt-names"] == "other.test"

    async def only_the_second() -> bool:
        return await played.get(CertificateRequest, NAMESPACE, "web-1") is None

    await eventually(only_the_second, what="the first request to go")


async def test_renewal_keeps_the_old_one_until_the_new_one_is_there(played: Stage, clock: Clock) -> None:
    async with played.running(reconcilers(played.tools), KINDS):
        await played.create(Certificate, wanted(duration="2400h", renewBefore="240h"))
        found = await until_ready(played)
        first = await serial(played)
    assert found.status is not None
    assert found.status.renewal_time is not None
    begin, end = (datetime.fromisoformat(text or "") for text in (found.status.not_before, found.status.not_after))
    assert datetime.fromisoformat(found.status.renewal_time) == end - timedelta(hours=240)
    clock.ahead = timedelta(hours=2161)
    async with played.running(reconcilers(played.tools), KINDS):
        await until_ready(played, revision=2)
    assert await serial(played) != first
    assert begin < end


@pytest.mark.usefixtures("running")
async def test_two_certificates_with_one_secret(played: Stage) -> None:
    await played.create(Certificate, wanted())
    await until_ready(played)
    await played.create(Certificate, wanted("other", secretName="web"))

    async def is_told() -> bool:
        return "has the same spec.secretName" in await condition(played, "Ready", "other")

    await eventually(is_told, what="the condition")
    assert (await certificate(played)).status is not None
    await played.client.delete(CERTIFICATE, NAMESPACE, "web")
    await until_ready(played, "other")


async def refuse(played: Stage, name: str) -> None:
    """As an issuer of another program would."""
    kind = BY_TYPE[CertificateRequest]
    failed = {"type": "Ready", "status": "False", "reason": "Failed", "message": "by hand"}

    async def is_refused() -> bool:
        found = await played.client.get(kind, NAMESPACE, name)
        known = [one for one in found["status"]["conditions"] if one["type"] != "Ready"]
        moment = {"lastTransitionTime": rfc3339(datetime.now(UTC))}
        version = {"resourceVersion": found["metadata"]["resourceVersion"]}
        patch = {"metadata": version, "status": {"conditions": [*known, {**failed, **moment}]}}
        try:
            await played.client.patch_status(kind, NAMESPACE, name, patch)
        except Conflict:
            return False
        return True

    async def is_approved() -> bool:
        found = await played.client.get(kind, NAMESPACE, name)
        return len(found.get("status", {}).get("conditions", [])) > 1

    await eventually(is_approved, what="the approval")
    await eventually(is_refused, what="the refusal")


@pytest.mark.usefixtures("running")
async def test_a_failure_waits_and_a_corrected_spec_does_not(played: Stage) -> None:
    await played.create(Certificate, wanted(issuerRef={"name": "none"}))

    async def is_requested() -> bool:
        return await played.get(CertificateRequest, NAMESPACE, "web-1") is not None

    await eventually(is_requested, what="the request")
    await refuse(played, "web-1")

    async def has_failed() -> bool:
        return (await condition(played, "Issuing")).startswith("False Failed")

    await eventually(has_failed, what="the failure")
    status = (await certificate(played)).status
    assert status is not None
    assert status.failed_issuance_attempts == 1
    issuer_ref = {"name": "self", "kind": "ClusterIssuer"}
    await played.client.merge_patch(CERTIFICATE, NAMESPACE, "web", {"spec": {"issuerRef": issuer_ref}})
    found = await until_ready(played)
    assert found.status is not None
    assert found.status.failed_issuance_attempts is None


@pytest.mark.usefixtures("running")
async def test_a_secret_that_was_there_before_is_adopted(played: Stage) -> None:
    await played.create(Certificate, wanted())
    await until_ready(played)
    first = await serial(played)
    await played.client.delete(CERTIFICATE, NAMESPACE, "web")

    async def is_gone() -> bool:
        return await played.get(CertificateRequest, NAMESPACE, "web-1") is None

    await eventually(is_gone, what="the requests to go with the Certificate")
    await played.create(Certificate, wanted())

    async def is_ready() -> bool:
        return (await condition(played, "Ready")).startswith("True")

    await eventually(is_ready, what="the adoption")
    assert await serial(played) == first
    assert await played.get(CertificateRequest, NAMESPACE, "web-1") is None


@pytest.mark.usefixtures("running")
async def test_a_temporary_certificate_bridges_the_wait(played: Stage) -> None:
    content = wanted(issuerRef={"name": "none"})
    content["metadata"]["annotations"] = {"cert-manager.io/issue-temporary-certificate": "true"}
    await played.create(Certificate, content)

    async def is_there() -> bool:
        return await serial(played) is not None

    await eventually(is_there, what="the temporary certificate")
    assert (await condition(played, "Ready")).startswith("False")
    await played.create(Issuer, {"metadata": {"name": "none", "namespace": NAMESPACE}, "spec": {"selfSigned": {}}})
    await until_ready(played)
