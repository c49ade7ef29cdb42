"""The auth service over its own socket: who may connect, what is remembered, and what is never a yes."""

import asyncio
import base64
import contextlib
import stat
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import bcrypt
import pytest

from hearthgate.ingress.auth.service import RETENTION, AuthService
from hearthgate.ingress.auth.tables import PasswordTable, Table, auth_tables
from hearthgate.ingress.auth.verifier import MAX_REMEMBERED, MAX_WAITING, Verifier
from hearthgate.ingress.middlewares.credentials import BasicAuth, HashKind, User
from hearthgate.ingress.middlewares.questions import question
from hearthgate.model.errors import Transient
from hearthgate.model.secret import SecretBytes

ALICE = User(name="alice", kind=HashKind.BCRYPT, hash=SecretBytes(bcrypt.hashpw(b"pass", bcrypt.gensalt(4))))
BASIC = BasicAuth(name="m", users=(ALICE,), header_field="x-user")
OTHER = BasicAuth(name="m", users=(ALICE,), realm="other")
PATH, TABLES = question(BASIC), auth_tables([BASIC])


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def service(tmp_path: Path, clock: Clock) -> AsyncIterator[AuthService]:
    running = AuthService(tmp_path / "auth.sock", clock=clock)
    await running.start()
    running.update(TABLES)
    yield running
    await running.stop()


def login(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


async def exchange(folder: Path, data: bytes, answers: int = 1) -> list[bytes]:
    """What the service says to these bytes: so many answers, without bodies' help; fewer when it hangs up."""
    reader, writer = await asyncio.open_unix_connection(str(folder / "auth.sock"))
    writer.write(data)
    found = []
    try:
        async with asyncio.timeout(10):
            for _ in range(answers):
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                await reader.readexactly(length)
                found.append(head)
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    return found


def request(path: str = PATH, **headers: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode()


async def status(folder: Path, path: str = PATH, **headers: str) -> int:
    return int((await exchange(folder, request(path, **headers)))[0].split()[1])


def test_nobody_else_may_connect(tmp_path: Path, service: AuthService) -> None:
    assert stat.S_IMODE((tmp_path / "auth.sock").stat().st_mode) == 0o600


async def test_a_stale_socket_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "auth.sock").touch()
    again = AuthService(tmp_path / "auth.sock")
    await again.start()
    assert await status(tmp_path) == 503
    await again.stop()
    assert not (tmp_path / "auth.sock").exists()


async def test_an_answer_names_the_user(tmp_path: Path, service: AuthService) -> None:
    (head,) = await exchange(tmp_path, request(authorization=login("alice", "pass")))
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nx-user: alice\r\n" in head


@pytest.mark.parametrize(
    ("path", "headers", "expected"),
    [
        (PATH, {}, 401),
        (PATH, {"authorization": login("alice", "wrong")}, 401),
        (PATH, {"authorization": login("bob", "pass")}, 401),
        (PATH, {"authorization": "Basic " + base64.b64encode(b"\xff:pass").decode()}, 401),
        (PATH, {"authorization": login("alice", "pass")}, 200),
        ("/basic/unknown", {"authorization": login("alice", "pass")}, 503),
        ("/", {}, 503),
    ],
    # Named, because the path holds a salted hash: both workers must collect the same tests.
    ids=["nobody", "wrong password", "unknown user", "not UTF-8", "right", "unknown table", "no table"],
)
async def test_answers(
    tmp_path: Path, service: AuthService, path: str, headers: Mapping[str, str], expected: int
) -> None:
    assert await status(tmp_path, path, **headers) == expected


async def test_questions_in_one_packet_are_answered_in_order(tmp_path: Path, service: AuthService) -> None:
    data = request(authorization=login("alice", "pass")) + request("/x") + request()
    heads = await exchange(tmp_path, data, answers=3)
    assert [int(head.split()[1]) for head in heads] == [200, 503, 401]


@pytest.mark.parametrize("junk", [b"\x16\x03\x01\r\n\r\n", b"POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc"])
async def test_junk_ends_the_connection(tmp_path: Path, service: AuthService, junk: bytes) -> None:
    heads = await exchange(tmp_path, junk + request(authorization=login("alice", "pass")), answers=2)
    assert [int(head.split()[1]) for head in heads] == [400]


async def test_an_endless_head_is_cut_off(tmp_path: Path, service: AuthService) -> None:
    assert await exchange(tmp_path, b"GET / HTTP/1.1\r\nx: " + b"a" * (2 << 20)) == []


async def test_a_table_that_is_gone_is_kept_for_the_routes_that_still_ask(
    tmp_path: Path, service: AuthService, clock: Clock
) -> None:
    right = login("alice", "pass")
    service.update(auth_tables([OTHER]))
    assert await status(tmp_path, authorization=right) == 200
    assert await status(tmp_path, question(OTHER), authorization=right) == 200
    clock.now += RETENTION - 1
    service.update(auth_tables([OTHER]))
    assert await status(tmp_path, authorization=right) == 200
    clock.now += 2
    assert await status(tmp_path, authorization=right) == 503
    service.update(TABLES)
    assert await status(tmp_path, authorization=right) == 200


@pytest.fixture
def verifier() -> Iterator[Verifier]:
    made = Verifier()
    yield made
    made.close()


def password_table(tables: Mapping[str, Table] = TABLES) -> PasswordTable:
    table = tables[PATH]
    assert isinstance(table, PasswordTable)
    return table


async def test_equal_checks_run_once_and_success_is_remembered(verifier: Verifier) -> None:
    table = password_table()
    at_once = [verifier.verify(PATH, table, "alice", b"pass") for _ in range(20)]
    assert await asyncio.gather(*at_once) == [True] * 20
    assert await verifier.verify(PATH, table, "alice", b"pass")
    assert verifier.checks == 1


async def test_failure_is_not_remembered_and_unknown_names_cost_a_check(verifier: Verifier) -> None:
    table = password_table()
    for name, password in (("alice", b"wrong"), ("alice", b"wrong"), ("bob", b"pass"), ("bob", b"pass")):
        assert not await verifier.verify(PATH, table, name, password)
    assert verifier.checks == 4


async def test_memory_ends_with_the_table(verifier: Verifier) -> None:
    table = password_table()
    assert await verifier.verify(PATH, table, "alice", b"pass")
    verifier.forget(TABLES)
    assert await verifier.verify(PATH, table, "alice", b"pass")
    assert verifier.checks == 1
    verifier.forget({})
    assert await verifier.verify(PATH, table, "alice", b"pass")
    assert verifier.checks == 2


async def test_memory_is_bounded(verifier: Verifier) -> None:
    sha = User(name="s", kind=HashKind.SHA, hash=SecretBytes(b"{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g="))
    table = password_table()._replace(users={"s": sha}, decoy=sha)
    for number in range(MAX_REMEMBERED + 1):
        assert await verifier.verify(f"/{number}", table, "s", b"password")
    assert await verifier.verify("/1", table, "s", b"password")
    assert verifier.checks == MAX_REMEMBERED + 1
    assert await verifier.verify("/0", table, "s", b"password")
    assert verifier.checks == MAX_REMEMBERED + 2


async def test_too_many_waiting_checks_are_refused(verifier: Verifier) -> None:
    table = password_table()
    checks = [verifier.verify(PATH, table, "alice", str(number).encode()) for number in range(MAX_WAITING + 5)]
    results = await asyncio.gather(*checks, return_exceptions=True)
    assert results.count(False) == MAX_WAITING
    assert [type(result) for result in results[MAX_WAITING:]] == [Transient] * 5


async def test_a_client_that_leaves_does_not_disturb_the_others(verifier: Verifier) -> None:
    table = password_table()
    first = asyncio.ensure_future(verifier.verify(PATH, table, "alice", b"pass"))
    second = asyncio.ensure_future(verifier.verify(PATH, table, "alice", b"pass"))
    await asyncio.sleep(0)
    first.cancel()
    assert await second
    assert verifier.checks == 1
