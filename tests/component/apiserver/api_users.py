"""Users of a running API, made as `hearthgate user add` makes them."""

import asyncio
import base64
import json
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from hearthgate.apiserver.access.accounts import Accounts, NewUser
from hearthgate.apiserver.access.roles import Role
from hearthgate.apiserver.server import ApiServer
from tests.component.apiserver.conftest import DEADLINE, Client
from tests.kubectl import kubectl_path


def add_user(server: ApiServer, name: str, role: Role, **more: Any) -> Path:
    """The user's kubeconfig."""
    path = server.kubeconfig.with_name(f"{name}.kubeconfig")

    def deliver(content: bytes) -> None:
        path.write_bytes(content)

    Accounts(server.kubeconfig.parent).add(NewUser(name, role, **more), datetime.now(UTC), deliver)
    return path


def trusting(kubeconfig: Path) -> ssl.SSLContext:
    cluster = json.loads(kubeconfig.read_text())["clusters"][0]["cluster"]
    return ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())


@asynccontextmanager
async def user_client(server: ApiServer, kubeconfig: Path) -> AsyncIterator[Client]:
    """A client with the credential of a kubeconfig; one connection, which is kept open."""
    trust, headers = _credential(kubeconfig)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=trust, limit=1),
        headers=headers,
        timeout=aiohttp.ClientTimeout(DEADLINE * 4),
    ) as session:
        yield Client(session, server.url)


def _credential(kubeconfig: Path) -> tuple[ssl.SSLContext, dict[str, str]]:
    user = json.loads(kubeconfig.read_text())["users"][0]["user"]
    trust = trusting(kubeconfig)
    if "token" in user:
        return trust, {"Authorization": f"Bearer {user['token']}"}
    pair = kubeconfig.with_suffix(".pem")
    pair.write_bytes(base64.b64decode(user["client-certificate-data"]) + base64.b64decode(user["client-key-data"]))
    trust.load_cert_chain(pair)
    return trust, {}


async def run_kubectl(
    kubeconfig: Path, line: str, *, code: int = 0, minor: int | None = None, stdin: str = ""
) -> str:
    """What kubectl prints on both outputs."""
    home = kubeconfig.parent / "home"
    home.mkdir(exist_ok=True)
    process = await asyncio.create_subprocess_exec(
        str(kubectl_path(minor)),
        *line.split(),
        env={**os.environ, "HOME": str(home), "KUBECONFIG": str(kubeconfig)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(DEADLINE * 2):
        output, _ = await process.communicate(stdin.encode())
    assert process.returncode == code, f"kubectl {line}: {output.decode()}"
    return output.decode()


def audit_lines(server: ApiServer) -> list[dict[str, Any]]:
    path = server.kubeconfig.with_name("audit.log")
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
