"""A client, a box, and servers behind it, each a network namespace: for the data path."""

import asyncio
import contextlib
import subprocess
import uuid
from collections.abc import Coroutine, Iterator
from typing import Any

from hearthgate.balancer.datapath import kernel
from tests.lan import inside, ip

ADDRESS, ADDRESS6 = "10.1.0.50", "fd01::50"
CLIENT, CLIENT6 = "10.1.0.9", "fd01::9"
SERVERS, SERVERS6 = ("10.2.0.2", "10.2.0.3"), ("fd02::2", "fd02::3")


class Wires:
    """client - box - servers; servers reach the client through the box, which forwards and has the addresses."""

    def __init__(self) -> None:
        mark = uuid.uuid4().hex[:8]
        self.client, self.box, self.servers = (f"hg-{name}-{mark}" for name in ("cli", "box", "srv"))

    def make(self) -> None:
        for namespace in self.all:
            ip("netns", "add", namespace)
            ip("-n", namespace, "link", "set", "lo", "up")
        for near, far, net in ((self.client, "cli", 1), (self.servers, "srv", 2)):
            ip("link", "add", far, "netns", self.box, "type", "veth", "peer", "name", "lan", "netns", near)
            self._give(self.box, far, f"10.{net}.0.1/24", f"fd0{net}::1/64")
            last = (9,) if net == 1 else (2, 3)
            self._give(near, "lan", *(f"10.{net}.0.{n}/24" for n in last), *(f"fd0{net}::{n}/64" for n in last))
            ip("-n", near, "route", "add", "default", "via", f"10.{net}.0.1")
            ip("-n", near, "route", "add", "default", "via", f"fd0{net}::1")
        ip("-n", self.client, "route", "add", ADDRESS6, "via", "fd01::1")
        for address in (ADDRESS, ADDRESS6):
            ip("-n", self.box, "route", "add", "local", address, "dev", "lo")
        with inside(self.box):
            for version in (4, 6):
                kernel.start_forwarding(version)

    @property
    def all(self) -> tuple[str, ...]:
        return self.client, self.box, self.servers

    def _give(self, namespace: str, link: str, *addresses: str) -> None:
        for address in addresses:
            nodad = ("nodad",) if ":" in address else ()
            ip("-n", namespace, "addr", "add", address, "dev", link, *nodad)
        ip("-n", namespace, "link", "set", link, "up")

    def on_box(self, work: Coroutine[Any, Any, Any]) -> Any:
        with inside(self.box):
            return asyncio.run(work)


@contextlib.contextmanager
def wires() -> Iterator[Wires]:
    found = Wires()
    try:
        found.make()
        yield found
    finally:
        for namespace in found.all:
            subprocess.run(["ip", "netns", "del", namespace], check=False, capture_output=True)
