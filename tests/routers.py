"""Routers to speak to: FRR and BIRD from Debian, in a network of their own, with a wire to the test."""

import contextlib
import ctypes
import json
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.waiting import wait_for

_FRR = Path("/usr/lib/frr")
NEEDS_NETWORK = [
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.skipif(shutil.which("ip") is None, reason="needs the Debian package iproute2"),
]
NEEDS_FRR = [
    *NEEDS_NETWORK,
    pytest.mark.skipif(not (_FRR / "bgpd").exists(), reason="needs the Debian packages frr and iproute2"),
]
NEEDS_BIRD = [
    *NEEDS_NETWORK,
    pytest.mark.skipif(shutil.which("bird") is None, reason="needs the Debian packages bird2 and iproute2"),
]
OURS, THEIRS = "10.9.0.1", "10.9.0.2"
_HEAD = f"router bgp 65002\n bgp router-id {THEIRS}\n no bgp ebgp-requires-policy\n"
OURS_V6, THEIRS_V6 = "fd09::1", "fd09::2"


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout


class Wire(NamedTuple):
    """here, there: network namespaces; `lan` is our interface, `cli` the router's."""

    here: str
    there: str

    def routes(self) -> dict[str, Mapping[str, Any]]:
        """What the router's kernel learnt, by destination."""
        found = {}
        for family in ("-4", "-6"):
            for route in json.loads(run("ip", "-j", family, "-n", self.there, "route") or "[]"):
                if route.get("protocol") in {"bgp", "bird"}:
                    found[route["dst"]] = route
        return found

    def has(self, *destinations: str) -> bool:
        return set(destinations) == self.routes().keys()

    def cut(self) -> None:
        """No packet of IPv4 arrives any more, and no interface tells: each goes to a machine that is not there."""
        for name, device, other in self._ends():
            nowhere = ("lladdr", "02:00:00:00:00:99", "nud", "permanent")
            run("ip", "-n", name, "neigh", "replace", other, "dev", device, *nowhere)

    def mend(self) -> None:
        for name, device, other in self._ends():
            run("ip", "-n", name, "neigh", "del", other, "dev", device)

    def _ends(self) -> tuple[tuple[str, str, str], ...]:
        return (self.here, "lan", THEIRS), (self.there, "cli", OURS)


@contextlib.contextmanager
def wire() -> Iterator[Wire]:
    """The test's thread is in `here` meanwhile: sockets that it makes are there."""
    mark = uuid.uuid4().hex[:8]
    here, there = f"hg-r-{mark}", f"hg-s-{mark}"
    libc = ctypes.CDLL(None)
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    try:
        for name in (here, there):
            run("ip", "netns", "add", name)
            run("ip", "-n", name, "link", "set", "lo", "up")
        run("ip", "link", "add", "lan", "netns", here, "type", "veth", "peer", "name", "cli", "netns", there)
        for name, device, v4, v6 in ((here, "lan", OURS, OURS_V6), (there, "cli", THEIRS, THEIRS_V6)):
            run("ip", "-n", name, "addr", "add", f"{v4}/24", "dev", device)
            run("ip", "-n", name, "addr", "add", f"{v6}/64", "dev", device, "nodad")
            run("ip", "-n", name, "link", "set", device, "up")
        inside = os.open(f"/run/netns/{here}", os.O_RDONLY)
        assert libc.setns(inside, 0) == 0
        os.close(inside)
        yield Wire(here, there)
    finally:
        libc.setns(home, 0)
        os.close(home)
        for name in (here, there):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


class Frr:
    """configs: by daemon."""

    def __init__(self, wire_: Wire, configs: Mapping[str, str], folder: Path) -> None:
        self._wire = wire_
        self._folder = folder
        self._configs = configs
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, daemon: str) -> None:
        config = self._folder / f"{daemon}.conf"
        config.write_text(self._configs[daemon])
        command = [
            *("ip", "netns", "exec", self._wire.there, str(_FRR / daemon), "-u", "frr", "-g", "frr", "-P", "0"),
            *("-f", str(config), "-i", str(self._folder / f"{daemon}.pid"), "-z", str(self._folder / "zserv.api")),
            *("--vty_socket", str(self._folder)),
            *(("--bfdctl", str(self._folder / "bfdd.sock")) if daemon == "bfdd" else ()),
        ]
        with (self._folder / f"{daemon}.log").open("wb") as out:
            self.processes[daemon] = subprocess.Popen(command, stdout=out, stderr=out)
        sign = self._folder / ("zserv.api" if daemon == "zebra" else f"{daemon}.vty")
        wait_for(sign.exists, within=20, what=f"{daemon} at work")

    def show(self, command: str) -> Any:
        """What vtysh says of it, in JSON."""
        tool = ("ip", "netns", "exec", self._wire.there, "vtysh", "--vty_socket", str(self._folder))
        return json.loads(run(*tool, "-c", f"show {command} json"))

    def kill(self, daemon: str) -> None:
        _end([self.processes.pop(daemon)])
        (self._folder / f"{daemon}.vty").unlink()

    def do(self, *commands: str) -> None:
        tool = ("ip", "netns", "exec", self._wire.there, "vtysh", "--vty_socket", str(self._folder))
        run(*tool, *(part for command in commands for part in ("-c", command)))


@contextlib.contextmanager
def frr(wire_: Wire, config: str, *, bfd: str = "", head: str = _HEAD) -> Iterator[Frr]:
    """bgpd at the other end; `config` are lines of its `router bgp`, after `head`; `bfd` those of bfdd."""
    with _folder("frr") as folder:
        configs = {"zebra": "", **({"bfdd": bfd} if bfd else {}), "bgpd": head + config}
        router = Frr(wire_, configs, folder)
        try:
            for daemon in configs:
                router.start(daemon)
            yield router
        finally:
            _end(router.processes.values())


class Bird(NamedTuple):
    wire: Wire
    folder: Path

    def show(self, command: str) -> str:
        tool = ("ip", "netns", "exec", self.wire.there, "birdc", "-s", str(self.folder / "ctl"))
        return run(*tool, "show", *command.split())


@contextlib.contextmanager
def bird(wire_: Wire, config: str) -> Iterator[Bird]:
    """`config`: what follows the protocols device and kernel."""
    with _folder("root") as folder:
        head = f"router id {THEIRS};\nprotocol device {{}}\n"
        for family in ("ipv4", "ipv6"):
            head += f"protocol kernel {{ {family} {{ export all; }}; }}\n"
        (folder / "conf").write_text(head + config)
        command = ["ip", "netns", "exec", wire_.there, "bird", "-f", "-c", str(folder / "conf")]
        with (folder / "log").open("wb") as out:
            process = subprocess.Popen(
                [*command, "-s", str(folder / "ctl"), "-P", str(folder / "pid")], stdout=out, stderr=out
            )
        try:
            wait_for((folder / "ctl").exists, within=20, what=(folder / "log").read_text() or "bird at work")
            yield Bird(wire_, folder)
        finally:
            _end([process])


@contextlib.contextmanager
def _folder(owner: str) -> Iterator[Path]:
    """Not below pytest's, which is closed to the user that FRR runs as."""
    folder = Path(tempfile.mkdtemp(prefix="hg-router-"))
    try:
        folder.chmod(0o755)
        shutil.chown(folder, owner, owner)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _end(processes: Any) -> None:
    for process in reversed(list(processes)):
        process.kill()
        process.wait()
