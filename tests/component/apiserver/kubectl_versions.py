"""One kubectl of a chosen version against one server, with a home of its own."""

import asyncio
import os
from pathlib import Path

from hearthgate.apiserver.server import ApiServer
from tests.kubectl import kubectl_path

DEADLINE = 30.0


class Kubectl:
    """minor: of the version, as in 1.27; None takes any that is new enough."""

    def __init__(self, server: ApiServer, home: Path, minor: int | None = None) -> None:
        self._program = kubectl_path(minor)
        self._environment = {"PATH": os.environ["PATH"], "HOME": str(home), "KUBECONFIG": str(server.kubeconfig)}

    async def start(self, line: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            str(self._program),
            *line.split(),
            env=self._environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )

    async def __call__(self, line: str, *, stdin: str = "", code: int = 0) -> str:
        """What it printed. Fails when it ends with another code."""
        process = await self.start(line)
        async with asyncio.timeout(DEADLINE):
            output, _ = await process.communicate(stdin.encode())
        assert process.returncode == code, f"kubectl {line}: {output.decode()}"
        return output.decode()
