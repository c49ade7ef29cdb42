"""Password checks that do not stop the event loop: in threads, one at a time for equal ones, remembered."""

import asyncio
import os
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from typing import Final

from hearthgate.ingress.auth.passwords import verify
from hearthgate.ingress.auth.tables import PasswordTable
from hearthgate.ingress.middlewares.credentials import HashKind
from hearthgate.model.errors import Transient

THREADS: Final = 2
MAX_WAITING: Final = 64
"""At bcrypt's usual cost these are done within the proxy's patience; more would keep everybody waiting."""
MAX_REMEMBERED: Final = 1024


class Verifier:
    """Successful checks are remembered under a keyed hash, so that bcrypt costs its 60 ms once per client and
    not with each request; failed ones never."""

    def __init__(self) -> None:
        self._key = os.urandom(32)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="hearthgate-passwords")
        self._running: dict[bytes, asyncio.Future[bool]] = {}
        self._remembered: OrderedDict[bytes, str] = OrderedDict()
        self.checks = 0
        """How many passwords were checked, not remembered."""

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._remembered.clear()

    def forget(self, tables: Mapping[str, object]) -> None:
        """Drops what is remembered of other tables than these."""
        for digest, path in list(self._remembered.items()):
            if path not in tables:
                del self._remembered[digest]

    async def verify(self, path: str, table: PasswordTable, name: str, password: bytes) -> bool:
        """Whether the password is right; an unknown name costs as much as a known one. Raises Transient when
        too many checks wait."""
        digest = self._digest(path, name, password)
        if digest in self._remembered:
            self._remembered.move_to_end(digest)
            return True
        running = self._running.get(digest)
        if running is None:
            if len(self._running) >= MAX_WAITING:
                raise Transient("too many passwords wait to be checked")
            running = asyncio.ensure_future(self._check(digest, path, table, name, password))
            self._running[digest] = running
        # A client that leaves must not take the check away from the others that wait for it.
        return await asyncio.shield(running)

    async def _check(self, digest: bytes, path: str, table: PasswordTable, name: str, password: bytes) -> bool:
        user = table.users.get(name)
        candidate = user or table.decoy
        self.checks += 1
        try:
            if candidate.kind is HashKind.SHA:
                right = verify(candidate, password)
            else:
                loop = asyncio.get_running_loop()
                right = await loop.run_in_executor(self._threads, verify, candidate, password)
        finally:
            del self._running[digest]
        if user is None or not right:
            return False
        self._remembered[digest] = path
        if len(self._remembered) > MAX_REMEMBERED:
            self._remembered.popitem(last=False)
        return True

    def _digest(self, path: str, name: str, password: bytes) -> bytes:
        content = b"\0".join((path.encode(), name.encode("utf-8", "surrogateescape"), password))
        return blake2b(content, key=self._key, digest_size=32).digest()
