"""Knot DNS, a real server that takes dynamic updates with TSIG keys. Needs Debian's package `knot`.

with run_knot("home.test") as knot:
    ...  # 127.0.0.1 port knot.port, key `knot.key_name` with `knot.secret`
"""

import base64
import contextlib
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import dns.exception
import dns.message
import dns.query
import dns.rcode

from tests.ports import free_port
from tests.waiting import wait_for

HOST: Final = "127.0.0.1"
BINARY: Final = shutil.which("knotd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
_ZONE: Final = """\
$TTL 60
@ SOA ns1 admin 1 3600 600 86400 5
@ NS ns1
ns1 A 127.0.0.1
www A 192.0.2.1
"""


@dataclass(frozen=True, kw_only=True)
class Knot:
    """key_name, secret: of a key that may change proofs of the zone's own name. reader: of the
    same secret, and may nothing."""

    port: int
    key_name: str
    reader: str
    secret: str
    algorithm: str

    def texts(self, name: str) -> set[str]:
        answer = dns.query.udp(dns.message.make_query(name, "TXT"), HOST, port=self.port, timeout=5)
        return {b"".join(one.strings).decode() for rrset in answer.answer for one in rrset}


@contextlib.contextmanager
def run_knot(
    zone: str, *, algorithm: str = "hmac-sha256", content: str = _ZONE, whole: bool = False
) -> Iterator[Knot]:
    """content: of the zone's file. whole: the key may change and copy all of it."""
    assert BINARY is not None, "Debian's package knot is needed"
    folder = Path(tempfile.mkdtemp(prefix="knot-"))
    knot = Knot(
        port=free_port(),
        key_name="proofs.key",
        reader="reader.key",
        secret=base64.b64encode(secrets.token_bytes(32)).decode(),
        algorithm=algorithm,
    )
    (folder / "zone").write_text(content)
    config = _config(knot, zone, folder)
    if whole:
        config = config.replace("  acl: proofs\n", "  acl: [proofs, whole]\n").replace(
            "zone:\n", f"{_whole(knot)}zone:\n"
        )
    (folder / "knot.conf").write_text(config)
    log = (folder / "log").open("wb")
    process = subprocess.Popen(
        [BINARY, "-c", str(folder / "knot.conf")], stdin=subprocess.DEVNULL, stdout=log, stderr=log
    )
    try:
        wait_for(lambda: _serves(knot.port, zone, process, folder / "log"), what="Knot to serve its zone")
        yield knot
    finally:
        process.kill()
        process.wait()
        log.close()
        shutil.rmtree(folder, ignore_errors=True)


def _config(knot: Knot, zone: str, folder: Path) -> str:
    return f"""\
server:
  rundir: {folder}
  pidfile: {folder}/pid
  listen: {HOST}@{knot.port}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
database:
  storage: {folder}
log:
- target: stderr
  any: info
key:
- id: {knot.key_name}
  algorithm: {knot.algorithm}
  secret: {knot.secret}
- id: {knot.reader}
  algorithm: {knot.algorithm}
  secret: {knot.secret}
acl:
- id: proofs
  key: {knot.key_name}
  action: update
  update-type: TXT
  update-owner: name
  update-owner-match: sub-or-equal
  update-owner-name: _acme-challenge
zone:
- domain: {zone}
  storage: {folder}
  file: zone
  acl: proofs
"""


def _whole(knot: Knot) -> str:
    return f"- id: whole\n  key: {knot.key_name}\n  action: [update, transfer]\n"


def _serves(port: int, zone: str, process: subprocess.Popen[bytes], log: Path) -> bool:
    if process.poll() is not None:
        raise RuntimeError(f"knotd ended with {process.returncode}: {log.read_text()[-2000:]}")
    try:
        answer = dns.query.udp(dns.message.make_query(zone, "SOA"), HOST, port=port, timeout=0.2)
    except (OSError, dns.exception.DNSException):
        return False
    return answer.rcode() == dns.rcode.NOERROR and bool(answer.answer)
