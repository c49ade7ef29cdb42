"""The certificates of the running API: the server's and the first administrator's, renewed before they end.

A server that runs for years must not lock its owner out: new connections get the new certificate, those that are
open keep the old one.
"""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, Self

import structlog

from hearthgate.apiserver.access.authority import Authority, KeyPair
from hearthgate.apiserver.access.kubeconfig import write_kubeconfig

PKI_FOLDER: Final = "pki"
_LOOK_EVERY: Final = 3600.0

_log = structlog.get_logger(__name__)


class Certificates:
    """`tls` is the context that the server listens with: what is renewed is loaded into it."""

    def __init__(
        self, folder: Path, authority: Authority, names: Sequence[str], now: Callable[[], datetime]
    ) -> None:
        self._folder = folder
        self._authority = authority
        self._names = tuple(names)
        self._now = now
        self._loaded: KeyPair | None = None
        self.tls = _context(authority)
        self._renew_server()

    @classmethod
    def load(cls, state: Path, names: Sequence[str], now: Callable[[], datetime]) -> Self:
        """Those kept in the state folder, or new ones. Blocks; raises Permanent when one cannot be read."""
        folder = state / PKI_FOLDER
        return cls(folder, Authority.load(folder, now()), names, now)

    def renew(self, kubeconfig: Path, url: str) -> None:
        """Writes what is about to end anew, and the kubeconfig when it does not say `url`. Blocks."""
        self._renew_server()
        write_kubeconfig(kubeconfig, url, self._authority, self._now())

    async def run(self, kubeconfig: Path, url: str) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            await asyncio.to_thread(self.renew, kubeconfig, url)

    def _renew_server(self) -> None:
        pair = self._authority.server(self._folder, self._names, self._now())
        if pair == self._loaded:
            return
        if self._loaded is not None:
            _log.info("the certificate of the API was renewed")
        self.tls.load_cert_chain(self._folder / "server.crt", self._folder / "server.key")
        self._loaded = pair


def _context(authority: Authority) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=authority.certificate.decode())
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.verify_mode = ssl.CERT_OPTIONAL
    return context
