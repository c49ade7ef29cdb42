"""Runs nft: each call is one transaction, all of it or nothing."""

import asyncio
import contextlib
import shutil
from typing import Final

from hearthgate.model.errors import Permanent, Transient

WITHIN: Final = 30.0
"""Seconds for one transaction: thousands of rules take a fraction of one, unless the machine has no time."""
_SHOWN: Final = 300
_FOLDERS: Final = "/usr/sbin:/sbin:/usr/local/sbin:/usr/bin"
"""Where it is even when an ordinary user's PATH does not say so."""


async def nft(*arguments: str, stdin: bytes = b"") -> str:
    """What it says. Raises Permanent when it is missing, may not, or refuses the text, and Transient when it does
    not end in time."""
    program = shutil.which("nft") or shutil.which("nft", path=_FOLDERS)
    if program is None:
        raise Permanent("the program nft is missing: install the package nftables")
    try:
        process = await asyncio.create_subprocess_exec(
            program,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        raise Transient(f"nft cannot be started: {error.strerror}") from error
    try:
        async with asyncio.timeout(WITHIN):
            listed, said = await process.communicate(stdin)
    except TimeoutError:
        raise Transient(f"nft did not end within {WITHIN:g} s") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode:
        words = " ".join(said.decode(errors="replace").split())[:_SHOWN]
        if "Operation not permitted" in words:
            raise Permanent("this machine's rules may not be changed: run as root, or with CAP_NET_ADMIN")
        raise Permanent(f"nft refused the rules: {words}")
    return listed.decode(errors="replace")
