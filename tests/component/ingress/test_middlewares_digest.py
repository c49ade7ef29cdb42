"""digestAuth through the real proxy, asked by curl and by hand."""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.component.ingress.site import Site, Spec, secret, site

REALM = "home"


def ha1(name: str, password: str, realm: str = REALM) -> str:
    return hashlib.md5(f"{name}:{realm}:{password}".encode()).hexdigest()


USERS = secret(
    "users", {"users": f"alice:{REALM}:{ha1('alice', 'pass')}\n# nobody\nbob:{REALM}:{ha1('bob', 'x')}\n"}
)
DIGEST = {"digestAuth": {"secret": "users", "realm": REALM, "headerField": "X-User", "removeHeader": True}}


@pytest.fixture
async def running(tmp_path: Path, free_port: Callable[[], int]) -> AsyncIterator[Site]:
    async with site(tmp_path, free_port) as one:
        routes: dict[str, list[Spec]] = {
            "plain": [{"digestAuth": {"secret": "users", "realm": REALM}}],
            "full": [DIGEST],
            "order": [
                {"headers": {"customResponseHeaders": {"X-Out": "1"}}},
                DIGEST,
                {"addPrefix": {"prefix": "/p"}},
            ],
        }
        assert await one.serve(routes, USERS) == []
        yield one


async def curl(port: int, host: str, path: str, user: str, *more: str) -> str:
    """The body, and the status in the last line."""
    process = await asyncio.create_subprocess_exec(
        *("curl", "-s", "--digest", "-u", user, "-H", f"Host: {host}.test", "-w", "\n%{http_code}"),
        *(*more, f"http://127.0.0.1:{port}{path}"),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await asyncio.wait_for(process.communicate(), 20)
    return out.decode()


def answered(challenge: str, name: str, password: str, uri: str, count: int = 1, **changed: str) -> str:
    """An Authorization header, made from RFC 2617 and not from our code."""
    given = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    fields = {"username": name, "realm": given["realm"], "nonce": given["nonce"], "uri": uri, **changed}
    ha2 = hashlib.md5(f"GET:{uri}".encode()).hexdigest()
    text = f"{ha1(name, password)}:{fields['nonce']}:{count:08x}:ab:auth:{ha2}"
    response = hashlib.md5(text.encode()).hexdigest()
    quoted = ", ".join(f'{key}="{value}"' for key, value in fields.items())
    opaque = given["opaque"]
    return f'Digest {quoted}, qop=auth, nc={count:08x}, cnonce="ab", response="{response}", opaque="{opaque}"'


async def test_curl_is_let_in_with_the_right_password_only(running: Site) -> None:
    good = await curl(running.plain, "plain", "/a/b?c=d%20e", "alice:pass")
    assert good.endswith("\n200")
    assert '"path": "/a/b?c=d%20e"' in good
    assert (await curl(running.plain, "plain", "/", "alice:wrong")).endswith("\n401")
    assert (await curl(running.plain, "plain", "/", "carol:pass")).endswith("\n401")
    assert (await curl(running.plain, "plain", "/up", "bob:x", "-d", "body")).endswith("\n200")


async def test_the_challenge_is_the_standard_one(running: Site) -> None:
    answer = await running.get("plain")
    assert answer.status == 401
    assert answer.body == b"401 Unauthorized"
    pattern = r'Digest realm="home", nonce="[0-9a-f]+", opaque="[0-9a-f]+", algorithm="MD5", qop="auth"'
    assert re.fullmatch(pattern, answer.header("www-authenticate") or "")


async def test_the_user_is_told_and_the_header_taken_away(running: Site) -> None:
    challenge = (await running.get("full")).header("www-authenticate") or ""
    headers = {"Authorization": answered(challenge, "alice", "pass", "/x"), "X-User": "root", "X_USER": "a"}
    answer = await running.get("full", "/x", headers=headers)
    assert answer.status == 200
    assert answer.sent("x-user") == "alice"
    assert answer.sent("x_user") is None
    assert answer.sent("authorization") is None
    kept = (await running.get("plain")).header("www-authenticate") or ""
    answer = await running.get("plain", "/x", headers={"Authorization": answered(kept, "alice", "pass", "/x")})
    assert (answer.sent("authorization") or "").startswith("Digest ")


async def test_an_answer_is_good_once_and_for_its_own_page(running: Site) -> None:
    challenge = (await running.get("plain")).header("www-authenticate") or ""

    async def attempt(uri: str, path: str, count: int) -> tuple[int, bool]:
        header = answered(challenge, "alice", "pass", uri, count)
        answer = await running.get("plain", path, headers={"Authorization": header})
        return answer.status, "stale=true" in (answer.header("www-authenticate") or "")

    assert await attempt("/a", "/a", 1) == (200, False)
    assert await attempt("/a", "/a", 1) == (401, True)
    assert await attempt("/a", "/a", 7) == (200, False)
    assert await attempt("/a", "/a", 5) == (200, False), "requests overtake each other"
    assert await attempt("/", "/a", 8) == (401, False), "upstream takes the beginning of a path"
    assert await attempt("/a?b", "/a?c", 8) == (401, False)
    assert await attempt("/b/../c%64", "/cd", 8) == (200, False)


async def test_a_nonce_holds_for_its_own_middleware(running: Site) -> None:
    challenge = (await running.get("plain")).header("www-authenticate") or ""
    header = {"Authorization": answered(challenge, "alice", "pass", "/")}
    answer = await running.get("full", headers=header)
    assert answer.status == 401
    assert "stale=true" in (answer.header("www-authenticate") or "")


async def test_order_with_others(running: Site) -> None:
    answer = await running.get("order", "/x")
    assert (answer.status, answer.header("x-out")) == (401, "1")
    header = {"Authorization": answered(answer.header("www-authenticate") or "", "alice", "pass", "/x")}
    answer = await running.get("order", "/x", headers=header)
    assert answer.json["path"] == "/p/x"


async def test_without_the_service_nobody_passes(running: Site) -> None:
    await running.auth.stop()
    assert (await running.get("plain")).status == 503
