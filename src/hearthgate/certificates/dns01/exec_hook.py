"""TXT records by a program of the user: for every provider that is not built in.

    PROGRAM [ARGUMENTS] present|cleanup NAME. VALUE

The same stands in the environment (HEARTHGATE_ACTION, _FQDN, _VALUE, _TTL) and as JSON on its input. Exit status 0
is success. It gets no secret of ours, and nothing of our environment but PATH, HOME, LANG and TZ.
"""

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from hearthgate.certificates.dns01.provider import Record
from hearthgate.model.errors import Permanent, Transient

TAIL: Final = 400
"""Characters of its output that may stand in a status."""
_READ_AT_MOST: Final = 1 << 16
_LAST_WORDS: Final = 0.5
"""Seconds after its end in which all that it said must have been read."""
_INHERITED: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")
_LONG_WORD: Final = re.compile(r"[A-Za-z0-9+/_=.~-]{20,}")
"""Tokens, keys and the like are such; so are names, which is the price."""


class Ended(NamedTuple):
    """status: None when it took too long and was killed."""

    status: int | None
    tail: str


class ExecProvider:
    """command: absolute path and arguments. seconds: that it may take. zone_of: asks resolvers."""

    def __init__(
        self, command: Sequence[str], *, seconds: float, zone_of: Callable[[str], Awaitable[str]]
    ) -> None:
        self._command = tuple(command)
        self._seconds = seconds
        self._zone_of = zone_of

    async def present(self, record: Record) -> None:
        await self._run("present", record)

    async def remove(self, record: Record) -> None:
        await self._run("cleanup", record)

    async def zone_of(self, name: str) -> str:
        return await self._zone_of(name)

    async def verify(self) -> str:
        program = self._command[0]
        is_there = await asyncio.to_thread(lambda: Path(program).is_file() and os.access(program, os.X_OK))
        if not is_there:
            raise Permanent(f"dns01.exec.command[0]: {program} is no program that may be run here")
        return f"{program} is there"

    async def _run(self, action: str, record: Record) -> None:
        ended = await _ended(self._command, action, record, self._seconds)
        said = f": {ended.tail}" if ended.tail else ""
        if ended.status is None:
            raise Transient(f"{self._command[0]} {action} took more than {self._seconds:g} s and was killed{said}")
        if ended.status != 0:
            raise Transient(f"{self._command[0]} {action} ended with {ended.status}{said}")


async def _ended(command: Sequence[str], action: str, record: Record, seconds: float) -> Ended:
    name = f"{record.name}."
    told = {"action": action, "fqdn": name, "value": record.value, "ttl": record.ttl}
    output = bytearray()
    # Our own pipe: whatever the program leaves running may hold it open, and its end is not waited for.
    read, write = os.pipe()
    reading = asyncio.create_task(_keep_end(read, output))
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            action,
            name,
            record.value,
            stdin=asyncio.subprocess.PIPE,
            stdout=write,
            stderr=write,
            env=_environment(told),
            cwd="/",
            start_new_session=True,
        )
    except OSError as error:
        raise Permanent(f"dns01.exec.command[0]: {command[0]} cannot be started: {error.strerror}") from error
    finally:
        os.close(write)
    status: int | None = None
    try:
        async with asyncio.timeout(seconds):
            await process.communicate(msgspec.json.encode(told) + b"\n")
            status = process.returncode
    except TimeoutError:
        pass
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    await asyncio.wait((reading,), timeout=_LAST_WORDS)
    reading.cancel()
    return Ended(status, redacted_tail(bytes(output), record))


async def _keep_end(pipe: int, output: bytearray) -> None:
    """Reads until nobody can write any more."""
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(pipe, "rb", buffering=0)
    )
    try:
        while chunk := await reader.read(4096):
            output += chunk
            del output[:-_READ_AT_MOST]
    finally:
        transport.close()


def redacted_tail(output: bytes, record: Record) -> str:
    """The end of what it said, on one line, without long words that are not the record's: they may be secrets."""
    text = " ".join(output.decode("utf-8", "replace").split())[-4 * TAIL :]

    def shown(match: re.Match[str]) -> str:
        word = match.group()
        return word if word.rstrip(".") in (record.name, record.value) else "…"

    text = "".join(letter for letter in _LONG_WORD.sub(shown, text) if letter.isprintable())
    return text if len(text) <= TAIL else f"…{text[-TAIL + 1 :]}"


def _environment(told: Mapping[str, object]) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return kept | {f"HEARTHGATE_{name.upper()}": str(value) for name, value in told.items()}
