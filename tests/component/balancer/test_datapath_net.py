"""Rules in a real kernel: a client, the box, and servers behind it, each a network namespace."""

import contextlib
import os
import selectors
import shutil
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from hearthgate.balancer.datapath import kernel
from hearthgate.balancer.datapath.rules import Rule, rules
from hearthgate.balancer.datapath.ruleset import REMOVAL, TABLE, ruleset
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.model.errors import Permanent
from hearthgate.netfilter import connections
from hearthgate.resources.discovery import EndpointSlice
from tests.lan import inside
from tests.service_samples import service, slice_of
from tests.wires import ADDRESS, ADDRESS6, CLIENT, CLIENT6, SERVERS, SERVERS6, Wires, wires

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.skipif(shutil.which("nft") is None, reason="needs nftables"),
]
PORTS = [("web", "TCP", 80), ("dns", "UDP", 53)]
TARGETS = [("web", "TCP", 8080), ("dns", "UDP", 5353)]
PATIENCE = 10.0


@pytest.fixture(scope="module")
def lan() -> Iterator[Wires]:
    with wires() as found, _serving(found):
        yield found


@pytest.fixture
def box(lan: Wires) -> Iterator[Wires]:
    """Without rules before and after, and without memories of what earlier ones made of a connection: another one
    from the same port would be taken for it."""
    lan.on_box(_forget())
    yield lan
    lan.on_box(kernel.apply(REMOVAL))


async def _forget() -> None:
    for version in (4, 6):
        for entry in tuple(connections.entries(version)):
            connections.forget(version, entry.key)


@contextlib.contextmanager
def _serving(wires: Wires) -> Iterator[None]:
    """Each server answers whatever it gets with its own address and that of who asked."""
    with contextlib.ExitStack() as stack, selectors.DefaultSelector() as selector:
        with inside(wires.servers):
            for address in (*SERVERS, *SERVERS6):
                family = socket.AF_INET6 if ":" in address else socket.AF_INET
                stream = stack.enter_context(socket.create_server((address, 8080), family=family))
                selector.register(stream, selectors.EVENT_READ, "listener")
                datagrams = stack.enter_context(socket.socket(family, socket.SOCK_DGRAM))
                datagrams.bind((address, 5353))
                selector.register(datagrams, selectors.EVENT_READ, "datagrams")
        ending = threading.Event()
        thread = threading.Thread(target=_answer, args=(selector, stack, ending))
        thread.start()
        try:
            yield
        finally:
            ending.set()
            thread.join()


def _answer(selector: selectors.BaseSelector, stack: contextlib.ExitStack, ending: threading.Event) -> None:
    while not ending.is_set():
        for key, _ in selector.select(0.1):
            ready = key.fileobj
            assert isinstance(ready, socket.socket)
            own = ready.getsockname()[0]
            if key.data == "listener":
                taken, _ = ready.accept()
                selector.register(stack.enter_context(taken), selectors.EVENT_READ, "stream")
                continue
            data, peer = ready.recvfrom(100)
            if key.data == "datagrams":
                ready.sendto(f"{own} {peer[0]}".encode(), peer)
            elif data:
                ready.sendall(f"{own} {ready.getpeername()[0]}".encode())
            else:
                selector.unregister(ready)
                ready.close()


class Talk:
    """A connection, or datagrams from one port. Speaks to the address of the Service unless told otherwise."""

    def __init__(self, namespace: str, *, udp: bool = False, to: str = ADDRESS, source: str = "") -> None:
        family = socket.AF_INET6 if ":" in to else socket.AF_INET
        with inside(namespace):
            self._socket = socket.socket(family, socket.SOCK_DGRAM if udp else socket.SOCK_STREAM)
            self._socket.settimeout(PATIENCE)
            if source:
                self._socket.bind((source, 0))
            try:
                self._socket.connect((to, 53 if udp else 80))
            except OSError:
                self._socket.close()
                raise

    def __enter__(self) -> "Talk":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def ask(self, patience: float = PATIENCE) -> tuple[str, str]:
        """Who answered, and whom that one saw."""
        self._socket.settimeout(patience)
        self._socket.send(b"?")
        server, seen = self._socket.recv(200).decode().split()
        return server, seen


def once(namespace: str, **how: Any) -> tuple[str, str]:
    with Talk(namespace, **how) as talk:
        return talk.ask()


def made(
    *slices: EndpointSlice, addresses: tuple[str, ...] = (ADDRESS, ADDRESS6), **spec: Any
) -> tuple[Rule, ...]:
    return rules(Snapshot.of([service("web", addresses, PORTS, **spec), *slices]), "box").rules


def both(servers: tuple[str, ...] = SERVERS, servers6: tuple[str, ...] = SERVERS6) -> tuple[EndpointSlice, ...]:
    return slice_of("web", servers, TARGETS), slice_of("web", servers6, TARGETS, family="IPv6")


@pytest.mark.parametrize("udp", [False, True], ids=["tcp", "udp"])
@pytest.mark.parametrize(
    ("to", "servers", "seen"), [(ADDRESS, SERVERS, "10.2.0.1"), (ADDRESS6, SERVERS6, "fd02::1")]
)
def test_every_server_is_reached_and_answers_through_the_box(
    box: Wires, to: str, servers: tuple[str, ...], seen: str, udp: bool
) -> None:
    box.on_box(kernel.apply(ruleset(made(*both()))))
    answers = [once(box.client, udp=udp, to=to) for _ in range(40)]
    assert {server for server, _ in answers} == set(servers)
    assert {who for _, who in answers} == {seen}


@pytest.mark.parametrize(("to", "seen"), [(ADDRESS, CLIENT), (ADDRESS6, CLIENT6)])
def test_local_keeps_the_clients_address(box: Wires, to: str, seen: str) -> None:
    box.on_box(kernel.apply(ruleset(made(*both(), externalTrafficPolicy="Local"))))
    assert {once(box.client, to=to, udp=udp)[1] for udp in (False, True)} == {seen}


def test_a_server_reaches_itself_through_the_service(box: Wires) -> None:
    one = slice_of("web", SERVERS[:1], TARGETS)
    box.on_box(kernel.apply(ruleset(made(one, externalTrafficPolicy="Local"))))
    assert once(box.servers, source=SERVERS[0]) == (SERVERS[0], "10.2.0.1")


def test_programs_of_the_box_reach_servers_too(box: Wires) -> None:
    box.on_box(kernel.apply(ruleset(made(*both()))))
    assert once(box.box)[0] in SERVERS
    assert once(box.box, to=ADDRESS6, udp=True)[0] in SERVERS6


def test_a_client_stays_with_its_server(box: Wires) -> None:
    box.on_box(kernel.apply(ruleset(made(*both(), sessionAffinity="ClientIP"))))
    assert len({once(box.client)[0] for _ in range(20)}) == 1


def test_connections_outlive_the_end_of_another_server(box: Wires) -> None:
    before = made(*both())
    box.on_box(kernel.apply(ruleset(before)))
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(Talk(box.client)) for _ in range(20)]
        datagrams = [stack.enter_context(Talk(box.client, udp=True)) for _ in range(20)]
        served = [one.ask()[0] for one in streams]
        assert set(served) == set(SERVERS) == {one.ask()[0] for one in datagrams}
        after = made(*both(SERVERS[:1]))
        box.on_box(kernel.apply(ruleset(after)))
        with inside(box.box):
            moved = kernel.forget_stale(after, before)
        assert [one.ask()[0] for one in streams] == served, "what runs goes on, as long as its server does"
        assert Counter(once(box.client)[0] for _ in range(10)) == {SERVERS[0]: 10}
        assert moved > 0
        assert {one.ask()[0] for one in datagrams} == {SERVERS[0]}, "datagrams go to who is left"


def test_datagrams_from_before_the_service_find_it(box: Wires) -> None:
    other = rules(Snapshot.of([service("web", [ADDRESS], PORTS[:1]), *both()]), "box").rules
    box.on_box(kernel.apply(ruleset(other)))  # the kernel remembers datagrams once there are rules at all
    with Talk(box.client, udp=True) as early:
        with pytest.raises(ConnectionRefusedError):
            early.ask()
        after = made(*both(SERVERS[:1]))
        box.on_box(kernel.apply(ruleset(after)))
        with inside(box.box):
            kernel.forget_stale(after, ())
        assert early.ask()[0] == SERVERS[0]


def test_a_service_without_servers_refuses(box: Wires) -> None:
    down = slice_of("web", SERVERS, TARGETS, conditions={"ready": False})
    with inside(box.box), socket.create_server((ADDRESS, 80)):
        with Talk(box.client):
            pass
        box.on_box(kernel.apply(ruleset(made(down))))
        with pytest.raises(ConnectionRefusedError):
            once(box.client)


def test_only_named_networks_are_let_in(box: Wires) -> None:
    box.on_box(kernel.apply(ruleset(made(*both(), loadBalancerSourceRanges=[f"{CLIENT}/32", "fd0a::/16"]))))
    assert once(box.client)[0] in SERVERS
    with Talk(box.client, udp=True, to=ADDRESS6) as talk, pytest.raises(TimeoutError):
        talk.ask(patience=0.5)


def test_servers_on_loopback_are_found_at_the_address(box: Wires) -> None:
    box.on_box(kernel.apply(ruleset(made(slice_of("web", ["127.0.0.1"], TARGETS)))))
    with inside(box.box), socket.create_server(("0.0.0.0", 8080)) as listener, Talk(box.client):
        listener.settimeout(PATIENCE)
        taken, (peer, _) = listener.accept()
        taken.close()
    assert peer == CLIENT


def test_a_broken_text_changes_nothing(box: Wires) -> None:
    text = ruleset(made(*both()))
    box.on_box(kernel.apply(text))
    for broken in (text.replace("10.2.0.2", "10.2.0.299"), text.replace("priority dstnat;", "priority nothing;")):
        with pytest.raises(Permanent, match="refused"):
            box.on_box(kernel.apply(broken))
    assert once(box.client)[0] in SERVERS


def test_other_tables_are_left_alone_and_ours_goes(box: Wires) -> None:
    def tables() -> set[str]:
        command = ["ip", "netns", "exec", box.box, "nft", "list", "tables"]
        return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines())

    box.on_box(kernel.apply("table inet foreign { }\n"))
    box.on_box(kernel.apply(ruleset(made(*both()))))
    assert tables() == {"table inet foreign", f"table inet {TABLE}"}
    assert box.on_box(kernel.is_there())
    box.on_box(kernel.apply(ruleset(())))
    assert tables() == {"table inet foreign"}
    assert not box.on_box(kernel.is_there())
    box.on_box(kernel.apply("delete table inet foreign\n"))
