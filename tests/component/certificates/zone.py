"""A DNS provider in memory, for tests of what is written and removed when."""

from collections.abc import Awaitable, Callable

from hearthgate.certificates.dns01.asking import Asker
from hearthgate.certificates.dns01.propagation import Propagation
from hearthgate.certificates.dns01.provider import ReadSecret, Record
from hearthgate.certificates.dns01.providers import Providers
from hearthgate.certificates.orders.proofs import Seen
from hearthgate.certificates.settings import CertificateSettings
from hearthgate.cluster.client import Client
from hearthgate.cluster.config import ClientConfig
from hearthgate.cluster.status import now_utc
from hearthgate.resources.certmanager.solvers import DNS01

_NO_CLIENT = Client(ClientConfig(server="http://127.0.0.1:1"))


class Zone(Providers):
    """records: (name, value). step: called after each write. It wants the Secret of a Cloudflare solver."""

    def __init__(self, step: Callable[[str], Awaitable[None]] | None = None) -> None:
        super().__init__(CertificateSettings, client=_NO_CLIENT, now=now_utc)
        self.records: set[tuple[str, str]] = set()
        self.written = 0
        self._step = step
        self.fails: Exception | None = None

    async def provider_of(self, solver: DNS01, secret: ReadSecret, **_: object) -> "Zone":
        assert solver.cloudflare is not None
        assert solver.cloudflare.api_token_secret_ref is not None
        secret("cloudflare.apiTokenSecretRef", solver.cloudflare.api_token_secret_ref)
        return self

    async def present(self, record: Record) -> None:
        if self.fails is not None:
            raise self.fails
        self.records.add(record[:2])
        self.written += 1
        await self._stepped("present")

    async def remove(self, record: Record) -> None:
        if self.fails is not None:
            raise self.fails
        self.records.discard(record[:2])
        await self._stepped("remove")

    async def zone_of(self, name: str) -> str:
        return "test"

    async def verify(self) -> str:
        return "good"

    async def _stepped(self, name: str) -> None:
        if self._step is not None:
            await self._step(name)


class SeenAtOnce(Propagation):
    """Whatever was written is seen."""

    def __init__(self) -> None:
        super().__init__(Asker())

    async def seen(self, *_: object, **__: object) -> Seen:
        return Seen(True, "seen")
