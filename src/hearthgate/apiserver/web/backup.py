"""`POST /hearthgate.dev/backup`: the whole state as one file, made while all goes on; for administrators."""

import asyncio
import errno
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from aiohttp import web

from hearthgate.apiserver.backup.make import DATABASE, pack, workplace
from hearthgate.apiserver.errors import ApiError
from hearthgate.apiserver.store.store import Store
from hearthgate.model.errors import Permanent, Transient

PATH: Final = "/hearthgate.dev/backup"
_CHUNK: Final = 1 << 18


class BackupServing:
    """Makes one backup at a time. Not sealed: that is done where the passphrase is."""

    def __init__(self, store: Store, state: Path, now: Callable[[], datetime]) -> None:
        self._store = store
        self._state = state
        self._now = now
        self._one = asyncio.Lock()

    async def answer(self, request: web.Request) -> web.StreamResponse | None:
        """None when something else is asked for. Raises ApiError before the first byte is sent."""
        if (request.method, request.path) != ("POST", PATH):
            return None
        async with self._one:
            try:
                with workplace(self._state) as folder:
                    return await _send(request, await self._archive(folder))
            except Permanent as error:
                raise ApiError(500, "InternalError", str(error)) from error
            except Transient as error:
                raise ApiError(503, "ServiceUnavailable", str(error)) from error
            except OSError as error:
                if isinstance(error, ConnectionError):
                    raise
                raise _refused(error) from error

    async def _archive(self, folder: Path) -> Path:
        """When the client leaves, what threads have begun is awaited: the folder is theirs until then."""
        task = asyncio.create_task(self._make(folder))
        try:
            return await asyncio.shield(task)
        finally:
            if not task.done():
                await asyncio.wait([task])

    async def _make(self, folder: Path) -> Path:
        await self._store.copy(folder / DATABASE)
        return await asyncio.to_thread(pack, self._state, folder, self._now())


async def _send(request: web.Request, archive: Path) -> web.StreamResponse:
    response = web.StreamResponse(
        headers={"Content-Type": "application/octet-stream", "Cache-Control": "no-cache, private"}
    )
    with archive.open("rb") as file:
        response.content_length = os.fstat(file.fileno()).st_size
        await response.prepare(request)
        while chunk := await asyncio.to_thread(file.read, _CHUNK):
            await response.write(chunk)
    await response.write_eof()
    return response


def _refused(error: OSError) -> ApiError:
    if error.errno == errno.ENOSPC:
        message = "the disk of the state folder has no room for a copy of the state: no backup was made"
        return ApiError(507, "InsufficientStorage", message)
    return ApiError(500, "InternalError", f"no backup was made: {error.strerror}")
