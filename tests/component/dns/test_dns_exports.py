"""Exports, read by the programs that they are for."""

import asyncio
import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import dns.asyncquery
import dns.exception
import dns.message
import dns.rcode
import pytest
import yaml

from hearthgate.dns.exports import FORMATS, lines_of
from tests.name_samples import LAN, NAMES, ZONE
from tests.ports import free_port
from tests.waiting import eventually

HOST = "127.0.0.1"
WANTED = {
    (f"jellyfin.{ZONE}", "A"): {LAN},
    (f"jellyfin.{ZONE}", "AAAA"): set(),
    (f"both.{ZONE}", "AAAA"): {"fd00::246"},
    (f"anything.{ZONE}", "A"): {LAN},
    (f"anything.{ZONE}", "AAAA"): set(),
    (f"x.apps.{ZONE}", "A"): {"192.168.1.247"},
}


def text(format_: str) -> str:
    return "\n".join(FORMATS[format_](lines_of(NAMES))) + "\n"


@contextlib.contextmanager
def running(*command: str) -> Iterator[None]:
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        yield
    finally:
        process.kill()
        process.communicate()


async def answers(port: int) -> dict[tuple[str, str], set[str]]:
    async def ask(name: str, type_: str) -> set[str]:
        question = dns.message.make_query(name, type_)

        async def found() -> dns.message.Message | None:
            try:
                return await dns.asyncquery.udp(question, HOST, port=port, timeout=1)
            except (OSError, dns.exception.DNSException):
                return None

        message = await eventually(found, what="an answer")
        assert message is not None
        assert message.rcode() == dns.rcode.NOERROR
        return {str(one) for rrset in message.answer for one in rrset}

    return {key: await ask(*key) for key in WANTED}


@pytest.mark.skipif(shutil.which("dnsmasq") is None, reason="needs the Debian package dnsmasq-base")
async def test_dnsmasq(tmp_path: Path) -> None:
    port, file = free_port(), tmp_path / "names.conf"
    file.write_text(text("dnsmasq"))
    options = [f"--port={port}", f"--listen-address={HOST}", "--bind-interfaces", "--no-resolv", "--no-hosts"]
    with running("dnsmasq", "--keep-in-foreground", f"--conf-file={file}", "--user=root", "--pid-file=", *options):
        assert await answers(port) == WANTED


@pytest.mark.skipif(shutil.which("unbound") is None, reason="needs the Debian package unbound")
async def test_unbound(tmp_path: Path) -> None:
    port, file = free_port(), tmp_path / "names.conf"
    head = f'server:\n  interface: {HOST}\n  port: {port}\n  chroot: ""\n  username: ""\n  do-daemonize: no\n'
    head += f'  pidfile: "{tmp_path}/pid"\n  directory: "{tmp_path}"\n  use-syslog: no\n'
    head += "  module-config: iterator\nremote-control:\n  control-enable: no\n"
    file.write_text(head + text("unbound"))
    checked = await asyncio.to_thread(
        subprocess.run, ["unbound-checkconf", str(file)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    with running("unbound", "-d", "-c", str(file)):
        assert await answers(port) == WANTED


def test_hosts() -> None:
    lines = text("hosts").splitlines()
    assert lines[0].startswith("# BEGIN")
    assert lines[-1].startswith("# END")
    assert f"{LAN} deep.lab.{ZONE} jellyfin.{ZONE}" in lines
    assert f"# *.{ZONE}: a hosts file has no wildcards" in lines
    assert f"# alias.{ZONE} is jellyfin.{ZONE}: a hosts file has addresses only" in lines


def test_adguard() -> None:
    rewrites = yaml.safe_load(text("adguard"))["rewrites"]
    assert {"domain": f"*.{ZONE}", "answer": LAN, "enabled": True} in rewrites
    assert {"domain": f"alias.{ZONE}", "answer": f"jellyfin.{ZONE}", "enabled": True} in rewrites


def test_pihole() -> None:
    import tomllib

    found = tomllib.loads(text("pihole"))
    assert f"{LAN} jellyfin.{ZONE}" in found["dns"]["hosts"]
    assert f"alias.{ZONE},jellyfin.{ZONE}" in found["dns"]["cnameRecords"]
    assert f"address=/apps.{ZONE}/192.168.1.247" in found["misc"]["dnsmasq_lines"]


def test_coredns() -> None:
    found = text("coredns")
    assert f"\n{ZONE} {{\n    template IN A {ZONE} {{" in found
    assert f'answer "{{{{ .Name }}}} 60 IN A {LAN}"' in found
