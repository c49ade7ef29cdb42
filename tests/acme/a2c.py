"""acme2certifier, an ACME server with ARI and profiles, which Debian's Pebble lacks. It believes every proof."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives import serialization

from tests.acme.listener import make_authority, make_listener
from tests.ports import free_port
from tests.waiting import wait_for

ROOT = Path(__file__).parents[2]
PROFILES = {"classic": "https://profiles.invalid/classic", "short": "https://profiles.invalid/short"}


@dataclass(frozen=True, kw_only=True)
class A2c:
    """directory: its URL. ca: PEM that its listener is from. root: PEM that issued certificates chain to."""

    directory: str
    ca: str
    root: str
    log: Path


@contextlib.contextmanager
def run_a2c(*, profiles: Mapping[str, str] = PROFILES) -> Iterator[A2c]:
    """Running. profiles: name to description."""
    folder = Path(tempfile.mkdtemp(prefix="a2c-"))
    listener, port = make_listener(), free_port()
    listener.write(folder)
    authority, key = make_authority()
    root = authority.public_bytes(serialization.Encoding.PEM)
    (folder / "ca.pem").write_bytes(root)
    (folder / "ca.key").touch(mode=0o600)
    (folder / "ca.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    (folder / "issued").mkdir()
    (folder / "acme_srv.cfg").write_text(_configuration(folder, profiles))
    surroundings = os.environ | {
        "ACME_SRV_CONFIGFILE": str(folder / "acme_srv.cfg"),
        "ACME2CERTIFIER_I_KNOW_THE_RISK": "1",
    }
    running = A2c(
        directory=f"https://127.0.0.1:{port}/directory", ca=listener.ca, root=root.decode(), log=folder / "log"
    )
    try:
        with running.log.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.acme.a2c_server", str(port), str(folder)],
                cwd=ROOT,
                env=surroundings,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
            try:
                wait_for(partial(_listens, port, process, running.log), within=20, what="acme2certifier")
                yield running
            finally:
                process.kill()
                process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _configuration(folder: Path, profiles: Mapping[str, str]) -> str:
    return f"""\
[DEFAULT]
debug: False
[CAhandler]
handler_module: acme2certifier.cahandlers.openssl_ca_handler
issuing_ca_key: {folder}/ca.key
issuing_ca_cert: {folder}/ca.pem
issuing_ca_crl: {folder}/crl.pem
cert_save_path: {folder}/issued
cert_validity_days: 90
[DBhandler]
handler: wsgi
dbfile: {folder}/acme.db
[Challenge]
challenge_validation_disable: True
[Order]
profiles: {json.dumps(dict(profiles))}
[Renewalinfo]
retry_after_timeout: 21600
renewal_window_duration: 24h
"""


def _listens(port: int, process: subprocess.Popen[bytes], log: Path) -> bool:
    if process.poll() is not None:
        raise RuntimeError(f"acme2certifier ended with {process.returncode}: {log.read_text()[-2000:]}")
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
