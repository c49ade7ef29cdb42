"""Pebble, the ACME test server of Let's Encrypt, and the DNS server that it asks: both real, on free ports.

    with run_pebble() as pebble:
        await pebble.set_txt("_acme-challenge.example.test", value)

Needs Debian's package `pebble`. Nothing of pytest is used, so that examples and benchmarks may start it as well.
"""

import contextlib
import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import aiohttp

from tests.acme.listener import make_listener
from tests.ports import free_port
from tests.waiting import wait_for

HOST: Final = "127.0.0.1"
NONCE_REJECT: Final = 10
"""Percent of good nonces that are refused, as a CA under load does it."""
BINDING_KEY: Final = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
"""A MAC key as a CA hands it out, base64url: of no account anywhere."""


@dataclass(frozen=True, kw_only=True)
class Pebble:
    """directory: its URL. ca: PEM that its HTTPS listener is from. dns: `host:port` of its DNS server.
    http_port, tls_port: where it connects to for HTTP-01 and TLS-ALPN-01. management, dns_management: URLs.
    log: of both servers.
    """

    directory: str
    ca: str
    dns: str
    http_port: int
    tls_port: int
    management: str
    dns_management: str
    log: Path

    @property
    def dns_port(self) -> int:
        return int(self.dns.rpartition(":")[2])

    async def set_txt(self, name: str, value: str) -> None:
        """Adds a value; those that are there stay."""
        await self.dns_call("set-txt", host=_fqdn(name), value=value)

    async def clear_txt(self, name: str) -> None:
        """Takes all values of a name away. More than about eight of one name and Pebble cannot read the answer."""
        await self.dns_call("clear-txt", host=_fqdn(name))

    async def set_cname(self, name: str, target: str) -> None:
        await self.dns_call("set-cname", host=_fqdn(name), target=_fqdn(target))

    async def add_a(self, name: str, *addresses: str) -> None:
        await self.dns_call("add-a", host=_fqdn(name), addresses=list(addresses))

    async def add_http01(self, token: str, content: str) -> None:
        """Lets the DNS server's own HTTP server answer, where no other `http_port` was given."""
        await self.dns_call("add-http01", token=token, content=content)

    async def add_tlsalpn01(self, host: str, content: str) -> None:
        await self.dns_call("add-tlsalpn01", host=host, content=content)

    async def dns_call(self, action: str, **body: Any) -> bytes:
        """Any other action of pebble-challtestsrv."""
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.dns_management}/{action}", data=json.dumps(body)) as answer,
        ):
            content = await answer.read()
            assert answer.status == 200, f"{action}: {answer.status} {content!r}"
            return content

    def root(self, number: int = 0) -> str:
        """PEM of the root that issued certificates chain to; 1 and more: those of the alternates."""
        return self.fetch(f"roots/{number}")

    def intermediate(self, number: int = 0) -> str:
        return self.fetch(f"intermediates/{number}")

    def certificate_status(self, serial: int) -> str:
        """Valid or Revoked."""
        return str(json.loads(self.fetch(f"cert-status-by-serial/{serial:x}"))["Status"])

    def fetch(self, path: str) -> str:
        """From the management interface; it blocks for some milliseconds."""
        host = self.management.removeprefix("https://")
        context = ssl.create_default_context(cadata=self.ca)
        with contextlib.closing(http.client.HTTPSConnection(host, context=context, timeout=5)) as connection:
            connection.request("GET", f"/{path}")
            answer = connection.getresponse()
            content = answer.read().decode()
        assert answer.status == 200, f"{path}: {answer.status} {content}"
        return content


@contextlib.contextmanager
def run_pebble(
    *,
    nonce_reject: int = NONCE_REJECT,
    authz_reuse: int = 0,
    validity: int = 45 * 24 * 3600,
    alternates: int = 2,
    chain_length: int = 1,
    bindings: Mapping[str, str] | None = None,
    blocked: Sequence[str] = (),
    always_valid: bool = False,
    http_port: int | None = None,
    tls_port: int | None = None,
    dns_server: str | None = None,
) -> Iterator[Pebble]:
    """Both servers, running. Within a second.

    nonce_reject, authz_reuse: percent. validity: seconds of certificates. alternates: further chains.
    bindings: key id to MAC key (base64url) of external accounts, which are then required; see BINDING_KEY.
    blocked: domains that are refused. always_valid: no proof is looked at.
    http_port, tls_port: of your own server that answers HTTP-01, TLS-ALPN-01; else the DNS server's own do.
    dns_server: `host:port` of your own DNS server, which Pebble asks in place of the one that comes with it.
    """
    folder = Path(tempfile.mkdtemp(prefix="pebble-"))
    listener = make_listener()
    certificate, key = listener.write(folder)
    ports = {name: free_port() for name in ("api", "management", "dns", "dns-management", "http", "tls")}
    running = _described(ports, listener.ca, folder / "log", http_port, tls_port)
    config = {
        "listenAddress": f"{HOST}:{ports['api']}",
        "managementListenAddress": f"{HOST}:{ports['management']}",
        "certificate": str(certificate),
        "privateKey": str(key),
        "httpPort": running.http_port,
        "tlsPort": running.tls_port,
        "externalAccountBindingRequired": bindings is not None,
        "externalAccountMACKeys": dict(bindings or {}),
        "domainBlocklist": list(blocked),
        "certificateValidityPeriod": validity,
    }
    (folder / "pebble.json").write_text(json.dumps({"pebble": config}))
    moods = {"VA_NOSLEEP": 1, "VA_ALWAYS_VALID": int(always_valid), "WFE_NONCEREJECT": nonce_reject}
    moods |= {"AUTHZREUSE": authz_reuse, "ALTERNATE_ROOTS": alternates, "CHAIN_LENGTH": chain_length}
    surroundings = os.environ | {f"PEBBLE_{name}": str(value) for name, value in moods.items()}
    names_server = _names_server(running, ports, own_http=http_port is None, own_tls=tls_port is None)
    server = ["pebble", "-config", str(folder / "pebble.json"), "-dnsserver", dns_server or running.dns]
    try:
        with (
            running.log.open("wb") as log,
            _process(names_server, surroundings, log.fileno()) as first,
            _process(server, surroundings, log.fileno()) as second,
        ):
            processes = (first, second)
            for port in (ports["dns-management"], ports["dns"], ports["management"], ports["api"]):
                wait_for(partial(_listens, port, processes, running.log), what=f"port {port} of Pebble")
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _described(
    ports: Mapping[str, int], ca: str, log: Path, http_port: int | None, tls_port: int | None
) -> Pebble:
    return Pebble(
        directory=f"https://{HOST}:{ports['api']}/dir",
        ca=ca,
        dns=f"{HOST}:{ports['dns']}",
        http_port=http_port or ports["http"],
        tls_port=tls_port or ports["tls"],
        management=f"https://{HOST}:{ports['management']}",
        dns_management=f"http://{HOST}:{ports['dns-management']}",
        log=log,
    )


def _names_server(running: Pebble, ports: Mapping[str, int], *, own_http: bool, own_tls: bool) -> list[str]:
    return [
        "pebble-challtestsrv",
        *("-dns01", running.dns, "-management", f"{HOST}:{ports['dns-management']}"),
        *("-http01", f"{HOST}:{ports['http']}" if own_http else "", "-https01", ""),
        *("-tlsalpn01", f"{HOST}:{ports['tls']}" if own_tls else ""),
        *("-defaultIPv4", HOST, "-defaultIPv6", ""),
    ]


@contextlib.contextmanager
def _process(command: list[str], environment: Mapping[str, str], log: int) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _listens(port: int, processes: Sequence[subprocess.Popen[bytes]], log: Path) -> bool:
    for process in processes:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}: {log.read_text()[-2000:]}")
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def _fqdn(name: str) -> str:
    return f"{name.rstrip('.')}."
