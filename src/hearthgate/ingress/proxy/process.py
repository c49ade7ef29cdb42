"""Keeps one Envoy running: starts or adopts it, restarts it when it dies, drains it at the end.

Envoy outlives a control plane that is killed. The next one finds it in the process table. When nothing that
needs a restart has changed it is adopted: it keeps its connections and is sent nothing that it has. Otherwise a
new Envoy is started beside it on the same ports, and the old one is drained once the new one serves.
"""

import asyncio
import contextlib
import os
import resource
import tempfile
from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Final

import structlog

from hearthgate.ingress.proxy.admin import Admin
from hearthgate.ingress.proxy.binary import envoy_path, envoy_version
from hearthgate.ingress.proxy.bootstrap import BootstrapOptions, bootstrap
from hearthgate.ingress.proxy.child import Child, Found, adopt, find_ours, spawn
from hearthgate.ingress.proxy.drain import drain, terminate
from hearthgate.ingress.proxy.envoy_log import LOG_FORMAT, LogReader
from hearthgate.ingress.proxy.envoy_output import OutputReader
from hearthgate.model.errors import Permanent, Transient

log = structlog.get_logger(__name__)

_FLAGS: Final = (
    *("--disable-hot-restart", "--skip-deprecated-logs"),
    # Our messages are made from this very binary's descriptors: looking for unknown fields in each of them is a
    # third of the time that a change of routes takes.
    "--ignore-unknown-dynamic-fields",
    *("--component-log-level", "misc:error"),  # it warns of work in progress in protos at every update
    *("--file-flush-interval-msec", "1000"),
    *("--drain-time-s", "10", "--drain-strategy", "immediate"),
    *("--log-format", LOG_FORMAT),
)
_START_TIMEOUT: Final = 10.0
_REPLACE_TIMEOUT: Final = 60.0
_VALIDATE_TIMEOUT: Final = 30.0
_STABLE: Final = 30.0
_FIRST_DELAY: Final = 0.25
_LONGEST_DELAY: Final = 10.0


def restart_delay(failures: int) -> float:
    """Seconds before the next start after `failures` short lives in a row: none at first, then doubling."""
    return 0.0 if failures == 0 else min(_FIRST_DELAY * 2.0 ** min(failures - 1, 30), _LONGEST_DELAY)


class Proxy:
    """The Envoy of one state folder.

    folder: Envoy's own files: bootstrap, admin socket, log pipe. Two proxies never share one.
    concurrency: worker threads; None = one for each processor. grace: seconds to drain.
    on_exit: told the exit status (None if unknown) whenever Envoy dies by itself, before it is restarted.
    on_start: told before an Envoy is started, and not when one is adopted.
    """

    def __init__(
        self,
        folder: Path,
        options: BootstrapOptions,
        *,
        concurrency: int | None = None,
        grace: float = 10.0,
        log_level: str = "warning",
        on_exit: Callable[[int | None], None] = lambda _: None,
        on_start: Callable[[], None] = lambda: None,
    ) -> None:
        self._folder = folder.absolute()
        self._binary = envoy_path().resolve()
        workers = concurrency or len(os.sched_getaffinity(0))
        self._flags = (*_FLAGS, "--concurrency", str(workers), "-l", log_level)
        key = _key(bootstrap(options, admin_socket=Path("admin.sock")), self._binary, self._flags)
        self._bootstrap = self._folder / f"bootstrap-{key}.json"
        self._admin = Admin(_admin_socket(self._bootstrap))
        self._config = bootstrap(options, admin_socket=self._admin.socket)
        self.grace = grace
        self._on_exit = on_exit
        self._on_start = on_start
        self._hurried = asyncio.Event()
        self._log = LogReader(self._folder / "envoy.log")
        self._output = OutputReader(self._folder / "envoy.out")
        self._child: Child | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._old: list[tuple[Child, Admin]] = []
        self.restarts = 0

    @property
    def pid(self) -> int | None:
        """The process id while Envoy runs."""
        return None if self._child is None or self._child.exited.is_set() else self._child.pid

    @property
    def adopted(self) -> bool:
        """Whether the running Envoy was started by an earlier control plane."""
        return self._child is not None and self._child.adopted

    async def start(self) -> None:
        """Returns once Envoy runs and its admin interface answers; it serves when `ready`. Raises Permanent."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._folder.chmod(0o700)
        except OSError as error:
            raise Permanent(f"cannot make the folder for envoy: {error}") from error
        self._log.start()
        self._output.start()
        try:
            await self._adopt_or_spawn()
        except BaseException:
            await self._end_all(grace=0.0)
            raise
        self._tasks = [asyncio.create_task(self._supervise())]
        if self._old:
            self._tasks.append(asyncio.create_task(self._replace_old()))
        for task in self._tasks:
            task.add_done_callback(_report_fault)

    async def stop(self) -> None:
        """Drains and ends Envoy, whatever state it is in."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        await self._end_all(grace=self.grace)

    def hurry(self) -> None:
        """Cuts short the drain that is under way, or will be: requests that are not done are lost."""
        self._hurried.set()

    async def ready(self) -> bool:
        """Whether Envoy serves its first complete configuration."""
        return await self.state() == "LIVE"

    async def state(self) -> str:
        """Envoy's own word on its state, such as `LIVE` or `INITIALIZING`; `DOWN` when it does not answer."""
        try:
            return await self._admin.state()
        except Transient:
            return "DOWN"

    async def stats(self, pattern: str) -> str:
        """Envoy's stats whose names match, in Prometheus' text format. Raises Transient."""
        return await self._admin.stats(pattern)

    async def reopen_logs(self) -> None:
        """Has Envoy open the files of access logs anew. Raises Transient."""
        await self._admin.reopen_logs()

    async def _adopt_or_spawn(self) -> None:
        for found in find_ours(self._folder):
            child = adopt(found)
            if child is None:
                continue
            if self._child is None and await self._is_adoptable(found):
                self._child = child
                log.info("envoy still serves, adopting it", pid=child.pid)
            elif found.bootstrap == self._bootstrap:
                log.warning("envoy does not answer, ending it", pid=child.pid)
                await terminate(child)
            else:
                log.info("envoy runs with an older bootstrap, replacing it", pid=child.pid)
                self._old.append((child, Admin(_admin_socket(found.bootstrap))))
        self._remove_stale_files()
        if self._child is None:
            self._child = self._spawn()
            await self._await_admin(self._child)

    async def _is_adoptable(self, found: Found) -> bool:
        """A bootstrap file that is gone means that its Envoy has been told to drain."""
        if found.bootstrap != self._bootstrap or found.executable != str(self._binary):
            return False
        return self._bootstrap.exists() and await self.state() != "DOWN"

    def _spawn(self) -> Child:
        try:
            with contextlib.suppress(FileNotFoundError):
                self._admin.socket.unlink()
            descriptor = os.open(self._bootstrap, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(self._config)
        except OSError as error:
            raise Permanent(f"cannot write envoy's bootstrap: {error}") from error
        self._on_start()
        arguments = (str(self._binary), "-c", str(self._bootstrap), *self._flags)
        child = spawn(arguments, log_pipe=self._folder / "envoy.log", output_pipe=self._folder / "envoy.out")
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        with contextlib.suppress(OSError):  # it may have exited; fewer files mean fewer connections, not none
            resource.prlimit(child.pid, resource.RLIMIT_NOFILE, (most, most))
        log.info("envoy started", pid=child.pid, version=envoy_version())
        return child

    async def _await_admin(self, child: Child) -> None:
        try:
            async with asyncio.timeout(_START_TIMEOUT):
                while await self.state() == "DOWN":
                    if await child.wait(0.01):
                        await validate_bootstrap(self._config)
                        raise Permanent(f"envoy exits at once, with status {child.status}; its log says why")
        except TimeoutError as error:
            raise Permanent(f"envoy does not answer within {_START_TIMEOUT:g} s of its start") from error

    async def _supervise(self) -> None:
        clock = asyncio.get_running_loop().time
        failures = 0
        while (child := self._child) is not None:
            began = clock()
            await child.exited.wait()
            failures = 0 if clock() - began > _STABLE else failures
            delay = restart_delay(failures)
            log.error("envoy exited, restarting it", pid=child.pid, status=child.status, delay=delay)
            self._on_exit(child.status)
            await asyncio.sleep(delay)
            failures += 1
            try:
                self._child = self._spawn()
            except Permanent as error:
                log.error("envoy cannot be restarted", error=str(error))
            else:
                self.restarts += 1

    async def _replace_old(self) -> None:
        """Drains the older ones once the new one serves, or could have."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_REPLACE_TIMEOUT):
                while not await self.ready():  # noqa: ASYNC110 - Envoy tells nobody, it must be asked
                    await asyncio.sleep(0.05)
        await asyncio.gather(*(drain(child, admin, grace=self.grace) for child, admin in self._old))
        self._old = []
        self._remove_stale_files()

    async def _end_all(self, *, grace: float) -> None:
        everyone = [*self._old, *([(self._child, self._admin)] if self._child else [])]
        self._bootstrap.unlink(missing_ok=True)  # whoever finds this Envoy from now on must not adopt it
        running = [(child, admin) for child, admin in everyone if not child.exited.is_set()]
        if grace:
            await self._drain(running)
        await asyncio.gather(*(terminate(child) for child, _ in running if not child.exited.is_set()))
        self._child, self._old = None, []
        self._remove_stale_files()
        self._log.stop()
        self._output.stop()

    async def _drain(self, running: Sequence[tuple[Child, Admin]]) -> None:
        """Returns when they have ended, or somebody is in a hurry."""
        drains = [asyncio.ensure_future(drain(child, admin, grace=self.grace)) for child, admin in running]
        hurried = asyncio.ensure_future(self._hurried.wait())
        hurried.add_done_callback(lambda _: [one.cancel() for one in drains])
        try:
            for fault in await asyncio.gather(*drains, return_exceptions=True):
                if isinstance(fault, Exception):
                    log.critical("a fault of ours ended a drain", exc_info=fault)
        finally:
            hurried.cancel()

    def _remove_stale_files(self) -> None:
        """Removes bootstraps and admin sockets of Envoys that are no more."""
        live = {found.bootstrap for found in find_ours(self._folder)}
        for file in self._folder.glob("bootstrap-*.json"):
            if file not in live:
                file.unlink(missing_ok=True)
        sockets = {_admin_socket(file) for file in live}
        for file in self._folder.glob("admin-*.sock"):
            if file not in sockets:
                file.unlink(missing_ok=True)


async def validate_bootstrap(config: bytes) -> None:
    """Has Envoy check a complete configuration without serving it. Raises Permanent with Envoy's reason."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        file.write(config)
        file.flush()
        arguments = ("--mode", "validate", "-c", file.name, "--disable-hot-restart", "-l", "error")
        process = await asyncio.create_subprocess_exec(
            envoy_path(), *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        try:
            async with asyncio.timeout(_VALIDATE_TIMEOUT):
                output, _ = await process.communicate()
        except TimeoutError as error:
            process.kill()
            await process.wait()
            raise Permanent("envoy did not finish checking the configuration") from error
    if process.returncode != 0:
        lines = [line for line in output.decode(errors="replace").splitlines() if line.strip()]
        raise Permanent(
            f"envoy refuses the configuration: {lines[-1].strip(': ') if lines else 'no reason given'}"
        )


def _report_fault(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (fault := task.exception()):
        log.critical("a fault of ours ended the watch over envoy", exc_info=fault)


def _admin_socket(bootstrap_file: Path) -> Path:
    return bootstrap_file.with_name(f"{bootstrap_file.stem.replace('bootstrap', 'admin')}.sock")


def _key(config: bytes, binary: Path, flags: Sequence[str]) -> str:
    """The hash of all that a running Envoy cannot change."""
    state = binary.stat()
    identity = repr((envoy_version(), str(binary), state.st_size, state.st_mtime_ns, flags)).encode()
    return blake2b(config + identity, digest_size=8).hexdigest()
