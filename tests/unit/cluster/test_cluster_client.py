"""The client: what it sends, and how failures come back."""

from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from hearthgate.cluster.backoff import Backoff
from hearthgate.cluster.client import Client
from hearthgate.cluster.config import ClientConfig, Token
from hearthgate.cluster.depth import CUT_OFF, shallow
from hearthgate.cluster.errors import (
    AlreadyExists,
    Conflict,
    Expired,
    Forbidden,
    Interrupted,
    NotFound,
    Refused,
    Unauthorized,
    Unavailable,
    Unreachable,
)
from hearthgate.cluster.limits import TokenBucket
from hearthgate.cluster.lines import LineSplitter
from hearthgate.model.errors import HearthgateError, Transient, WireError
from hearthgate.model.secret import SecretBytes
from tests.unit.cluster.fake_api import BY_NAME, ROUTE, Handler, Status, answer, route, running, stream
from tests.unit.cluster.virtual_time import run

SECRET = BY_NAME["Secret"]


@pytest.mark.parametrize(
    ("handler", "expected", "retry_after"),
    [
        pytest.param(answer(Status(401, "Unauthorized")), Unauthorized, None, id="401"),
        pytest.param(answer(Status(403, "Forbidden")), Forbidden, None, id="403"),
        pytest.param(answer(Status(404, "NotFound")), NotFound, None, id="404"),
        pytest.param(answer(Status(409, "Conflict")), Conflict, None, id="409"),
        pytest.param(answer(Status(409, "AlreadyExists")), AlreadyExists, None, id="409 on create"),
        pytest.param(answer(Status(410, "Gone")), Expired, None, id="410"),
        pytest.param(answer(Status(422, "Invalid")), Refused, None, id="422"),
        pytest.param(answer(Status(429), {"Retry-After": "9"}), Unavailable, 9.0, id="429"),
        pytest.param(answer(Status(503, details={"retryAfterSeconds": 4})), Unavailable, 4.0, id="503"),
        pytest.param(answer(Status(302), {"Location": "https://elsewhere"}), Refused, None, id="redirect"),
        pytest.param(stream(b'{"half', then="cut"), Interrupted, None, id="cut"),
        pytest.param(stream(then="hang"), Interrupted, None, id="silent"),
        pytest.param(stream(b"<html>"), WireError, None, id="not JSON"),
        pytest.param(stream(b"[" * 100_000), WireError, None, id="too deep"),
        pytest.param(stream(b'"\xff"'), WireError, None, id="not UTF-8"),
    ],
)
def test_failures_are_mapped(handler: Handler, expected: type[HearthgateError], retry_after: float | None) -> None:
    async def scene() -> None:
        async with running() as (api, client):
            api.plan["get"].append(handler)
            with pytest.raises(expected) as caught:
                await client.get(ROUTE, "default", "a")
            if isinstance(caught.value, Transient):
                assert caught.value.retry_after == retry_after

    run(scene())


def test_nobody_listens() -> None:
    async def scene() -> None:
        async with running() as (api, client):
            await api.stop()
            with pytest.raises(Unreachable):
                await client.get(ROUTE, "default", "a")

    run(scene())


def test_server_words_about_a_secret_stay_out() -> None:
    async def scene() -> None:
        async with running() as (api, client):
            for kind, shown in ((SECRET, False), (ROUTE, True)):
                api.plan["post"].append(answer(Status(422, "Invalid", "cannot read 'hunter2'")))
                with pytest.raises(Refused) as caught:
                    await client.create(kind, {"metadata": {"name": "x", "namespace": "y"}})
                assert ("hunter2" in str(caught.value)) is shown
                assert "Invalid" in str(caught.value) or shown

    run(scene())


def test_token_is_sent_and_read_anew_after_401(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("old")

    async def scene() -> None:
        async with running() as (api, plain):
            api.put(route("a"))
            config = ClientConfig(server=plain.config.server, token=Token(path=file))
            async with Client(config) as client:
                await client.get(ROUTE, "default", "a")
                file.write_text("new\n")
                api.plan["get"].append(answer(Status(401)))
                await client.get(ROUTE, "default", "a")
                api.plan["get"].append(answer(Status(401)))
                with pytest.raises(Unauthorized) as caught:
                    await client.get(ROUTE, "default", "a")
                assert "new" not in str(caught.value)
            sent = [seen.headers["Authorization"] for seen in api.asked("get")]
            assert sent == ["Bearer old", "Bearer old", "Bearer new", "Bearer new"]

    run(scene())


def test_paths_and_bodies() -> None:
    async def scene() -> None:
        async with running() as (api, client):
            created = await client.create(ROUTE, route("a"))
            await client.apply(ROUTE, route("a"))
            await client.merge_patch(ROUTE, "default", "a", {"metadata": {"labels": {"x": "1"}}})
            stale = {"resourceVersion": created["metadata"]["resourceVersion"]}
            with pytest.raises(Conflict):
                await client.patch_status(ROUTE, "default", "a", {"metadata": stale, "status": {}})
            await client.delete(ROUTE, "default", "a", uid="u")
            with pytest.raises(NotFound) as caught:
                await client.get(ROUTE, "default", "a/../b?c")
            assert caught.value.named
            seen = api.requests
            prefix = "/apis/traefik.io/v1alpha1/namespaces/default/ingressroutes"
            assert [(one.what, one.path) for one in seen[:5]] == [
                ("post", prefix),
                ("patch", f"{prefix}/a"),
                ("patch", f"{prefix}/a"),
                ("patch", f"{prefix}/a/status"),
                ("delete", f"{prefix}/a"),
            ]
            types = [one.headers["Content-Type"] for one in seen[:3]]
            assert types == ["application/json", "application/apply-patch+yaml", "application/merge-patch+json"]
            assert seen[1].query == {"fieldManager": "hearthgate", "force": "true"}
            assert seen[4].body["preconditions"] == {"uid": "u"}

    run(scene())


def test_name_cannot_leave_its_place() -> None:
    raw: list[str] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        raw.append(request.raw_path)
        return Status(404).response()

    async def scene() -> None:
        async with running() as (api, client):
            api.plan["get"].append(handle)
            with pytest.raises(NotFound):
                await client.get(ROUTE, "../x", "a/../b?c")
            assert raw == ["/apis/traefik.io/v1alpha1/namespaces/..%2Fx/ingressroutes/a%2F..%2Fb%3Fc"]

    run(scene())


def test_lines_come_out_whole_whatever_the_chunks() -> None:
    text = b"one\n\ntwo three\n" + b"x" * 1000 + b"\nrest"
    for size in (1, 2, 7, 100, 5000):
        splitter = LineSplitter()
        lines: list[bytes] = []
        for at in range(0, len(text), size):
            lines += splitter.feed(text[at : at + size])
        assert lines == [b"one", b"", b"two three", b"x" * 1000]


def test_only_what_is_too_deep_is_cut_off() -> None:
    text = b'{"a":[1,{"b":"]{\\"["}],"c":[[[[2]],3]],"d":4}'
    assert shallow(text) == text
    assert shallow(text, 3) == b'{"a":[1,{"b":"]{\\"["}],"c":[[' + CUT_OFF + b',3]],"d":4}'


def test_endless_line_is_given_up() -> None:
    splitter = LineSplitter(limit=100)
    splitter.feed(b"x" * 100)
    with pytest.raises(WireError):
        splitter.feed(b"x")


def test_backoff_doubles_to_its_limit_and_starts_over_when_quiet() -> None:
    backoff = Backoff(1, 5, quiet=100, chance=lambda: 0.5)
    assert [backoff.next(now) for now in (0, 1, 4, 10)] == [1.5, 3.0, 6.0, 7.5]
    assert backoff.next(300) == 1.5


def test_token_bucket() -> None:
    bucket = TokenBucket(rate=2, burst=2)
    assert [bucket.reserve(0) for _ in range(4)] == [0, 0, 0.5, 1.0]
    assert not bucket.take(1.0)
    assert bucket.take(1.5)
    assert not bucket.is_full(2.0)
    assert bucket.is_full(60.0)


def test_no_secret_in_reprs() -> None:
    config: Any = ClientConfig(server="https://x", token=Token(SecretBytes(b"hunter2")))
    assert "hunter2" not in repr(config)
    assert "hunter2" not in repr(vars(config.token))
