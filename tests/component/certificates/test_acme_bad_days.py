"""The ACME client on a CA's bad days."""

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from hearthgate.certificates.acme import transport
from hearthgate.certificates.acme.account_key import AccountKey
from hearthgate.certificates.acme.answers import Identifier, Status
from hearthgate.certificates.acme.client import AcmeClient
from hearthgate.certificates.acme.errors import (
    AcmeError,
    BadAnswer,
    Kind,
    Limited,
    NetworkTrouble,
    Rejected,
    Unavailable,
)
from hearthgate.certificates.acme.exchange import NONCE_TRIES
from hearthgate.certificates.acme.transport import MAX_ANSWER, Call
from hearthgate.model.errors import Transient
from tests.acme.ca_moods import Proof
from tests.acme.ca_parts import cert_id
from tests.acme.fault_ca import (
    FaultCa,
    Flaw,
    Refusal,
    dropped,
    garbage,
    rate_limited,
    run_fault_ca,
    stalled,
    unavailable,
)
from tests.component.certificates.acme_flow import Issued, csr_for, issue
from tests.ports import free_port

NAME = Identifier.of("www.example.test")


@pytest.fixture
async def ca() -> AsyncIterator[FaultCa]:
    async with run_fault_ca() as running:
        yield running


@asynccontextmanager
async def client_of(ca: FaultCa, *, calls: list[Call] | None = None) -> AsyncIterator[AcmeClient]:
    observe = (lambda _: None) if calls is None else calls.append
    client = AcmeClient(ca.directory, AccountKey.generate(), ca_bundle=ca.ca, observe=observe)
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def registered(ca: FaultCa) -> AsyncIterator[AcmeClient]:
    async with client_of(ca) as client:
        await client.register(email="")
        yield client


async def nowhere(name: str, text: str) -> None:
    """The CA of these tests believes everybody."""


async def issued_by(ca: FaultCa, *names: str, profile: str = "", replaces: str = "") -> Issued:
    async with registered(ca) as client:
        return await issue(client, names, nowhere, profile=profile, replaces=replaces)


async def test_a_good_day(ca: FaultCa) -> None:
    ca.processing = 2
    issued = await issued_by(ca, "example.test", "*.example.test", "192.0.2.1")
    root = x509.load_pem_x509_certificate(ca.root.encode())
    issued.leaf.verify_directly_issued_by(issued.chain[1])
    issued.chain[1].verify_directly_issued_by(root)
    assert issued.leaf.public_key() == issued.key.public_key()


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [("120", 120.0), (None, None), ("later", None), ("99999999", 8 * 24 * 3600.0)],
)
async def test_rate_limited(ca: FaultCa, retry_after: str | None, seconds: float | None) -> None:
    async with registered(ca) as client:
        ca.refuse("newOrder", rate_limited(retry_after))
        with pytest.raises(Limited, match="too many requests of this kind") as raised:
            await client.new_order([NAME])
        assert raised.value.retry_after == seconds
        assert isinstance(raised.value, Transient)
        assert (await client.new_order([NAME])).status == Status.PENDING


@pytest.mark.parametrize("offset", [0.0, 3600.0, -3600.0])
async def test_a_date_to_wait_for_is_the_cas(ca: FaultCa, offset: float) -> None:
    """An HTTP-date is on the CA's clock, whatever ours says."""
    ca.clock_offset = offset
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=offset + 300), usegmt=True)
    async with registered(ca) as client:
        ca.refuse("newOrder", rate_limited(until))
        with pytest.raises(Limited) as raised:
            await client.new_order([NAME])
        assert raised.value.retry_after == pytest.approx(300, abs=3)
        assert client.clock_offset == pytest.approx(offset, abs=3)


async def test_down_for_maintenance(ca: FaultCa) -> None:
    async with client_of(ca) as client:
        ca.refuse("directory", unavailable("30"))
        with pytest.raises(Unavailable) as raised:
            await client.register(email="")
        assert (raised.value.retry_after, raised.value.kind) == (30.0, Kind.UNAVAILABLE)
        await client.register(email="")


async def test_a_page_of_a_proxy_is_no_verdict(ca: FaultCa) -> None:
    async with registered(ca) as client:
        ca.refuse("newOrder", Refusal(status=403, body="<html>blocked\x1b[31m</html>"))
        with pytest.raises(Unavailable, match="blocked") as raised:
            await client.new_order([NAME])
    assert "\x1b" not in str(raised.value)


async def test_a_storm_of_bad_nonces(ca: FaultCa) -> None:
    async with registered(ca) as client:
        ca.bad_nonces = NONCE_TRIES - 1
        assert (await client.new_order([NAME])).status == Status.PENDING
        ca.bad_nonces = 10**9
        before = len(ca.requests)
        with pytest.raises(Unavailable, match="badNonce"):
            await client.new_order([NAME])
        assert len(ca.requests) == before + NONCE_TRIES


@pytest.mark.parametrize(
    "body", ['{"status": ', "[]", '{"status": "pending"}', "<html>", '{"status": "new", "finalize": "https://x/"}']
)
async def test_broken_answers(ca: FaultCa, body: str) -> None:
    async with registered(ca) as client:
        ca.refuse("newOrder", garbage(body))
        with pytest.raises(BadAnswer, match="authorize_order"):
            await client.new_order([NAME])


async def test_a_plain_http_url_in_an_answer(ca: FaultCa) -> None:
    async with registered(ca) as client:
        body = '{"status": "pending", "finalize": "http://elsewhere.invalid/"}'
        ca.refuse("newOrder", Refusal(status=201, body=body, headers={"Location": f"{ca.directory}/1"}))
        with pytest.raises(BadAnswer, match="finalize"):
            await client.new_order([NAME])


async def test_numbers_may_be_written_as_texts(ca: FaultCa) -> None:
    """As some CAs write the status of a problem."""
    error = '{"type": "urn:ietf:params:acme:error:caa", "detail": "forbidden", "status": "403"}'
    async with registered(ca) as client:
        order = await client.new_order([NAME])
        ca.refuse("order", garbage(f'{{"status": "invalid", "finalize": "https://x/", "error": {error}}}'))
        failed = await client.order(order.url)
        ca.refuse("newOrder", Refusal(status=403, body=error))
        with pytest.raises(Rejected) as raised:
            await client.new_order([NAME])
    assert failed.error is not None
    assert (failed.error.status, raised.value.kind) == (403, Kind.NAME_REFUSED)


async def test_an_alternate_chain_that_cannot_be_had(ca: FaultCa) -> None:
    async with registered(ca) as client:
        issued = await issue(client, [NAME.value], nowhere)
        url = issued.order.certificate
        assert url is not None
        link = {"Link": f'<{url}/1>;rel="alternate", <{url}/2>;rel="alternate"'}
        ca.refuse(
            "certificate", Refusal(status=200, body=issued.pem, headers=link), Refusal(status=404), garbage()
        )
        assert await client.certificate(url, preferred_chain="Another Root") == issued.pem
        ca.refuse("certificate", Refusal(status=200, body=issued.pem, headers=link), unavailable())
        with pytest.raises(Unavailable):
            await client.certificate(url, preferred_chain="Another Root")


async def test_a_ca_that_was_started_anew_knows_none_of_our_nonces(ca: FaultCa) -> None:
    async with registered(ca) as client:
        await asyncio.gather(*(client.new_order([NAME]) for _ in range(2 * NONCE_TRIES)))
        ca.forget_nonces()
        before = len(ca.asked("newOrder"))
        await client.new_order([NAME])
        await asyncio.gather(*(client.new_order([NAME]) for _ in range(5)))
    assert len(ca.asked("newOrder")) == before + 1 + 1 + 5


async def test_no_account_no_order(ca: FaultCa) -> None:
    async with client_of(ca) as client:
        with pytest.raises(ValueError, match="register"):
            await client.new_order([NAME])


async def test_an_endless_answer(ca: FaultCa) -> None:
    async with registered(ca) as client:
        ca.refuse("newOrder", garbage("x" * (MAX_ANSWER + 1)))
        with pytest.raises(BadAnswer, match=str(MAX_ANSWER)):
            await client.new_order([NAME])


async def test_a_token_that_is_a_path(ca: FaultCa) -> None:
    async with registered(ca) as client:
        order = await client.new_order([NAME])
        ca.orders[1].authorizations[0].token = "../../etc/passwd"
        with pytest.raises(BadAnswer):
            await client.authorization(order.authorizations[0])


@pytest.mark.parametrize("action", ["directory", "newNonce", "newAccount"])
async def test_dropped_connections(ca: FaultCa, action: str) -> None:
    async with client_of(ca) as client:
        ca.refuse(action, *[dropped()] * 2)
        with pytest.raises(NetworkTrouble):
            await client.register(email="")
        ca.forgive()
        assert (await client.register(email="")).created


async def test_a_ca_that_says_nothing(ca: FaultCa, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "TIMEOUT", 0.2)
    async with client_of(ca) as client:
        ca.refuse("directory", stalled())
        with pytest.raises(NetworkTrouble, match="no answer in time"):
            await client.directory_info()


async def test_by_way_of_a_proxy(ca: FaultCa, monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTPS_PROXY counts: the request comes to the CA, and to the proxy before."""
    asked: list[str] = []

    async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).decode().splitlines()[0])
        there, back = await asyncio.open_connection("127.0.0.1", int(ca.directory.split(":")[2].split("/")[0]))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_copy(reader, back))
                group.create_task(_copy(there, writer))
        finally:
            back.close()
            writer.close()

    async with await asyncio.start_server(tunnel, "127.0.0.1", 0) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        async with client_of(ca) as client:
            assert (await client.register(email="")).created
    assert asked
    assert {line.split()[0] for line in asked} == {"CONNECT"}


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while content := await reader.read(1 << 16):
            writer.write(content)
        writer.write_eof()


async def test_nobody_listens() -> None:
    calls: list[Call] = []
    url = f"https://127.0.0.1:{free_port()}/directory"
    client = AcmeClient(url, AccountKey.generate(), observe=calls.append)
    try:
        with pytest.raises(NetworkTrouble, match="discover at 127"):
            await client.directory_info()
    finally:
        await client.close()
    assert [(call.action, call.status) for call in calls] == [("discover", 0)]


@pytest.mark.parametrize("action", ["directory", "newOrder"])
async def test_redirects_are_not_followed(ca: FaultCa, action: str) -> None:
    async with client_of(ca) as client:
        if action != "directory":
            await client.register(email="")
        ca.refuse(action, Refusal(status=307, body="", headers={"Location": f"{ca.directory}?new"}))
        with pytest.raises(BadAnswer, match="name that URL"):
            await (client.directory_info() if action == "directory" else client.new_order([NAME]))


async def test_profiles(ca: FaultCa) -> None:
    ca.profiles = {"shortlived": timedelta(hours=160)}
    issued = await issued_by(ca, "short.test", profile="shortlived")
    assert issued.leaf.not_valid_after_utc - issued.leaf.not_valid_before_utc == timedelta(hours=160)
    assert issued.order.profile == "shortlived"
    async with registered(ca) as client:
        assert set((await client.directory_info()).profiles) == {"shortlived"}
        with pytest.raises(Rejected) as raised:
            await client.new_order([NAME], profile="longlived")
    assert raised.value.kind is Kind.BAD_PROFILE


async def test_a_replacement(ca: FaultCa) -> None:
    first = await issued_by(ca, "renewed.test")
    second = await issued_by(ca, "renewed.test", replaces=cert_id(first.leaf))
    assert second.order.replaces == cert_id(first.leaf)


@pytest.mark.parametrize(
    "refusal",
    [
        Refusal(status=409, type="alreadyReplaced", detail="it has a successor"),
        Refusal(status=409, type="conflict", detail="it has a successor"),
        Refusal(status=400, type="malformed", detail="parsing Replaces field: no such certificate"),
    ],
    ids=["alreadyReplaced", "conflict", "malformed"],
)
async def test_a_predecessor_that_the_ca_does_not_take(ca: FaultCa, refusal: Refusal) -> None:
    async with registered(ca) as client:
        ca.refuse("newOrder", refusal)
        order = await client.new_order([NAME], replaces="aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE")
    assert order.replaces == ""
    assert ["replaces" in payload for payload in ca.asked("newOrder")] == [True, False]


async def test_other_refusals_are_not_blamed_on_the_predecessor(ca: FaultCa) -> None:
    async with registered(ca) as client:
        ca.refuse("newOrder", Refusal(type="rejectedIdentifier", detail="not this name"))
        with pytest.raises(Rejected) as raised:
            await client.new_order([NAME], replaces="aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE")
    assert raised.value.kind is Kind.NAME_REFUSED
    assert len(ca.asked("newOrder")) == 1


async def test_no_predecessor_is_told_to_a_ca_without_ari(ca: FaultCa) -> None:
    ca.ari = False
    async with registered(ca) as client:
        await client.new_order([NAME], replaces="aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE")
        assert await client.renewal_info("aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE") is None
    assert "replaces" not in ca.asked("newOrder")[0]


async def test_when_to_renew(ca: FaultCa) -> None:
    issued = await issued_by(ca, "ari.test")
    async with client_of(ca) as client:
        found = await client.renewal_info(cert_id(issued.leaf))
        assert found is not None
        third = (issued.leaf.not_valid_after_utc - issued.leaf.not_valid_before_utc) / 3
        assert found.suggested_window.start == issued.leaf.not_valid_after_utc - third
        assert found.retry_after == 21600
        assert found.explanation_url == "https://status.invalid/"
        past = datetime.now(UTC) - timedelta(days=2)
        ca.window = (past, past + timedelta(days=1))
        moved = await client.renewal_info(cert_id(issued.leaf))
        assert moved is not None
        assert moved.suggested_window.end == past + timedelta(days=1)
        ca.window = (past, past)
        with pytest.raises(BadAnswer, match="ends before it starts"):
            await client.renewal_info(cert_id(issued.leaf))
        with pytest.raises(AcmeError):
            await client.renewal_info("unknown.certificate")


async def test_an_order_that_hangs(ca: FaultCa) -> None:
    ca.processing, ca.pause = math.inf, "7"
    async with registered(ca) as client:
        order = await client.new_order([NAME])
        assert order.retry_after == 7
        ca.orders[1].authorizations[0].status = "valid"
        hanging = await client.finalize(order.finalize, ready_csr(), order=order.url)
        again = await client.order(order.url)
        with pytest.raises(Rejected) as raised:
            await client.finalize(again.finalize, b"\x30\x00")
        kept = await client.finalize(again.finalize, b"\x30\x00", order=order.url)
    assert (hanging.status, hanging.url, hanging.retry_after) == (Status.PROCESSING, order.url, 7)
    assert raised.value.kind is Kind.NOT_READY
    assert kept.status == Status.PROCESSING


def ready_csr() -> bytes:
    return csr_for(ec.generate_private_key(ec.SECP256R1()), [NAME.value])


async def test_orders_and_accounts_are_forgotten(ca: FaultCa) -> None:
    async with registered(ca) as client:
        order = await client.new_order([NAME])
        ca.forget_orders()
        for look in (client.order, client.authorization):
            url = order.url if look == client.order else order.authorizations[0]
            with pytest.raises(Rejected) as gone:
                await look(url)
            assert gone.value.kind is Kind.GONE
        ca.forget_accounts()
        with pytest.raises(Rejected) as missing:
            await client.new_order([NAME])
        assert missing.value.kind is Kind.ACCOUNT_MISSING
        assert (await client.register(email="")).created
        assert (await client.new_order([NAME])).status == Status.PENDING


async def test_a_proof_that_is_not_accepted() -> None:
    asked: list[Proof] = []

    async def judge(proof: Proof) -> str:
        asked.append(proof)
        return "no TXT record found"

    async with run_fault_ca(judge=judge) as ca, registered(ca) as client:
        order = await client.new_order([NAME])
        authorization = await client.authorization(order.authorizations[0])
        challenge = authorization.challenges[1]
        await client.accept(challenge.url)
        failed = await client.authorization(order.authorizations[0])
        assert failed.error is not None
        assert failed.error.describe() == "unauthorized: no TXT record found"
        assert (await client.order(order.url)).status == Status.INVALID
        assert asked == [
            Proof(NAME.value, "dns-01", challenge.token, f"{challenge.token}.{client.key.thumbprint}")
        ]


@pytest.mark.parametrize("flaw", [Flaw.OTHER_KEY, Flaw.OTHER_NAMES, Flaw.EXPIRED, Flaw.NOT_YET_VALID])
async def test_flawed_certificates_are_handed_on(ca: FaultCa, flaw: Flaw) -> None:
    """To verify them is the work of who publishes; here they only must be certificates."""
    ca.flaw = flaw
    issued = await issued_by(ca, "flawed.test")
    assert len(issued.chain) == 2
    now = datetime.now(UTC)
    names = issued.leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {
        Flaw.OTHER_KEY: issued.leaf.public_key() != issued.key.public_key(),
        Flaw.OTHER_NAMES: names.get_values_for_type(x509.DNSName) == ["other.invalid"],
        Flaw.EXPIRED: issued.leaf.not_valid_after_utc < now,
        Flaw.NOT_YET_VALID: issued.leaf.not_valid_before_utc > now,
    }[flaw]


@pytest.mark.parametrize(
    "body", ["", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "with a key"]
)
async def test_a_chain_that_is_none(ca: FaultCa, body: str) -> None:
    async with registered(ca) as client:
        issued = await issue(client, [NAME.value], nowhere)
        if body == "with a key":
            body = issued.pem + AccountKey.generate().to_pem().decode()
        assert issued.order.certificate is not None
        ca.refuse("certificate", garbage(body))
        with pytest.raises(BadAnswer, match="not a certificate chain"):
            await client.certificate(issued.order.certificate)
