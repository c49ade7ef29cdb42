"""Ends an Envoy so that no request under way is cut: ask clients to leave, stop listening, wait, terminate."""

import asyncio
import signal
from typing import Final

import structlog

from hearthgate.ingress.proxy.admin import Admin
from hearthgate.ingress.proxy.child import Child
from hearthgate.model.errors import Transient

log = structlog.get_logger(__name__)

_TERM_TIMEOUT: Final = 3.0
_POLL: Final = 0.05
_QUIET_POLLS: Final = 3
"""Looks in a row that must find no request: a client may be between two of them."""


async def drain(child: Child, admin: Admin, *, grace: float) -> bool:
    """Ends `child` once its requests are done, or `grace` seconds have passed. True: none was cut.

    Connections are accepted for half of that time at most, as long as requests are under way: who still comes
    is served. Then the ports are closed.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + grace
    try:
        await admin.drain()
        await _until_quiet(child, admin, (loop.time() + end) / 2)
        await admin.stop_listening()
        quiet = await _until_quiet(child, admin, end)
    except Transient as error:
        quiet = child.exited.is_set()
        if not quiet:
            log.warning("envoy cannot be drained", pid=child.pid, error=str(error))
    if not quiet:
        log.warning("ending envoy with requests under way", pid=child.pid, grace=grace)
    await terminate(child)
    return quiet


async def terminate(child: Child) -> None:
    """Ends `child` now, by force if it does not obey."""
    child.send(signal.SIGTERM)
    if not await child.wait(_TERM_TIMEOUT):
        log.warning("envoy ignores SIGTERM, killing it", pid=child.pid)
        child.send(signal.SIGKILL)
        await child.wait(_TERM_TIMEOUT)


async def _until_quiet(child: Child, admin: Admin, deadline: float) -> bool:
    """Whether no request is under way before `deadline` (of the event loop's clock)."""
    loop = asyncio.get_running_loop()
    quiet = 0
    while not child.exited.is_set():
        quiet = 0 if await admin.active_requests() else quiet + 1
        if quiet >= _QUIET_POLLS:
            return True
        if loop.time() >= deadline:
            return False
        await child.wait(_POLL)
    return True
