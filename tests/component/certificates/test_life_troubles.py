"""Bad days of a Certificate: a key that must stay, a Secret and a request of others, an API that is away."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from hearthgate.certificates.life.certificates import KINDS
from hearthgate.certificates.secrets.contents import CERTIFICATE_NAME
from hearthgate.resources.certmanager import Certificate, CertificateRequest, Issuer
from hearthgate.resources.core import Secret
from hearthgate.resources.registry import BY_TYPE
from tests.component.apiserver.kubectl_versions import Kubectl
from tests.component.certificates.life_stage import (
    CERTIFICATE,
    NAMESPACE,
    SECRET,
    Clock,
    condition,
    life_stage,
    reconcilers,
    serial,
    until_ready,
    wanted,
)
from tests.component.certificates.stage import Stage
from tests.waiting import eventually

PINNED = {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Never"}


@pytest.fixture
async def played(state_dir: Path) -> AsyncIterator[Stage]:
    async with life_stage(state_dir, Clock()) as played:
        yield played


@pytest.fixture
async def running(played: Stage) -> AsyncIterator[None]:
    async with played.running(reconcilers(played.tools), KINDS):
        yield


def told(played: Stage, words: str, type_: str = "Issuing", name: str = "web") -> Callable[[], Any]:
    """Whether the condition says so."""

    async def is_told() -> bool:
        return words in await condition(played, type_, name)

    return is_told


async def key_pem(played: Stage) -> bytes:
    secret = await played.get(Secret, NAMESPACE, "web")
    value = secret.value("tls.key") if secret is not None else None
    assert value is not None
    return value.reveal()


@pytest.mark.usefixtures("running")
async def test_a_pinned_key_stays_and_is_no_dead_end(played: Stage) -> None:
    await played.create(Certificate, wanted(privateKey=PINNED))
    await until_ready(played)
    first = await key_pem(played)
    await played.client.merge_patch(CERTIFICATE, NAMESPACE, "web", {"spec": {"dnsNames": ["other.test"]}})
    await until_ready(played, revision=2)
    assert await key_pem(played) == first

    await played.client.merge_patch(CERTIFICATE, NAMESPACE, "web", {"spec": {"privateKey": {"size": 384}}})
    await eventually(told(played, "False CannotRegenerateKey"), what="the reason")
    assert "delete the Secret" in await condition(played, "Issuing")
    assert await key_pem(played) == first
    await played.client.delete(SECRET, NAMESPACE, "web")
    await until_ready(played, revision=3)
    assert await key_pem(played) != first


async def test_who_stands_aside_leaves_nothing_under_way(played: Stage) -> None:
    async with played.running(reconcilers(played.tools), KINDS):
        await played.create(Certificate, wanted("late", secretName="web", issuerRef={"name": "none"}))

        async def is_under_way() -> bool:
            return await played.get(CertificateRequest, NAMESPACE, "late-1") is not None

        await eventually(is_under_way, what="the request")
        marks = {CERTIFICATE_NAME: "web"}
        await played.create(Certificate, wanted())
        await played.create(
            Secret, {"metadata": {"name": "web", "namespace": NAMESPACE, "annotations": marks}, "data": {}}
        )
        await until_ready(played)
        await eventually(told(played, "False IncorrectCertificate", name="late"), what="the condition")

        async def is_alone() -> bool:
            return [one.metadata.name for one in await played.all(Secret)] == ["web"]

        await eventually(is_alone, what="the key of the other one to go")


@pytest.mark.usefixtures("running")
async def test_a_request_of_somebody_else_is_not_taken(played: Stage) -> None:
    await played.create(Certificate, wanted("other"))
    await until_ready(played, "other")
    other = await played.client.get(BY_TYPE[CertificateRequest], NAMESPACE, "other-1")
    metadata = {"name": "web-1", "namespace": NAMESPACE}
    await played.create(
        CertificateRequest,
        {"metadata": metadata, "spec": {"request": other["spec"]["request"], "issuerRef": {"name": "none"}}},
    )
    await played.create(Certificate, wanted())
    await eventually(told(played, "False RequestFailed: there is a CertificateRequest 'web-1'"), what="the reason")
    assert await serial(played) is None


async def test_the_api_goes_away_and_comes_back(played: Stage) -> None:
    async with played.running(reconcilers(played.tools), KINDS):
        await played.create(Certificate, wanted(issuerRef={"name": "later"}))
        await eventually(told(played, "True DoesNotExist"), what="the attempt")
        await played.server.stop()
        await played.server.start()
        await played.create(
            Issuer, {"metadata": {"name": "later", "namespace": NAMESPACE}, "spec": {"selfSigned": {}}}
        )
        found = await until_ready(played)
    assert found.status is not None
    assert found.status.failed_issuance_attempts is None


@pytest.mark.usefixtures("running")
async def test_kubectl_shows_what_people_know(played: Stage, tmp_path: Path) -> None:
    kubectl = Kubectl(played.server, tmp_path)
    await played.create(Certificate, wanted())
    await until_ready(played)

    async def has_event() -> bool:
        return any(event.startswith("Requested") for event in await played.events_of("web"))

    await eventually(has_event, what="the Events")
    head, row = (await kubectl(f"get certificate -n {NAMESPACE}")).splitlines()
    assert head.split() == ["NAME", "READY", "SECRET", "AGE"]
    assert row.split()[:3] == ["web", "True", "web"]
    head, row = (await kubectl(f"get cert -o wide -n {NAMESPACE}")).splitlines()
    assert head.split() == ["NAME", "READY", "SECRET", "ISSUER", "STATUS", "AGE"]
    assert row.split()[3] == "self"
    head, row = (await kubectl(f"get cr -n {NAMESPACE}")).splitlines()
    assert head.split() == ["NAME", "APPROVED", "DENIED", "READY", "ISSUER", "REQUESTER", "AGE"]
    assert row.split()[:4] == ["web-1", "True", "True", "self"]
    shown = await kubectl(f"describe certificate web -n {NAMESPACE}")
    for words in ("Secret Name:", "Renewal Time:", "Revision:", "Issuing", "Generated", "Requested"):
        assert words in shown
    await kubectl(f"wait --for=condition=Ready certificate/web -n {NAMESPACE} --timeout=5s")
