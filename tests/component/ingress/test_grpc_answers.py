"""Whoever calls a request gRPC gets the proxy's own answers with their status all the same."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.component.ingress.site import Site, Spec, secret, site

GRPC = {"Content-Type": "application/grpc"}
NOBODY: Spec = {"ipAllowList": {"sourceRange": ["203.0.113.0/24"]}}
PASSWORD: Spec = {"basicAuth": {"secret": "users"}}
USERS = secret("users", {"users": "ada:$apr1$5OzNro4u$Ac8wpDrHaH2a0thF9Us0x1\n"})


@pytest.fixture
async def running(tmp_path: Path, free_port: Callable[[], int]) -> AsyncIterator[Site]:
    async with site(tmp_path, free_port) as one:
        routes: dict[str, list[Spec]] = {
            "open": [],
            "nobody": [NOBODY],
            "password": [PASSWORD],
            "elsewhere": [{"redirectScheme": {"scheme": "https"}}],
            "closed": [{"plugin": {"static-answer": {"status": 503, "body": "50 % of nothing\n"}}}],
            "other-page": [{"headers": {"customResponseHeaders": {"X-Out": "1"}}}, NOBODY],
        }
        assert await one.serve(routes, USERS) == []
        yield one


@pytest.mark.parametrize(
    ("host", "status", "body"),
    [
        ("nobody", 403, b"Forbidden"),
        ("password", 401, b"401 Unauthorized"),
        ("elsewhere", 302, b"Found"),
        ("closed", 503, b"50 % of nothing\n"),
        ("other-page", 403, b"Forbidden"),
        ("unknown", 404, b"404 page not found\n"),
    ],
)
async def test_the_status_is_that_of_http(running: Site, host: str, status: int, body: bytes) -> None:
    for headers in (GRPC, {"Content-Type": "application/grpc+proto"}):
        answer = await running.get(host, headers=headers)
        plain = await running.get(host)
        assert (plain.status, plain.body) == (status, body)
        assert (answer.status, answer.body) == (status, body)
        for name in ("grpc-status", "grpc-message", "x-hg-status"):
            assert answer.header(name) is None
        assert answer.header("www-authenticate") == plain.header("www-authenticate")
        assert answer.header("location") == plain.header("location")
        assert answer.header("x-out") == plain.header("x-out")


async def test_what_a_backend_says_passes(running: Site) -> None:
    answer = await running.get("open", headers=GRPC)
    assert answer.status == 200
    assert answer.sent("content-type") == "application/grpc"
