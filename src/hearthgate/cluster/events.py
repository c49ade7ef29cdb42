"""Writes core/v1 Events: the only voice towards users where a kind has no status.

The same reason and message about the same object is one Event with a count, found again by its name after a
restart. Floods are damped per object (client-go's spam filter). An Event is never worth a failure: whatever
happens here, the caller does not notice.
"""

import asyncio
import hashlib
import socket
from collections.abc import Callable
from datetime import datetime
from typing import Final, Literal, NamedTuple

import structlog

from hearthgate.cluster.client import Client, Object
from hearthgate.cluster.conditions import rfc3339
from hearthgate.cluster.errors import AlreadyExists, NotFound
from hearthgate.cluster.limits import TokenBucket
from hearthgate.cluster.queue import WorkQueue
from hearthgate.cluster.snapshot import RefusedObject, Subject
from hearthgate.cluster.status import now_utc
from hearthgate.model.errors import Permanent, Transient
from hearthgate.model.refs import ObjectRef
from hearthgate.resources.registry import BY_API_VERSION, BY_TYPE, KINDS

log = structlog.get_logger(__name__)

COMPONENT: Final = "hearthgate"
MAX_MESSAGE: Final = 1024
"""Bytes that the API allows in `message`."""
SPAM_BURST: Final = 25
SPAM_REFILL: Final = 1 / 300
"""Events about one object: so many at once, then one in five minutes."""
MAX_PENDING: Final = 2000
"""While the API server is away, no more than so many different Events are kept."""
_TRIES: Final = 12

_EVENT: Final = BY_API_VERSION["v1", "Event"]
_API_VERSIONS: Final = {kind.kind: kind.api_version for kind in KINDS}


class _Key(NamedTuple):
    """What makes two Events the same."""

    ref: ObjectRef
    uid: str
    type: str
    reason: str
    message: str

    def __str__(self) -> str:
        return f"{self.reason} about {self.ref}"

    @property
    def namespace(self) -> str:
        """Events of cluster-scoped objects live in `default`."""
        return self.ref.namespace or "default"

    @property
    def name(self) -> str:
        digest = hashlib.blake2b("\0".join(self[1:]).encode(), digest_size=8, person=b"hg-event").hexdigest()
        return f"{self.ref.name[:230].rstrip('.')}.{digest}"


class _Seen(NamedTuple):
    """Not written yet: how often and when."""

    times: int
    first: datetime
    last: datetime
    resource_version: str
    api_version: str


class EventWriter:
    """Takes Events; `run` writes them."""

    def __init__(
        self,
        client: Client,
        *,
        now: Callable[[], datetime] = now_utc,
        instance: str | None = None,
        queue: WorkQueue[_Key] | None = None,
    ) -> None:
        self._client = client
        self._now = now
        self._instance = instance or socket.gethostname()
        self._queue: WorkQueue[_Key] = queue or WorkQueue(first=0.5, most=30.0)
        self._pending: dict[_Key, _Seen] = {}
        self._tries: dict[_Key, int] = {}
        self._spam: dict[ObjectRef, TokenBucket] = {}
        self.dropped = 0

    def emit(
        self,
        subject: Subject,
        reason: str,
        message: str,
        *,
        type: Literal["Normal", "Warning"] = "Warning",  # noqa: A002
    ) -> None:
        """Reports something about an object. Never waits, never raises, and may drop the Event: too many about
        the object, or too many unwritten. The message must hold no secret; it is cut to what the API allows."""
        loop_time = asyncio.get_running_loop().time()
        ref, uid, version, api_version = _who(subject)
        key = _Key(ref, uid, type, reason, _cut(message))
        seen = self._pending.get(key)
        if (seen is None and len(self._pending) >= MAX_PENDING) or not self._allowed(ref, loop_time):
            self._drop(ref, reason)
            return
        now = self._now()
        self._pending[key] = (
            _Seen(1, now, now, version, api_version)
            if seen is None
            else seen._replace(times=seen.times + 1, last=now, resource_version=version)
        )
        self._queue.add(key)

    async def idle(self) -> None:
        """Returns when every Event taken is written or given up."""
        await self._queue.idle()

    async def run(self) -> None:
        """Runs for ever; cancel it to stop."""
        await self._queue.work(self._write)

    async def _write(self, key: _Key) -> None:
        seen = self._pending.pop(key, None)
        if seen is None:
            return
        try:
            await self._create_or_count(key, seen)
        except Transient:
            tries = self._tries.get(key, 0) + 1
            if tries >= _TRIES:
                self._tries.pop(key, None)
                self._drop(key.ref, key.reason)
                return
            self._tries[key] = tries
            self._restore(key, seen)
            raise
        except Permanent as error:
            self._tries.pop(key, None)
            log.debug("Event refused", ref=str(key.ref), reason=key.reason, error=str(error))
            return
        self._tries.pop(key, None)

    def _restore(self, key: _Key, seen: _Seen) -> None:
        newer = self._pending.get(key)
        self._pending[key] = (
            seen if newer is None else newer._replace(times=newer.times + seen.times, first=seen.first)
        )

    async def _create_or_count(self, key: _Key, seen: _Seen) -> None:
        try:
            await self._client.create(_EVENT, self._content(key, seen))
        except AlreadyExists:
            pass
        else:
            return
        try:
            known = await self._client.get(_EVENT, key.namespace, key.name)
            count = known.get("count")
            patch: Object = {
                "metadata": {"resourceVersion": known["metadata"].get("resourceVersion")},
                "count": (count if isinstance(count, int) else 1) + seen.times,
                "lastTimestamp": rfc3339(seen.last),
            }
            await self._client.merge_patch(_EVENT, key.namespace, key.name, patch)
        except NotFound:
            # Its hour was over between the two requests.
            await self._client.create(_EVENT, self._content(key, seen))

    def _content(self, key: _Key, seen: _Seen) -> Object:
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": key.name, "namespace": key.namespace},
            "involvedObject": {
                "apiVersion": seen.api_version,
                "kind": key.ref.kind,
                "namespace": key.ref.namespace,
                "name": key.ref.name,
                "uid": key.uid,
                "resourceVersion": seen.resource_version,
            },
            "type": key.type,
            "reason": key.reason,
            "message": key.message,
            "count": seen.times,
            "firstTimestamp": rfc3339(seen.first),
            "lastTimestamp": rfc3339(seen.last),
            "source": {"component": COMPONENT, "host": self._instance},
            "reportingComponent": COMPONENT,
            "reportingInstance": self._instance,
        }

    def _allowed(self, ref: ObjectRef, now: float) -> bool:
        bucket = self._spam.get(ref)
        if bucket is None:
            if len(self._spam) >= MAX_PENDING:
                self._spam = {known: spam for known, spam in self._spam.items() if not spam.is_full(now)}
            bucket = self._spam[ref] = TokenBucket(SPAM_REFILL, SPAM_BURST)
        return bucket.take(now)

    def _drop(self, ref: ObjectRef, reason: str) -> None:
        self.dropped += 1
        log.debug("Event dropped", ref=str(ref), reason=reason)


def _who(subject: Subject) -> tuple[ObjectRef, str, str, str]:
    if isinstance(subject, RefusedObject):
        return subject.ref, subject.uid, subject.resource_version, _API_VERSIONS.get(subject.ref.kind, "")
    metadata = subject.metadata
    return subject.ref, metadata.uid, metadata.resource_version, BY_TYPE[type(subject)].api_version


def _cut(message: str) -> str:
    encoded = message.encode()
    if len(encoded) <= MAX_MESSAGE:
        return message
    return encoded[: MAX_MESSAGE - 3].decode(errors="ignore") + "…"
