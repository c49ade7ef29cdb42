"""Pods, each a network namespace, behind a box that forwards between them: what comes through is tried."""

import contextlib
import errno
import os
import selectors
import socket
import struct
import subprocess
import threading
import uuid
from collections.abc import Iterator, Mapping

from hearthgate.balancer.datapath import kernel
from tests.lan import inside, ip

SCTP = 132
PORTS = {"TCP": (80, 81, 82), "UDP": (53, 80, 81, 82), "SCTP": (81,)}
_REFUSED = frozenset((errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.EACCES, errno.ENETUNREACH, errno.EPERM))
PATIENCE, GLANCE = 10.0, 0.05
"""Seconds for what shall come through, and for what shall not: a refusal may be silent, as ICMP is limited."""


class Yard:
    """ends: names and addresses. Every end serves PORTS, and these of TCP."""

    def __init__(self, ends: Mapping[str, tuple[str, ...]], *tcp: int) -> None:
        self.ends = dict(ends)
        self._tcp = (*PORTS["TCP"], *tcp)
        mark = uuid.uuid4().hex[:6]
        self.box = f"hg-yard-{mark}"
        self._names = {end: f"hg-p{number}-{mark}" for number, end in enumerate(self.ends)}
        self._selector = selectors.DefaultSelector()
        self._stack = contextlib.ExitStack()
        self._over = False
        self._thread = threading.Thread(target=self._echo)

    def __enter__(self) -> "Yard":
        try:
            ip("netns", "add", self.box)
            ip("-n", self.box, "link", "set", "lo", "up")
            for number, (end, addresses) in enumerate(self.ends.items()):
                self._plug_in(f"p{number}", self._names[end], addresses)
                self._serve(self._names[end], addresses)
            with inside(self.box):
                for version in (4, 6):
                    kernel.start_forwarding(version)
            self._thread.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        if self._thread.is_alive():
            self._thread.join()
        self._stack.close()
        self._selector.close()
        for name in (self.box, *self._names.values()):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)

    def passes(
        self, source: str, destination: str, protocol: str, port: int, *, expected: bool, version: int = 4
    ) -> bool:
        """expected: how long to wait for it."""
        address = next(one for one in self.ends[destination] if (":" in one) == (version == 6))
        within = PATIENCE if expected else GLANCE
        with inside(self._names[source]):
            match protocol:
                case "TCP":
                    return _connects(address, port, within)
                case "UDP":
                    return _echoes(address, port, within)
        return self._sees(source, destination, address, port, within)

    def connected(self, source: str, destination: str, port: int) -> socket.socket:
        with inside(self._names[source]):
            return socket.create_connection((self.ends[destination][0], port), PATIENCE)

    def _plug_in(self, link: str, name: str, addresses: tuple[str, ...]) -> None:
        ip("netns", "add", name)
        ip("-n", name, "link", "set", "lo", "up")
        ip("link", "add", link, "netns", self.box, "type", "veth", "peer", "name", "eth0", "netns", name)
        ip("-n", self.box, "addr", "add", "169.254.1.1/32", "dev", link)
        ip("-n", self.box, "addr", "add", "fe80::1/64", "dev", link, "nodad")
        ip("-n", self.box, "link", "set", link, "up")
        for address in addresses:
            bits = "128" if ":" in address else "32"
            ip(
                "-n",
                name,
                "addr",
                "add",
                f"{address}/{bits}",
                "dev",
                "eth0",
                *(("nodad",) if ":" in address else ()),
            )
        ip("-n", name, "link", "set", "eth0", "up")
        ip("-n", name, "route", "add", "169.254.1.1", "dev", "eth0")
        ip("-n", name, "route", "add", "default", "via", "169.254.1.1", "dev", "eth0")
        ip("-n", name, "-6", "route", "add", "default", "via", "fe80::1", "dev", "eth0")
        for address in addresses:
            ip("-n", self.box, "route", "add", address, "dev", link)

    def _serve(self, name: str, addresses: tuple[str, ...]) -> None:
        with inside(name):
            for address in addresses:
                family = socket.AF_INET6 if ":" in address else socket.AF_INET
                for port in self._tcp:
                    self._stack.enter_context(socket.create_server((address, port), family=family, backlog=4096))
                for port in PORTS["UDP"]:
                    made = self._stack.enter_context(socket.socket(family, socket.SOCK_DGRAM))
                    made.bind((address, port))
                    made.setblocking(False)
                    self._selector.register(made, selectors.EVENT_READ)

    def _echo(self) -> None:
        while not self._over:
            for key, _ in self._selector.select(0.05):
                with contextlib.suppress(OSError):
                    made: socket.socket = key.fileobj  # type: ignore[assignment]
                    data, source = made.recvfrom(64)
                    made.sendto(data, source)

    def _sees(self, source: str, destination: str, address: str, port: int, within: float) -> bool:
        """An INIT, whatever becomes of it."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        tag = os.urandom(4)
        with inside(self._names[destination]):
            ear = socket.socket(family, socket.SOCK_RAW, SCTP)
        with ear:
            ear.settimeout(within)
            with inside(self._names[source]), socket.socket(family, socket.SOCK_RAW, SCTP) as made:
                body = struct.pack("!BBHIIHHI", 1, 0, 20, 1, 65535, 1, 1, 1)
                with contextlib.suppress(OSError):
                    made.sendto(struct.pack("!HH", 5000, port) + tag + b"\0\0\0\0" + body, (address, 0))
            try:
                while tag not in ear.recv(256):
                    pass
            except TimeoutError:
                return False
            return True


def _connects(address: str, port: int, within: float) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as made:
        made.settimeout(within)
        try:
            made.connect((address, port))
        except OSError as error:
            return _refused(error)
    return True


def _echoes(address: str, port: int, within: float) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.settimeout(within)
        made.connect((address, port))
        try:
            made.send(b"x")
            return made.recv(8) == b"x"
        except OSError as error:
            return _refused(error)


def _refused(error: OSError) -> bool:
    """False: it did not come through. Raises what is no refusal."""
    if not isinstance(error, TimeoutError) and error.errno not in _REFUSED:
        raise error
    return False


@contextlib.contextmanager
def yard(ends: Mapping[str, tuple[str, ...]], *tcp: int) -> Iterator[Yard]:
    with Yard(ends, *tcp) as made:
        yield made
