"""Notifications reach a web server and a mail server, repeat nothing after a restart, and show no secret."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from hearthgate.certificates.notify.notifier import KINDS, NAME, Notifier
from hearthgate.certificates.notify.settings import Email, Notification, Ntfy, Webhook
from hearthgate.certificates.settings import CertificateSettings
from hearthgate.cluster.hub import Hub
from hearthgate.resources.certmanager import Certificate
from hearthgate.resources.certmanager.references import SecretKeyRef
from hearthgate.resources.core import ConfigMap, Secret
from hearthgate.resources.registry import BY_TYPE
from tests.component.certificates.stage import Stage, stage
from tests.waiting import eventually

TOKEN = "very-secret-token"
REFERENCE = SecretKeyRef(name="notify", key="token")


class Received:
    """What the servers got: (path, headers, body) of requests, texts of mails. status: of the web server."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], Any]] = []
        self.mails: list[str] = []
        self.status = 200
        self.web = self.mail = 0

    async def on_request(self, request: web.BaseRequest) -> web.StreamResponse:
        self.requests.append((request.path, dict(request.headers), await request.json()))
        return web.Response(status=self.status)

    async def on_mail(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """As much of SMTP (RFC 5321) as a client without extensions needs."""
        writer.write(b"220 test\r\n")
        while line := (await reader.readline()).decode().strip():
            word = line.split()[0].upper()
            if word == "DATA":
                writer.write(b"354 go on\r\n")
                self.mails.append((await reader.readuntil(b"\r\n.\r\n")).decode())
            writer.write(b"221 bye\r\n" if word == "QUIT" else b"250 fine\r\n")
            if word == "QUIT":
                break
        writer.close()


@pytest.fixture
async def received() -> AsyncIterator[Received]:
    got = Received()
    runner = web.ServerRunner(web.Server(got.on_request))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    got.web = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    mail = await asyncio.start_server(got.on_mail, "127.0.0.1", 0)
    got.mail = mail.sockets[0].getsockname()[1]
    yield got
    mail.close()
    await runner.cleanup()


@pytest.fixture
async def played(state_dir: Path, received: Received) -> AsyncIterator[Stage]:
    url = f"http://127.0.0.1:{received.web}"
    mail = {"host": "127.0.0.1", "port": received.mail, "security": "none"}
    ways = Notification(
        webhook=Webhook(url=f"{url}/hook", authorization_secret_ref=REFERENCE),
        ntfy=Ntfy(url=f"{url}/ntfy", topic="homelab", token_secret_ref=REFERENCE),
        email=Email(from_="gate@home.test", to=("me@home.test",), **mail),  # type: ignore[arg-type]
    )
    settings = CertificateSettings(notifications=(ways,))
    async with stage(state_dir, settings, namespaces=["hearthgate", "infra"]) as played:
        secret = {"token": base64.b64encode(TOKEN.encode()).decode()}
        await played.create(Secret, {"metadata": {"name": "notify", "namespace": "hearthgate"}, "data": secret})
        await played.create(
            Certificate,
            {
                "metadata": {"name": "wild", "namespace": "infra"},
                "spec": {"secretName": "wild", "dnsNames": ["a.test"], "issuerRef": {"name": "le"}},
            },
        )
        yield played


@contextlib.asynccontextmanager
async def notifying(played: Stage) -> AsyncIterator[Hub]:
    async with played.running([], KINDS) as hub, asyncio.TaskGroup() as group:
        task = group.create_task(Notifier(played.tools, settle=0.01, between=0.01).run(hub.snapshots()))
        yield hub
        task.cancel()


async def fail(played: Stage, attempts: int) -> None:
    status = {"failedIssuanceAttempts": attempts, "lastFailureTime": "2026-01-01T00:00:00Z"}
    await played.client.patch_status(BY_TYPE[Certificate], "infra", "wild", {"status": status})


async def test_every_way_is_used_once(
    played: Stage, received: Received, capsys: pytest.CaptureFixture[str]
) -> None:
    async with notifying(played):
        await fail(played, 1)
        await eventually(lambda: len(received.requests) == 2 and received.mails, what="the messages")

        async def is_kept() -> bool:
            return await played.get(ConfigMap, "hearthgate", NAME) is not None

        await eventually(is_kept, what="what was told")
    paths = {path: (headers, body) for path, headers, body in received.requests}
    headers, body = paths["/hook"]
    assert headers["Authorization"] == TOKEN
    assert (body["certificate"], body["event"]) == ("infra/wild", "failure")
    headers, body = paths["/ntfy"]
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert (body["topic"], body["priority"]) == ("homelab", 4)
    assert "Subject: Certificate infra/wild could not be issued" in received.mails[0]

    async with notifying(played) as hub:
        await fail(played, 0)
        await eventually(lambda: len(received.requests) == 4, what="the recovery alone")
        assert hub.snapshot is not None
    assert [body["event"] for path, _, body in received.requests if path == "/hook"] == ["failure", "recovery"]
    assert TOKEN not in "".join(capsys.readouterr())


async def test_what_could_not_be_told_is_told_later(
    played: Stage, received: Received, capsys: pytest.CaptureFixture[str]
) -> None:
    received.status = 500
    async with notifying(played):
        await fail(played, 1)
        await eventually(lambda: len(received.requests) >= 6, what="three tries by two ways")
    assert await played.get(ConfigMap, "hearthgate", NAME) is None
    assert TOKEN not in "".join(capsys.readouterr())
    received.status, received.requests = 200, []
    async with notifying(played):
        await eventually(lambda: len(received.requests) == 2, what="the messages after a restart")
