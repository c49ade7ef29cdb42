"""Looks for news and tells them. What was told is kept in a ConfigMap, so that a restart repeats nothing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from functools import partial
from typing import Final

import aiohttp
import msgspec
import structlog

from hearthgate.certificates.notify.news import Notice, Told, news, next_look
from hearthgate.certificates.notify.senders import send_email, send_ntfy, send_webhook
from hearthgate.certificates.notify.settings import Notification
from hearthgate.certificates.tools import Tools
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.model.errors import HearthgateError, Transient
from hearthgate.resources.certmanager import Certificate
from hearthgate.resources.certmanager.references import SecretKeyRef
from hearthgate.resources.core import ConfigMap, Secret
from hearthgate.resources.meta import Resource
from hearthgate.resources.registry import BY_TYPE

log = structlog.get_logger(__name__)

KINDS: Final[tuple[type[Resource], ...]] = (Certificate, ConfigMap, Secret)
NAME: Final = "hearthgate-notifications"
"""The ConfigMap."""
TRIES: Final = 3
SETTLE: Final = 5.0
"""Seconds after a change: an attempt that fails and succeeds at once is no news."""
TRY_AGAIN: Final = 300.0
_KEY: Final = "told"
_BETWEEN: Final = 10.0


class Notifier:
    """Runs beside the reconcilers."""

    def __init__(self, tools: Tools, *, settle: float = SETTLE, between: float = _BETWEEN) -> None:
        self._tools = tools
        self._settle = settle
        self._between = between
        self._snapshot: Snapshot | None = None
        self._changed = asyncio.Event()
        self._told: Mapping[str, Told] | None = None

    async def run(self, snapshots: AsyncIterator[Snapshot]) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._work())
            async for snapshot in snapshots:
                before, self._snapshot = self._snapshot, snapshot
                if before is None or before.collection(Certificate) is not snapshot.collection(Certificate):
                    self._changed.set()

    async def tell(self, notice: Notice) -> tuple[str, ...]:
        """By every way that is set for the occasion. Returns what went wrong, for people."""
        troubles: list[str] = []
        async with aiohttp.ClientSession(trust_env=True) as session:
            for notification in self._tools.settings.notifications:
                if notice.occasion in notification.on:
                    troubles.extend(await self._by(session, notification, notice))
        return tuple(troubles)

    async def _work(self) -> None:
        await self._changed.wait()
        while True:
            await asyncio.sleep(self._settle)
            self._changed.clear()
            wait = await self._look()
            try:
                async with asyncio.timeout(wait):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _look(self) -> float:
        """Tells what is new. Returns the seconds until the clock may bring more."""
        snapshot = self._snapshot
        if snapshot is None or not self._tools.settings.notifications:
            return 3600.0
        certificates, now = snapshot.all(Certificate), self._tools.now()
        known = self._told if self._told is not None else self._read(snapshot)
        notices, after = news(certificates, known, now)
        failed = {notice.certificate for notice in notices if not await self._is_told(notice)}
        # What nobody could be told is news again at the next look.
        kept = {name: told for name, told in after.items() if name not in failed}
        kept.update({name: known[name] for name in failed if name in known})
        self._told = kept
        if kept != known:
            await self._keep(kept)
        return TRY_AGAIN if failed else next_look(certificates, now)

    async def _is_told(self, notice: Notice) -> bool:
        troubles = await self.tell(notice)
        for trouble in troubles:
            log.warning("notification not delivered", certificate=notice.certificate, trouble=trouble)
        return not troubles

    async def _by(self, session: aiohttp.ClientSession, notification: Notification, notice: Notice) -> list[str]:
        troubles = []
        for way in self._ways(session, notification, notice):
            for attempt in range(TRIES):
                try:
                    await way()
                    break
                except Transient as error:
                    if attempt == TRIES - 1:
                        troubles.append(str(error))
                    else:
                        await asyncio.sleep(self._between * 2**attempt)
        return troubles

    def _ways(
        self, session: aiohttp.ClientSession, notification: Notification, notice: Notice
    ) -> Iterator[Callable[[], Awaitable[None]]]:
        if notification.webhook is not None:
            yield partial(send_webhook, session, notification.webhook, notice, self._secret)
        if notification.ntfy is not None:
            yield partial(send_ntfy, session, notification.ntfy, notice, self._secret)
        if notification.email is not None:
            yield partial(send_email, notification.email, notice, self._secret)

    def _secret(self, reference: SecretKeyRef) -> str:
        namespace = self._tools.settings.cluster_resource_namespace
        found = self._snapshot.get(Secret, namespace, reference.name) if self._snapshot is not None else None
        value = found.value(reference.key) if found is not None else None
        if value is None:
            raise Transient(f"Secret {namespace}/{reference.name} has no key {reference.key!r}")
        return value.reveal().decode(errors="replace").strip()

    def _read(self, snapshot: Snapshot) -> Mapping[str, Told]:
        found = snapshot.get(ConfigMap, self._tools.settings.cluster_resource_namespace, NAME)
        try:
            text = found.data.get(_KEY, "{}") if found is not None else "{}"
            return msgspec.json.decode(text, type=dict[str, Told])
        except msgspec.DecodeError:
            return {}

    async def _keep(self, told: Mapping[str, Told]) -> None:
        kind = BY_TYPE[ConfigMap]
        metadata = {"name": NAME, "namespace": self._tools.settings.cluster_resource_namespace}
        content = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata}
        text = msgspec.json.encode(told).decode()
        try:
            await self._tools.client.apply(kind, {**content, "data": {_KEY: text}}, manager="hearthgate-notify")
        except HearthgateError as error:
            log.warning("what was told cannot be kept: a restart will tell it again", error=str(error))
