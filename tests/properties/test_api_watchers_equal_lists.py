"""Many clients write at once, many watch: whatever happens, every watcher holds what a fresh list shows."""

import asyncio
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest

from tests import apiserving
from tests.properties.mirrors import PARTIAL, TABLE, Mirror, Selection, all_agree, mirroring, session_of
from tests.waiting import eventually

ROUNDS: Final = 250
WRITERS: Final = 3
CHECK_EVERY: Final = 10
NAMESPACES: Final = ("red", "green", "blue")
NAMES: Final = "abcdef"
HOLD: Final = "tests.hearthgate.dev/hold"
MERGE: Final = "application/merge-patch+json"
CONFIGMAPS: Final = "/api/v1/{}configmaps"
ROUTES: Final = "/apis/traefik.io/v1alpha1/{}ingressroutes"
LEASES: Final = "/apis/coordination.k8s.io/v1/{}leases"
GADGETS: Final = "/apis/tests.hearthgate.dev/v1/{}gadgets"
KINDS: Final = {
    CONFIGMAPS: ("v1", "ConfigMap"),
    ROUTES: ("traefik.io/v1alpha1", "IngressRoute"),
    LEASES: ("coordination.k8s.io/v1", "Lease"),
    GADGETS: ("tests.hearthgate.dev/v1", "Gadget"),
}
DEFINITION: Final[dict[str, Any]] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "gadgets.tests.hearthgate.dev"},
    "spec": {
        "group": "tests.hearthgate.dev",
        "scope": "Namespaced",
        "names": {"kind": "Gadget", "plural": "gadgets", "singular": "gadget"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
                    }
                },
            }
        ],
    },
}
SELECTIONS: Final = (
    Selection(CONFIGMAPS.format("")),
    Selection(CONFIGMAPS.format("namespaces/red/"), start="stream"),
    Selection(CONFIGMAPS.format(""), labels="tier=x", accept=TABLE),
    Selection(CONFIGMAPS.format(""), labels="tier notin (y),!old", accept=PARTIAL, start="stream"),
    Selection(CONFIGMAPS.format(""), fields="metadata.name=a"),
    Selection(ROUTES.format(""), accept=TABLE, start="stream"),
    Selection(ROUTES.format("namespaces/green/"), labels="tier in (x,z)"),
    Selection(LEASES.format(""), fields="metadata.namespace!=blue"),
    Selection(GADGETS.format(""), labels="tier", start="stream"),
    Selection(GADGETS.format("namespaces/blue/"), accept=PARTIAL),
)


class Writer:
    """Writes whatever `chance` says. Refusals are part of it; errors of the server are not."""

    def __init__(self, session: aiohttp.ClientSession, chance: random.Random) -> None:
        self._session = session
        self._chance = chance
        self.done = 0
        self._ways: tuple[Callable[[str, str], Any], ...] = (
            self._create,
            self._create,
            self._apply,
            self._apply,
            self._label,
            self._label,
            self._replace,
            self._finalize,
            self._release,
            self._delete,
            self._delete,
            self._sweep,
        )

    async def write(self) -> None:
        kind, namespace = self._chance.choice(tuple(KINDS)), self._chance.choice(NAMESPACES)
        collection = kind.format(f"namespaces/{namespace}/")
        await self._chance.choice(self._ways)(kind, collection)

    def _object(self, kind: str, name: str) -> dict[str, Any]:
        api_version, word = KINDS[kind]
        value = str(self._chance.randrange(4))
        bodies: dict[str, dict[str, Any]] = {
            CONFIGMAPS: {"data": {"v": value}},
            ROUTES: {
                "spec": {"routes": [{"match": f"Host(`{value}.lan`)", "services": [{"name": "w", "port": 80}]}]}
            },
            LEASES: {"spec": {"holderIdentity": value}},
            GADGETS: {"spec": {"v": value}},
        }
        return {
            "apiVersion": api_version,
            "kind": word,
            "metadata": {"name": name, "labels": self._labels()},
            **bodies[kind],
        }

    def _labels(self) -> dict[str, str]:
        found = {"tier": self._chance.choice("xyz"), "old": "yes"}
        return {key: value for key, value in found.items() if self._chance.random() < 0.5}

    def _name(self) -> str:
        return self._chance.choice(NAMES)

    async def _create(self, kind: str, collection: str) -> None:
        obj = self._object(kind, self._name())
        if self._chance.random() < 0.2:
            obj["metadata"]["finalizers"] = [HOLD]
        await self._send("POST", collection, obj)

    async def _apply(self, kind: str, collection: str) -> None:
        obj = self._object(kind, self._name())
        path = f"{collection}/{obj['metadata']['name']}"
        force = self._chance.choice(("true", "false"))
        manager = self._chance.choice(("one", "two"))
        await self._send("PATCH", path, obj, "application/apply-patch+yaml", fieldManager=manager, force=force)

    async def _label(self, kind: str, collection: str) -> None:
        labels = {"tier": self._chance.choice(("x", "y", "z", None)), "old": self._chance.choice(("yes", None))}
        await self._send("PATCH", f"{collection}/{self._name()}", {"metadata": {"labels": labels}}, MERGE)

    async def _replace(self, kind: str, collection: str) -> None:
        obj = self._object(kind, self._name())
        await self._send("PUT", f"{collection}/{obj['metadata']['name']}", obj)

    async def _finalize(self, kind: str, collection: str) -> None:
        await self._send("PATCH", f"{collection}/{self._name()}", {"metadata": {"finalizers": [HOLD]}}, MERGE)

    async def _release(self, kind: str, collection: str) -> None:
        await self._send("PATCH", f"{collection}/{self._name()}", {"metadata": {"finalizers": None}}, MERGE)

    async def _delete(self, kind: str, collection: str) -> None:
        await self._send("DELETE", f"{collection}/{self._name()}")

    async def _sweep(self, kind: str, collection: str) -> None:
        await self._send("DELETE", collection, labelSelector=f"tier={self._chance.choice('xyz')}")

    async def _send(self, method: str, path: str, body: Any = None, media: str = "", **query: str) -> None:
        headers = {"Content-Type": media or "application/json"} if body is not None else {}
        data = None if body is None else json.dumps(body)
        async with self._session.request(method, path, data=data, headers=headers, params=query) as response:
            said = await response.text()
            assert response.status in {200, 201, 404, 409, 422}, f"{method} {path}: {response.status} {said}"
            self.done += response.status in {200, 201}


async def prepare(session: aiohttp.ClientSession) -> None:
    for name in NAMESPACES:
        async with session.post("/api/v1/namespaces", json={"metadata": {"name": name}}) as response:
            assert response.status == 201
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    async with session.post(path, json=DEFINITION) as response:
        assert response.status == 201, await response.text()

    async def is_served() -> bool:
        async with session.get(GADGETS.format("")) as response:
            return response.status == 200

    await eventually(is_served)


def disturb(mirrors: list[Mirror], chance: random.Random) -> None:
    if chance.random() < 0.3:
        chance.choice(mirrors).cut()


@pytest.mark.parametrize("seed", range(4))
async def test_every_watcher_holds_what_a_list_shows(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    with apiserving.serving(tmp_path / "state") as kubeconfig:
        async with session_of(kubeconfig) as session:
            await prepare(session)
            writers = [Writer(session, random.Random(chance.random())) for _ in range(WRITERS)]
            async with mirroring(session, *SELECTIONS) as mirrors:
                for turn in range(ROUNDS):
                    await asyncio.gather(*(writer.write() for writer in writers))
                    disturb(mirrors, chance)
                    if turn % CHECK_EVERY == CHECK_EVERY - 1:
                        await all_agree(mirrors)
                assert sum(writer.done for writer in writers) > ROUNDS, "most of it is refused: nothing is tested"
                assert sum(mirror.resumes for mirror in mirrors) > ROUNDS / 10
                assert not any(mirror.relists for mirror in mirrors), "what is asked for is in the history"
