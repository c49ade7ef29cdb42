"""The name server on the wire, beside a real one with the same zone, and asked with dig."""

import asyncio
import contextlib
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from ipaddress import ip_address
from typing import NamedTuple

import dns.asyncquery
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import pytest

from hearthgate.dns.nameserver import server as server_module
from hearthgate.dns.nameserver.server import NameServer
from hearthgate.dns.nameserver.settings import LocalDNS
from hearthgate.dns.nameserver.zones import zones_of
from tests.acme import knot
from tests.name_samples import LAN, NAMES, ZONE
from tests.ports import free_port
from tests.waiting import eventually

HOST = "127.0.0.1"
ZONE_FILE = f"""\
$TTL 60
@ SOA ns hostmaster 1 3600 600 86400 60
@ NS ns
ns A {HOST}
jellyfin A {LAN}
both A 192.168.1.246
both AAAA fd00::246
* A {LAN}
deep.lab A {LAN}
*.apps A 192.168.1.247
alias CNAME jellyfin
away CNAME www.example.org.
twice CNAME alias
"""
QUESTIONS = [
    (f"{label}{'.' if label else ''}{ZONE}", type_)
    for label in (
        *(
            "jellyfin",
            "both",
            "any",
            "a.b",
            "lab",
            "deep.lab",
            "x.lab",
            "x.deep.lab",
            "apps",
            "x.apps",
            "x.y.apps",
        ),
        *("alias", "away", "twice", "x.jellyfin", "", "ns", "JellyFin"),
    )
    for type_ in ("A", "AAAA", "TXT", "CNAME", "SOA", "NS", "HTTPS", "MX")
]


class Server(NamedTuple):
    server: NameServer
    port: int

    async def ask(
        self, name: str, type_: str = "A", *, tcp: bool = False, **options: object
    ) -> dns.message.Message:
        ask = dns.asyncquery.tcp if tcp else dns.asyncquery.udp
        question = dns.message.make_query(name, type_, **options)  # type: ignore[arg-type]
        return await ask(question, HOST, port=self.port, timeout=10)

    async def say(self, data: bytes) -> bytes:
        """The answer to bytes; empty when there was none before that to a good question."""
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
            made.setblocking(False)
            made.connect((HOST, self.port))
            good = dns.message.make_query(f"jellyfin.{ZONE}", "A", id=4242).to_wire()
            for each in (data, good):
                await loop.sock_sendall(made, each)
            async with asyncio.timeout(10):
                first = await loop.sock_recv(made, 4096)
            return b"" if first[:2] == good[:2] else first


@contextlib.asynccontextmanager
async def serving(**settings: object) -> AsyncIterator[Server]:
    port = free_port()
    made = NameServer(LocalDNS(listen=(f"{HOST}:{port}",), **settings))  # type: ignore[arg-type]
    task = asyncio.create_task(made.run())
    try:
        server = Server(made, port)

        async def answers() -> bool:
            try:
                await dns.asyncquery.tcp(dns.message.make_query("x", "A"), HOST, port=port, timeout=1)
            except OSError:
                return False
            return True

        await eventually(answers, what="the name server")
        yield server
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving() as made:
        made.server.responder.take(zones_of(NAMES, apexes=(ZONE,), server=(ip_address(HOST),)))
        yield made


def said(message: dns.message.Message) -> tuple[str, set[str], set[str], bool]:
    """What of an answer must be the same everywhere."""
    answer = {f"{rrset.name} {one}".lower() for rrset in message.answer for one in rrset}
    authority = {dns.rdatatype.to_text(rrset.rdtype) for rrset in message.authority} - {"NS"}
    return dns.rcode.to_text(message.rcode()), answer, authority, bool(message.flags & dns.flags.AA)


async def test_answers_as_knot_does_with_the_same_zone(server: Server) -> None:
    with knot.run_knot(ZONE, content=ZONE_FILE) as other:
        for name, type_ in QUESTIONS:
            question = dns.message.make_query(name, type_)
            theirs = await dns.asyncquery.udp(question, HOST, port=other.port, timeout=10)
            for tcp in (False, True):
                assert said(await server.ask(name, type_, tcp=tcp)) == said(theirs), (name, type_)


@pytest.mark.skipif(shutil.which("dig") is None, reason="needs the Debian package bind9-dnsutils")
async def test_dig_is_content(server: Server) -> None:
    command = ["dig", f"@{HOST}", "-p", str(server.port), f"jellyfin.{ZONE}", "+noall", "+answer", "+comments"]
    for more in ((), ("+tcp",), ("+bufsize=4096", "+dnssec"), ("+noedns",)):
        done = await asyncio.to_thread(
            subprocess.run, [*command, *more], capture_output=True, text=True, check=True
        )
        assert "status: NOERROR" in done.stdout
        assert "flags: qr aa rd" in done.stdout
        assert LAN in done.stdout
        assert "WARNING: recursion requested" in done.stdout
        assert "malformed" not in done.stdout.lower() + done.stderr.lower()


async def test_pointers(server: Server) -> None:
    found = await server.ask("246.1.168.192.in-addr.arpa", "PTR")
    assert str(found.answer[0][0]) == f"both.{ZONE}."
    assert not (await server.ask("246.1.168.192.in-addr.arpa", "A")).answer


async def test_nothing_is_known_before_there_are_names() -> None:
    async with serving() as server:
        assert (await server.ask(f"jellyfin.{ZONE}")).rcode() == dns.rcode.SERVFAIL


async def test_what_is_none_of_our_business_is_refused(server: Server) -> None:
    for name in ("example.org", ".", f"_acme-challenge.{ZONE}", f"_acme-challenge.jellyfin.{ZONE}"):
        found = await server.ask(name, "TXT")
        assert found.rcode() == dns.rcode.REFUSED
        assert not found.flags & (dns.flags.AA | dns.flags.RA)
    any_ = await server.ask(f"jellyfin.{ZONE}", "ANY")
    assert [dns.rdatatype.to_text(rrset.rdtype) for rrset in any_.answer] == ["HINFO"]


async def test_what_is_none_of_our_business_is_asked_elsewhere(server: Server) -> None:
    forward = (f"{HOST}:{free_port()}", f"{HOST}:{server.port}")
    async with serving(forward=forward, unknown="forward") as front:
        front.server.responder.take(zones_of(NAMES[1:2], apexes=(ZONE,)))
        for tcp in (False, True):
            found = await front.ask(f"jellyfin.{ZONE}", tcp=tcp)
            assert str(found.answer[0][0]) == LAN, "the first server is not there, and the next one is asked"
            assert (await front.ask(f"both.{ZONE}", "AAAA", tcp=tcp)).flags & dns.flags.RA
    async with serving(forward=forward[:1]) as front:
        front.server.responder.take(zones_of(NAMES, apexes=(ZONE,)))
        assert (await front.ask("example.org")).rcode() == dns.rcode.SERVFAIL
        assert (await front.ask(f"x.jellyfin.{ZONE}")).rcode() == dns.rcode.NXDOMAIN, "unknown is refuse"


async def test_a_long_answer_comes_by_tcp(server: Server) -> None:
    from tests.name_samples import name

    many = [f"192.168.{number // 250}.{number % 250 + 1}" for number in range(200)]
    server.server.responder.take(zones_of([name(f"many.{ZONE}", *many)]))
    short = await server.ask(f"many.{ZONE}", use_edns=0, payload=4096)
    assert short.flags & dns.flags.TC
    assert not short.answer
    assert len((await server.ask(f"many.{ZONE}", tcp=True)).answer[0]) == 200


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        (b"", b""),
        (b"\1\2", b""),
        (b"\1\2" + b"\xff" * 10, b""),
        (b"\1\2\1\0\0\2\0\0\0\0\0\0", b"\1\2\x81\1"),
        (b"\1\2\1\0\0\1\0\0\0\0\0\0\3abc", b"\1\2\x81\1"),
        (b"\1\2\1\0\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1", b"\1\2\x81\1"),
        (b"\1\2\1\0\0\1\0\0\0\0\0\1\0\0\1\0\1\0\0\x29", b"\1\2\x81\1"),
        (b"\1\2\x28\0\0\1\0\0\0\0\0\0\0\0\1\0\1", b"\1\2\xa8\4"),
    ],
    ids=["nothing", "half", "an answer", "two questions", "cut", "a pointer", "a cut option", "an update"],
)
async def test_malformed_questions(server: Server, data: bytes, answer: bytes) -> None:
    found = await server.say(data)
    assert found[: len(answer)] == answer
    assert bool(found) == bool(answer)


async def test_a_later_edns_is_told_so(server: Server) -> None:
    found = await server.ask(f"jellyfin.{ZONE}", use_edns=1)
    assert found.rcode() == dns.rcode.BADVERS


async def test_an_address_that_is_taken_is_told_until_it_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "AGAIN", 0.05)
    said: list[str] = []
    port = free_port()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((HOST, port))
        task = asyncio.create_task(NameServer(LocalDNS(listen=(f"{HOST}:{port}",)), on_trouble=said.append).run())
        await eventually(lambda: said, what="a word about it")
        assert f"cannot have {HOST}:{port}: Address already in use (another name server runs here" in said[0]
    await eventually(lambda: said[-1] == "", what="that it answers now")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
