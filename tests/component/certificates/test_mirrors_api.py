"""Copies in other namespaces, made and kept through the API."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hearthgate.certificates.mirrors.reconciler import KINDS, MirrorReconciler
from hearthgate.certificates.mirrors.rules import PREFIX
from hearthgate.cluster.hub import Hub
from hearthgate.resources.core import ConfigMap, Secret
from hearthgate.resources.registry import BY_TYPE
from tests.component.certificates.stage import Stage, stage
from tests.waiting import eventually

SPACES = ("argocd", "htpc", "infra")
ASKED = {f"{PREFIX}reflection-allowed": "true", f"{PREFIX}reflection-auto-enabled": "true"}
ONLY = {**ASKED, f"{PREFIX}reflection-auto-namespaces": "argocd,htpc"}


@pytest.fixture
async def played(state_dir: Path) -> AsyncIterator[Stage]:
    async with stage(state_dir, namespaces=SPACES) as played:
        yield played


@pytest.fixture
async def hub(played: Stage) -> AsyncIterator[Hub]:
    reconcilers = [MirrorReconciler(played.tools, kind) for kind in (Secret, ConfigMap)]
    async with played.running(reconcilers, KINDS) as hub:
        yield hub


def secret(value: bytes, annotations: dict[str, str] = ONLY) -> dict[str, Any]:
    return {
        "metadata": {"name": "cert", "namespace": "infra", "annotations": annotations},
        "type": "kubernetes.io/tls",
        "data": {"tls.crt": base64.b64encode(value).decode(), "tls.key": ""},
    }


async def held(played: Stage, namespace: str) -> bytes | None:
    found = await played.get(Secret, namespace, "cert")
    value = found.value("tls.crt") if found is not None else None
    return value.reveal() if value is not None else None


async def until_held(played: Stage, value: bytes | None, *namespaces: str) -> None:
    for namespace in namespaces:

        async def is_held(namespace: str = namespace) -> bool:
            return await held(played, namespace) == value

        await eventually(is_held, what=f"{value!r} in {namespace}")


@pytest.mark.usefixtures("hub")
async def test_copies_appear_follow_and_go(played: Stage) -> None:
    kind = BY_TYPE[Secret]
    await played.create(Secret, secret(b"one"))
    await until_held(played, b"one", "argocd", "htpc")
    copy = await played.get(Secret, "htpc", "cert")
    assert copy is not None
    assert copy.type == "kubernetes.io/tls"
    assert copy.metadata.annotations[f"{PREFIX}reflects"] == "infra/cert"

    two = {"data": {"tls.crt": base64.b64encode(b"two").decode(), "extra": "eA=="}}
    await played.client.merge_patch(kind, "infra", "cert", two)
    await until_held(played, b"two", "argocd", "htpc")

    edit = {"data": {"tls.crt": base64.b64encode(b"edited").decode()}}
    await played.client.merge_patch(kind, "htpc", "cert", edit)
    await played.client.delete(kind, "argocd", "cert")
    await until_held(played, b"two", "argocd", "htpc")

    await played.client.merge_patch(kind, "infra", "cert", {"data": {"extra": None}})

    async def has_lost_it() -> bool:
        found = await played.get(Secret, "htpc", "cert")
        return found is not None and "extra" not in found.data

    await eventually(has_lost_it, what="the key that the source no longer has")
    await played.client.delete(kind, "infra", "cert")
    await until_held(played, None, "argocd", "htpc")


@pytest.mark.usefixtures("hub")
async def test_new_namespaces_get_copies_and_strangers_are_left_alone(played: Stage) -> None:
    stranger = {**secret(b"mine", {}), "metadata": {"name": "cert", "namespace": "htpc"}}
    await played.create(Secret, stranger)
    await played.create(Secret, secret(b"one", ASKED))
    await until_held(played, b"one", "argocd")
    await played.create_namespace("late")
    await until_held(played, b"one", "late")
    assert await held(played, "htpc") == b"mine"
    await eventually(lambda: played.events_of("cert"), what="an Event that says so")
    assert any("htpc" in message for message in await played.events_of("cert"))


@pytest.mark.usefixtures("hub")
async def test_config_maps_too(played: Stage) -> None:
    content = {"metadata": {"name": "ca", "namespace": "infra", "annotations": ONLY}, "data": {"ca.crt": "x"}}
    await played.create(ConfigMap, content)

    async def is_copied() -> bool:
        found = await played.get(ConfigMap, "argocd", "ca")
        return found is not None and found.data == {"ca.crt": "x"}

    await eventually(is_copied, what="the copy")
