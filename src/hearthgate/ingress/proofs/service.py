"""Takes the handshakes of CAs from the proxy: connections that offer the protocol `acme-tls/1`.

Envoy could show certificates on demand itself, but it asks for them by the very name that the client sent, which
is also the name of the site's own certificate; it has no way to tell the two apart. So it hands these connections
on unread, and a Challenge that comes or goes changes nothing in the proxy.
"""

import asyncio
import os
import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import structlog

from hearthgate.ingress.proofs.certificate import PROTOCOL, ProofPair, proof_pair, server_name
from hearthgate.ingress.routing.model import Proof, ProofKind

log = structlog.get_logger(__name__)

_PATIENCE: Final = 10.0
"""Seconds for a handshake."""


class ProofService:
    """socket: where the proxy brings connections."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._contexts: dict[str, tuple[Proof, ssl.SSLContext]] = {}
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listens; the folder of the socket lets nobody else in."""
        self._socket.unlink(missing_ok=True)
        context = _context()
        context.sni_callback = self._choose
        self._server = await asyncio.start_unix_server(
            self._proved, str(self._socket), ssl=context, ssl_handshake_timeout=_PATIENCE
        )
        self._socket.chmod(0o600)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
            self._socket.unlink(missing_ok=True)

    def update(self, proofs: Iterable[Proof]) -> None:
        """Gives exactly these from now on. Of several for one host, which only a second Order can bring, the last
        by token: the others' Orders fail and are made again."""
        wanted = {server_name(proof): proof for proof in proofs if proof.kind is ProofKind.TLS_ALPN}
        kept = {name: known for name, known in self._contexts.items() if wanted.get(name) == known[0]}
        new = {name: (proof, _context(proof_pair(proof))) for name, proof in wanted.items() if name not in kept}
        self._contexts = kept | new

    def _choose(self, connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> int | None:
        found = self._contexts.get((name or "").lower().removesuffix("."))
        if found is None:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        proof, connection.context = found
        log.info("a CA looks for a proof", kind=proof.kind.value, host=proof.host)
        return None

    def _proved(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The handshake is all that a CA wants (RFC 8737 3)."""
        writer.close()


def _context(pair: ProofPair | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols([PROTOCOL])
    if pair is not None:
        _load(context, pair)
    return context


def _load(context: ssl.SSLContext, pair: ProofPair) -> None:
    """Python reads certificates from files only; this one is in memory."""
    file = os.memfd_create("proof", os.MFD_CLOEXEC)
    try:
        os.write(file, pair.chain + pair.key)
        context.load_cert_chain(f"/proc/self/fd/{file}")
    finally:
        os.close(file)
