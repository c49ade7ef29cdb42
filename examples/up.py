"""`./dev up`: the example homelab on this machine, backends included, until Ctrl-C.

Listens on loopback only: the example's password is known to everybody.
"""

import asyncio
import contextlib
import ctypes
import os
import shlex
import signal
import socket
import ssl
import sys
from pathlib import Path

import aiohttp
import yaml

from examples.certificates import ensure_authority
from examples.echo.backends import backends
from examples.echo.server import serving

ROOT = Path(__file__).parents[1]
HOMELAB = ROOT / "examples" / "homelab"
MANIFESTS = HOMELAB / "manifests"
CERTIFICATES = HOMELAB / "certificates"
ISSUERS = "hearthgate"
"""The namespace of the Secrets of ClusterIssuers, unless set."""
STATE = ROOT / ".cache" / "up-state"
DOMAIN = "my-homelab.party"
NAMESPACES = ("argocd", "htpc", "infra", "monitoring", "utils")
READY_WITHIN = 60.0
STOP_WITHIN = 30.0
_PR_SET_PDEATHSIG = 1


async def main(arguments: list[str]) -> int:
    """Runs until interrupted or until `hearthgate up` ends; its exit status."""
    state, made = STATE / "state", STATE / "manifests"
    STATE.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority = STATE / "example-ca.crt"
    ensure_authority(made, authority, DOMAIN, ISSUERS)
    http, https = (80, 443) if _may_bind(80) and _may_bind(443) else (8080, 8443)
    command = [
        str(Path(sys.executable).parent / "hearthgate"), "up", str(MANIFESTS), str(CERTIFICATES), str(made),
        "--settings", str(HOMELAB / "hearthgate.yaml"), "--state", str(state),
        "--set", f"entryPoints.web.address=127.0.0.1:{http}",
        "--set", f"entryPoints.websecure.address=127.0.0.1:{https}",
        *arguments,
    ]  # fmt: skip
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serving(backends(MANIFESTS)):
        process = await asyncio.create_subprocess_exec(
            *command, preexec_fn=_die_with_parent, start_new_session=True
        )
        ended = asyncio.create_task(process.wait())
        interrupted = asyncio.create_task(stop.wait())
        greeting = asyncio.create_task(_greet(state / "kubeconfig", authority, https))
        await asyncio.wait({ended, interrupted}, return_when=asyncio.FIRST_COMPLETED)
        for task in (greeting, interrupted):
            task.cancel()
        await asyncio.gather(greeting, interrupted, return_exceptions=True)
        return await _stopped(process, ended)


async def _stopped(process: asyncio.subprocess.Process, ended: "asyncio.Task[int]") -> int:
    """Asks it to end, insists when it does not."""
    if not ended.done():
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_WITHIN):
                return await asyncio.shield(ended)
        process.kill()
    return await ended


async def _greet(kubeconfig: Path, authority: Path, https: int) -> None:
    """Says what to try, once everything answers."""
    host = f"whoami.{DOMAIN}"
    async with asyncio.timeout(READY_WITHIN):
        while not (await _is_ready(kubeconfig) and await _is_served(host, https, authority)):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    port = "" if https == 443 else f":{https}"
    curl = f"curl --cacert {_short(authority)} --resolve {host}:{https}:127.0.0.1 https://{host}{port}/"
    print(
        f"\nThe homelab is served. Try:\n  {curl}\n"
        f"  kubectl --kubeconfig {_short(kubeconfig)} get ingressroutes,certificates -A\n"
        f"Sites behind a password: user demo, password hearthgate. Ctrl-C stops everything.\n",
        flush=True,
    )


def _server(kubeconfig: Path) -> str:
    return str(yaml.safe_load(kubeconfig.read_text())["clusters"][0]["cluster"]["server"])


async def _is_ready(kubeconfig: Path) -> bool:
    """What the embedded API says of itself, at the address that its kubeconfig has."""
    try:
        server = _server(kubeconfig)
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session,
            session.get(f"{server}/readyz", ssl=_unverified()) as response,
        ):
            return response.status == 200
    except (OSError, TypeError, KeyError, yaml.YAMLError, aiohttp.ClientError, TimeoutError):
        return False


async def _is_served(host: str, port: int, authority: Path) -> bool:
    """Whether the certificate that was issued is what clients are shown."""
    context = ssl.create_default_context(cafile=str(authority))
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=host)
    except OSError:
        return False
    writer.close()
    return True


def _unverified() -> ssl.SSLContext:
    """Good for a question whose answer is public."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _may_bind(port: int) -> bool:
    try:
        with socket.create_server(("127.0.0.1", port)):
            return True
    except OSError:
        return False


def _short(path: Path) -> str:
    return shlex.quote(str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path))


def _die_with_parent() -> None:
    """Even a kill -9 of this program leaves nothing running."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(asyncio.run(main(sys.argv[1:])))
