"""The provider of a solver: made anew for each use, over connections and knowledge that are kept."""

import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final, NamedTuple

import aiohttp

from hearthgate.certificates.dns01.acme_dns import AcmeDnsProvider, read_accounts
from hearthgate.certificates.dns01.cloudflare import CloudflareProvider
from hearthgate.certificates.dns01.exec_hook import ExecProvider
from hearthgate.certificates.dns01.provider import Provider, ProviderProblem, ReadSecret
from hearthgate.certificates.dns01.rfc2136 import RFC2136Provider, read_key
from hearthgate.certificates.dns01.webhook import WebhookProvider
from hearthgate.certificates.settings import CertificateSettings
from hearthgate.cloudflare.client import CloudflareClient
from hearthgate.cloudflare.credentials import BadSecret, Credentials, account_key, token
from hearthgate.cloudflare.transport import API
from hearthgate.cloudflare.zones import ZoneFinder
from hearthgate.cluster.client import Client
from hearthgate.model.durations import parse_duration
from hearthgate.resources.certmanager.checks.issuer import read_nameserver
from hearthgate.resources.certmanager.solvers import DNS01, RFC2136, AcmeDNS, Cloudflare, ExecSolver

_MOST_ACCOUNTS: Final = 64


class _Account(NamedTuple):
    client: CloudflareClient
    zones: ZoneFinder


class Providers:
    """settings: read at each use. client: of the API that webhooks are called by. now: a clock. `close` it.

    cloudflare_url: of Cloudflare's API, or what stands in for it.
    """

    def __init__(
        self,
        settings: Callable[[], CertificateSettings],
        *,
        client: Client,
        now: Callable[[], datetime],
        cloudflare_url: str = API,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._client = client
        self._now = now
        self._cloudflare_url = cloudflare_url
        self._monotonic = monotonic
        self._accounts: dict[tuple[str, str], _Account] = {}
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        for account in self._accounts.values():
            await account.client.close()
        self._accounts.clear()
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def provider_of(
        self,
        solver: DNS01,
        secret: ReadSecret,
        *,
        namespace: str,
        zone_of: Callable[[str], Awaitable[str]],
    ) -> Provider:
        """Raises ProviderProblem. secret: reads references. namespace: of the solver's Secrets. zone_of: by
        resolvers, for providers that do not know."""
        if solver.cloudflare is not None:
            return await self._cloudflare(solver.cloudflare, secret)
        if solver.rfc2136 is not None:
            return _rfc2136(solver.rfc2136, secret)
        if solver.acme_dns is not None:
            return self._acme_dns(solver.acme_dns, secret)
        if solver.exec_ is not None:
            return self._exec(solver.exec_, zone_of)
        if solver.webhook is not None:
            return WebhookProvider(solver.webhook, client=self._client, namespace=namespace, zone_of=zone_of)
        raise ProviderProblem(
            "dns01", "has no provider that works here: use cloudflare, rfc2136, acmeDNS, webhook or exec"
        )

    async def _cloudflare(self, solver: Cloudflare, secret: ReadSecret) -> CloudflareProvider:
        account = await self._account(_credentials(solver, secret))
        return CloudflareProvider(account.client, account.zones, self._now)

    async def _account(self, credentials: Credentials) -> _Account:
        """One for each secret: what Cloudflare refuses for a while is refused to all that use it."""
        key = (credentials.email, credentials.secret.fingerprint())
        known = self._accounts.get(key)
        if known is None:
            if len(self._accounts) >= _MOST_ACCOUNTS:
                oldest = self._accounts.pop(next(iter(self._accounts)))
                await oldest.client.close()
            client = CloudflareClient(credentials, base_url=self._cloudflare_url, monotonic=self._monotonic)
            known = self._accounts[key] = _Account(client, ZoneFinder(client, self._monotonic))
        return known

    def _acme_dns(self, solver: AcmeDNS, secret: ReadSecret) -> AcmeDnsProvider:
        field = "dns01.acmeDNS.accountSecretRef"
        try:
            accounts = read_accounts(secret(field, solver.account_secret_ref).reveal())
        except ValueError as error:
            raise ProviderProblem(field, str(error)) from None
        if not solver.host.startswith(("https://", "http://")):
            raise ProviderProblem("dns01.acmeDNS.host", f"{solver.host!r} is no URL: https://... is wanted")
        return AcmeDnsProvider(solver.host, accounts, self._opened())

    def _exec(self, solver: ExecSolver, zone_of: Callable[[str], Awaitable[str]]) -> ExecProvider:
        program = solver.command[0] if solver.command else ""
        if program not in self._settings().dns01_exec.allowed:
            raise ProviderProblem(
                "dns01.exec.command[0]",
                f"{program!r} is not allowed: whoever runs this program may add it to "
                "certificates.dns01Exec.allowed of its settings",
            )
        return ExecProvider(solver.command, seconds=parse_duration(solver.timeout), zone_of=zone_of)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(), headers={"User-Agent": "hearthgate"}, trust_env=True
            )
        return self._session


def _credentials(solver: Cloudflare, secret: ReadSecret) -> Credentials:
    field = "dns01.cloudflare"
    try:
        if solver.api_token_secret_ref is not None:
            field = "dns01.cloudflare.apiTokenSecretRef"
            return token(secret(field, solver.api_token_secret_ref))
        if solver.api_key_secret_ref is not None:
            field = "dns01.cloudflare.apiKeySecretRef"
            return account_key(solver.email, secret(field, solver.api_key_secret_ref))
    except BadSecret as error:
        raise ProviderProblem(field, str(error)) from None
    raise ProviderProblem(field, "needs apiTokenSecretRef, or apiKeySecretRef and email")


def _rfc2136(solver: RFC2136, secret: ReadSecret) -> RFC2136Provider:
    where = read_nameserver(solver.nameserver)
    if where is None:
        raise ProviderProblem("dns01.rfc2136.nameserver", f"{solver.nameserver!r} is not host or host:port")
    key = None
    if solver.tsig_secret_secret_ref is not None:
        field = "dns01.rfc2136.tsigSecretSecretRef"
        value = secret(field, solver.tsig_secret_secret_ref)
        try:
            key = read_key(solver.tsig_key_name, value.reveal(), solver.tsig_algorithm)
        except ValueError as error:
            raise ProviderProblem(field, str(error)) from None
    return RFC2136Provider(*where, key=key, tcp=solver.protocol == "TCP")
