"""Starts and stops the embedded API on one state folder."""

import asyncio
import contextlib
import ipaddress
import os
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog
from aiohttp import web

from hearthgate.apiserver.access.audit import AUDIT_FILE, AuditLog
from hearthgate.apiserver.access.certificates import Certificates
from hearthgate.apiserver.access.tokens import Tokens
from hearthgate.apiserver.access.users import Users
from hearthgate.apiserver.definitions import Definitions
from hearthgate.apiserver.endings import Endings
from hearthgate.apiserver.housekeeping import Housekeeping
from hearthgate.apiserver.objects import Objects
from hearthgate.apiserver.served import ServedKinds
from hearthgate.apiserver.store.store import Store
from hearthgate.apiserver.verbs import Verbs
from hearthgate.apiserver.web.api import Api
from hearthgate.apiserver.web.auditing import Auditing
from hearthgate.apiserver.web.backup import BackupServing
from hearthgate.apiserver.web.gate import Gate
from hearthgate.apiserver.web.logs import PodLogs
from hearthgate.disk.atomic import write_atomically
from hearthgate.model.errors import Permanent
from hearthgate.model.secret import SecretBytes

DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 6443
_SHUTDOWN_DEADLINE: Final = 2.0
_LINE_LIMIT: Final = 128 * 1024
"""Bytes of a request line or a header: tools choose hundreds of objects by name in one selector."""
_PAUSE_AFTER_CRASH: Final = 5.0
_FIRST_NAMESPACES: Final = ("default", "kube-system")

_log = structlog.get_logger(__name__)


class ApiServer:
    """`ready` gives what is still missing before the program serves, for `/readyz`.

    port: 0 takes the port of the last run if it is free, else any. logs: of the Pods that run here, if any do.
    audit: whether writes are logged.
    """

    def __init__(
        self,
        *,
        state: Path,
        host: str = DEFAULT_HOST,
        port: int = DEFAULT_PORT,
        ready: Callable[[], Sequence[str]] = tuple,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        logs: PodLogs | None = None,
        audit: bool = True,
    ) -> None:
        self._state = state
        self._logs = logs
        self._host = host
        self._port = port
        self._ready = ready
        self._now = now
        self._store: Store | None = None
        self._runner: web.AppRunner | None = None
        self._audits = audit
        self._audit: AuditLog | None = None
        self._chores: list[asyncio.Task[None]] = []
        self._objects: Objects | None = None
        self._tokens = Tokens()
        self.kubeconfig = state / "kubeconfig"
        self.url = ""

    @property
    def objects(self) -> Objects:
        """The way in for this process. Only while started."""
        assert self._objects is not None, "not started"  # noqa: S101
        return self._objects

    def issue_token(self, user: str) -> SecretBytes:
        """A bearer token with full access until the process ends; the one before of `user` ends now."""
        return self._tokens.issue(user)

    @property
    def authority(self) -> Path:
        """The certificate that clients trust. Only once started."""
        return self._state / "pki" / "ca.crt"

    async def start(self) -> None:
        """Raises Permanent when the state folder is in use or damaged, or the address is taken."""
        self._store = await Store.open(self._state)
        try:
            await self._serve(self._store)
        except BaseException:
            await self.stop()
            raise
        _log.info("api serving", url=self.url, kubeconfig=str(self.kubeconfig))

    async def stop(self) -> None:
        """Ends watches, finishes writes, leaves the state clean. Harmless when not started."""
        for task in self._chores:
            task.cancel()
        await asyncio.gather(*self._chores, return_exceptions=True)
        self._chores.clear()
        if self._store is not None:
            self._store.end_watches()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        if self._audit is not None:
            await asyncio.to_thread(self._audit.close)
            self._audit = None
        if self._store is not None:
            await self._store.close()
            self._store = None

    async def _serve(self, store: Store) -> None:
        served = ServedKinds()
        verbs = Verbs(store, self._now)
        definitions = Definitions(served, store)
        housekeeping = Housekeeping(store, verbs, Endings(store, self._now), served)
        store.observe(definitions.observe)
        store.observe(housekeeping.observe)
        self._objects = Objects(store, verbs, served)
        for name in _FIRST_NAMESPACES:
            await self._objects.create_namespace(name, manager="hearthgate-api")
        self._keep("housekeeping", housekeeping.run)
        certificates = await asyncio.to_thread(Certificates.load, self._state, _names(self._host), self._now)
        (self._state / "tokens.json").unlink(missing_ok=True)  # of a version that kept them
        gate = Gate(Users(self._state), self._tokens, served, self._now)
        self._keep("streams of those who left", gate.run)
        if self._audits:
            self._audit = AuditLog(self._state / AUDIT_FILE)
            self._audit.start()
        api = Api(
            store=store,
            verbs=verbs,
            gate=gate,
            auditing=Auditing(self._audit, self._now),
            ready=self._ready,
            served=served,
            now=self._now,
            logs=self._logs,
            backup=BackupServing(store, self._state, self._now),
        )
        self._runner = web.AppRunner(
            api.application(),
            access_log=None,
            handler_cancellation=True,
            shutdown_timeout=_SHUTDOWN_DEADLINE,
            keepalive_timeout=75,
            max_line_size=_LINE_LIMIT,
            max_field_size=_LINE_LIMIT,
        )
        await self._runner.setup()
        port = await self._listen(self._runner, certificates.tls)
        shown = f"[{self._host}]" if ":" in self._host else self._host
        if self._host in {"0.0.0.0", "::"}:  # noqa: S104 - recognised, not chosen
            shown = "127.0.0.1"
        self.url = f"https://{shown}:{port}"
        await asyncio.to_thread(certificates.renew, self.kubeconfig, self.url)
        self._keep("certificates", lambda: certificates.run(self.kubeconfig, self.url))

    def _keep(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        self._chores.append(asyncio.create_task(_kept_running(name, run), name=f"api {name}"))

    async def _listen(self, runner: web.AppRunner, tls: ssl.SSLContext) -> int:
        """The port that was taken."""
        kept = self._state / "port"
        wishes = [self._port] if self._port else [*_kept_port(kept), 0]
        for index, wish in enumerate(wishes):
            site = web.TCPSite(runner, self._host, wish, ssl_context=tls)
            try:
                await site.start()
            except OSError as error:
                await site.stop()
                if index + 1 < len(wishes):
                    continue
                reason = os.strerror(error.errno) if error.errno else str(error)
                raise Permanent(f"cannot listen on {self._host}:{wish} for the API: {reason}") from error
            port: int = runner.addresses[0][1]
            if _kept_port(kept) != [port]:
                with contextlib.suppress(OSError):  # a full disk: the next run may get another port, no more
                    write_atomically(kept, f"{port}\n".encode())
            return port
        raise AssertionError("there is always one wish")


async def _kept_running(name: str, run: Callable[[], Awaitable[None]]) -> None:
    """Starts it again when a bug of ours, or the disk, ends it: it looks at everything anew."""
    while True:
        try:
            await run()
        except Exception:
            _log.exception("a part of the API failed", part=name, again_in=_PAUSE_AFTER_CRASH)
        await asyncio.sleep(_PAUSE_AFTER_CRASH)


def _kept_port(path: Path) -> list[int]:
    try:
        return [int(path.read_text())]
    except (OSError, ValueError):
        return []


def _names(host: str) -> list[str]:
    """What clients on this machine may call the server."""
    names = {"localhost", "127.0.0.1", "::1", socket.gethostname().lower()}
    with contextlib.suppress(ValueError):
        if not ipaddress.ip_address(host).is_unspecified:
            names.add(host)
    return sorted(names)
