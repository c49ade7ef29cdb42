"""acme-dns and webhooks of cert-manager, each by a server of the test that speaks its published API."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from hearthgate.certificates.dns01.acme_dns import AcmeDnsProvider, read_accounts
from hearthgate.certificates.dns01.provider import Record
from hearthgate.certificates.dns01.webhook import WebhookProvider
from hearthgate.cluster.client import Client
from hearthgate.cluster.config import ClientConfig
from hearthgate.cluster.errors import Unreachable
from hearthgate.model.errors import Permanent, Transient
from hearthgate.resources.certmanager.solvers import WebhookSolver

VALUE = "J2Fpf8HxpYxgWRxyAK3zYlgPkQ2-0zDz-h4pQK_jbRM"
RECORD = Record("_acme-challenge.home.test", VALUE)
ACCOUNTS = b"""{"home.test": {"username": "u-1", "password": "p-secret", "subdomain": "s-1",
    "fulldomain": "s-1.auth.test", "allowfrom": [], "server_url": "https://auth.test"}}"""


@contextlib.asynccontextmanager
async def serving(*routes: web.RouteDef) -> AsyncIterator[str]:
    app = web.Application()
    app.add_routes(routes)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


class AcmeDns:
    """As https://github.com/joohoi/acme-dns says: /update with two headers, two values kept."""

    def __init__(self) -> None:
        self.values: list[str] = []
        self.status = 200

    async def update(self, request: web.Request) -> web.Response:
        body = await request.json()
        if (request.headers.get("X-Api-User"), request.headers.get("X-Api-Key")) != ("u-1", "p-secret"):
            return web.json_response({"error": "forbidden"}, status=401)
        if body["subdomain"] != "s-1":
            return web.json_response({"error": "bad_subdomain"}, status=400)
        if len(body["txt"]) != 43:
            return web.json_response({"error": "bad_txt"}, status=400)
        self.values = [*self.values, body["txt"]][-2:]
        return web.json_response({"txt": body["txt"]}, status=self.status)

    async def health(self, request: web.Request) -> web.Response:
        return web.Response(status=self.status)


@contextlib.asynccontextmanager
async def acme_dns(server: AcmeDns, accounts: bytes = ACCOUNTS) -> AsyncIterator[AcmeDnsProvider]:
    routes = (web.post("/update", server.update), web.get("/health", server.health))
    async with serving(*routes) as url, aiohttp.ClientSession() as session:
        yield AcmeDnsProvider(f"{url}/", read_accounts(accounts), session)


async def test_acme_dns_takes_the_value() -> None:
    server = AcmeDns()
    async with acme_dns(server) as provider:
        await provider.present(RECORD)
        await provider.remove(RECORD)
        assert server.values == [VALUE]
        # Where the solver follows the CNAME, the name is the account's own.
        await provider.present(Record("s-1.auth.test", VALUE))
        assert await provider.zone_of("s-1.auth.test") == "auth.test"
        assert "accounts for home.test" in await provider.verify()


async def test_acme_dns_without_an_account() -> None:
    async with acme_dns(AcmeDns()) as provider:
        with pytest.raises(Permanent, match=r"no account for other\.test \(it has home\.test\): register one"):
            await provider.present(Record("_acme-challenge.other.test", VALUE))


async def test_acme_dns_with_a_wrong_account() -> None:
    async with acme_dns(AcmeDns(), ACCOUNTS.replace(b"p-secret", b"other-word")) as provider:
        with pytest.raises(Permanent, match=r"refuses the account.*forbidden") as caught:
            await provider.present(RECORD)
        assert "other-word" not in str(caught.value)


async def test_acme_dns_that_is_not_well() -> None:
    server = AcmeDns()
    server.status = 500
    async with acme_dns(server) as provider:
        with pytest.raises(Transient, match="could not take the value: status 500"):
            await provider.present(RECORD)
        with pytest.raises(Transient, match="is not well"):
            await provider.verify()
    async with aiohttp.ClientSession() as session:
        gone = AcmeDnsProvider("http://127.0.0.1:1", read_accounts(ACCOUNTS), session)
        with pytest.raises(Transient, match=r"acme-dns at 127\.0\.0\.1: .*127\.0\.0\.1:1"):
            await gone.present(RECORD)


@pytest.mark.parametrize("text", [b"", b"[]", b'{"home.test": {"password": "p-secret"}}', b"\xff"])
def test_accounts_that_cannot_be_read(text: bytes) -> None:
    with pytest.raises(ValueError, match="is not a mapping from domains to accounts") as caught:
        read_accounts(text)
    assert "p-secret" not in str(caught.value)


def test_accounts_do_not_show() -> None:
    assert "p-secret" not in repr(read_accounts(ACCOUNTS))


class Webhook:
    """An aggregated API as cert-manager's webhook server makes it."""

    def __init__(self) -> None:
        self.asked: list[Mapping[str, Any]] = []
        self.fails = ""
        self.status = 201

    async def create(self, request: web.Request) -> web.Response:
        payload = await request.json()
        self.asked.append(payload)
        response: dict[str, Any] = {"uid": payload["request"]["uid"], "success": not self.fails}
        if self.fails:
            response["status"] = {"metadata": {}, "status": "Failure", "message": self.fails}
        return web.json_response({**payload, "response": response}, status=self.status)

    async def discover(self, request: web.Request) -> web.Response:
        resources = [{"name": "mydns", "singularName": "", "namespaced": False, "kind": "ChallengePayload"}]
        return web.json_response({"kind": "APIResourceList", "resources": resources})


@contextlib.asynccontextmanager
async def webhook(server: Webhook, solver: WebhookSolver) -> AsyncIterator[WebhookProvider]:
    async def zone_of(name: str) -> str:
        return "home.test"

    path = "/apis/acme.example.org/v1alpha1"
    async with (
        serving(web.post(f"{path}/mydns", server.create), web.get(path, server.discover)) as url,
        Client(ClientConfig(server=url)) as client,
    ):
        yield WebhookProvider(solver, client=client, namespace="infra", zone_of=zone_of)


SOLVER = WebhookSolver(group_name="acme.example.org", solver_name="mydns", config={"region": "x"})


async def test_what_a_webhook_is_told() -> None:
    server = Webhook()
    async with webhook(server, SOLVER) as provider:
        await provider.present(RECORD)
        await provider.remove(RECORD)
        assert await provider.verify() == "the webhook acme.example.org/mydns is there"
    present, clean_up = server.asked
    assert present["apiVersion"] == "webhook.acme.cert-manager.io/v1alpha1"
    assert present["kind"] == "ChallengePayload"
    uid = present["request"].pop("uid")
    assert present["request"] == {
        "action": "Present",
        "type": "dns-01",
        "dnsName": "home.test",
        "key": VALUE,
        "resourceNamespace": "infra",
        "resolvedFQDN": "_acme-challenge.home.test.",
        "resolvedZone": "home.test.",
        "allowAmbientCredentials": False,
        "config": {"region": "x"},
    }
    assert clean_up["request"]["action"] == "CleanUp"
    assert clean_up["request"]["uid"] != uid


async def test_a_webhook_that_fails() -> None:
    server = Webhook()
    server.fails = "no such\n zone"
    async with webhook(server, SOLVER) as provider:
        with pytest.raises(Transient, match=r"acme\.example\.org/mydns could not Present: no such zone"):
            await provider.present(RECORD)


async def test_webhooks_that_are_not_there() -> None:
    other = WebhookSolver(group_name="acme.example.org", solver_name="other")
    async with webhook(Webhook(), other) as provider:
        with pytest.raises(Permanent, match=r"has no solver 'other' \(it has mydns\)"):
            await provider.verify()
    nobody = WebhookSolver(group_name="nobody.example.org", solver_name="mydns")
    async with webhook(Webhook(), nobody) as provider:
        for call in (provider.verify, lambda: provider.present(RECORD)):
            with pytest.raises(Permanent, match=r"knows no nobody\.example\.org/v1alpha1.*use exec"):
                await call()


async def test_an_api_server_that_is_away() -> None:
    async def zone_of(name: str) -> str:
        return "home.test"

    async with Client(ClientConfig(server="http://127.0.0.1:1")) as client:
        provider = WebhookProvider(SOLVER, client=client, namespace="infra", zone_of=zone_of)
        with pytest.raises(Unreachable):
            await provider.present(RECORD)
