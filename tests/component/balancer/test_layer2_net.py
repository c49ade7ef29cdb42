"""Addresses in a network of our own: real clients find them, others are noticed."""

import asyncio
import ctypes
import os
import shutil
import subprocess
import uuid
from collections.abc import AsyncIterator
from ipaddress import ip_address
from typing import NamedTuple

import pytest

from hearthgate.balancer.layer2 import announcer
from hearthgate.balancer.layer2.announcer import Announcer, Counts
from hearthgate.balancer.layer2.box import BoxAnnouncer
from hearthgate.balancer.layer2.conflicts import Conflict
from tests.waiting import eventually

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.skipif(
        any(shutil.which(name) is None for name in ("ip", "arping", "ndisc6")),
        reason="needs the Debian packages iproute2, arping and ndisc6",
    ),
]
V4, V6 = ip_address("10.9.0.50"), ip_address("fd09::50")


def shell(command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command.split(), capture_output=True, text=True, check=False)


class Lan(NamedTuple):
    """client: namespace of the other machine; its interface is `cli`, ours `lan`."""

    announcer: Announcer
    conflicts: list[Conflict]
    client: str

    async def ask(self, command: str) -> int:
        done = await asyncio.to_thread(shell, f"ip netns exec {self.client} {command}")
        return done.returncode


@pytest.fixture
async def lan() -> AsyncIterator[Lan]:
    mark = uuid.uuid4().hex[:8]
    here, there = f"hg-a-{mark}", f"hg-b-{mark}"
    libc = ctypes.CDLL(None)
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    try:
        for name in (here, there):
            shell(f"ip netns add {name}")
        shell(f"ip link add lan netns {here} type veth peer name cli netns {there}")
        for name, device, number in ((here, "lan", 1), (there, "cli", 2)):
            shell(f"ip -n {name} addr add 10.9.0.{number}/24 dev {device}")
            shell(f"ip -n {name} addr add fd09::{number}/64 dev {device} nodad")
            shell(f"ip -n {name} link set {device} up")
        inside = os.open(f"/run/netns/{here}", os.O_RDONLY)
        assert libc.setns(inside, 0) == 0
        os.close(inside)
        conflicts: list[Conflict] = []
        made = Announcer(may_answer=lambda: True, on_conflict=conflicts.append)
        await made.start()
        try:
            yield Lan(made, conflicts, there)
        finally:
            await made.stop()
    finally:
        libc.setns(home, 0)
        os.close(home)
        for name in (here, there):
            shell(f"ip netns del {name}")


async def test_clients_find_announced_addresses_only(lan: Lan) -> None:
    lan.announcer.announce(V4, interfaces=None)
    lan.announcer.announce(V6, interfaces=None)
    await eventually(lambda: lan.announcer.state[V4].interfaces == ("lan",), what="the interface is used")
    assert await lan.ask(f"arping -c 1 -w 2 -i cli {V4}") == 0
    assert await lan.ask(f"ndisc6 -1 -r 2 {V6} cli") == 0
    lan.announcer.keep_only([V6])
    assert await lan.ask(f"arping -c 1 -w 1 -i cli {V4}") == 1
    assert lan.announcer.counts[V4].responses >= 1


async def test_who_has_an_address_is_found_by_a_probe(lan: Lan) -> None:
    found = await lan.announcer.probe(ip_address("10.9.0.2"), None)
    assert found is not None
    assert found.interface == "lan"
    assert await lan.announcer.probe(ip_address("10.9.0.77"), None) is None


async def test_a_lost_carrier_and_a_foreign_claim_are_told(lan: Lan) -> None:
    lan.announcer.announce(V4, interfaces=None)
    await lan.ask(f"ip addr add {V4}/24 dev cli")
    await lan.ask(f"arping -c 1 -w 1 -U -S {V4} -i cli {V4}")
    await eventually(lambda: lan.conflicts, what="the conflict")
    assert lan.announcer.state[V4].foreign == lan.conflicts[0].foreign
    await lan.ask("ip link set cli down")
    await eventually(lambda: "no carrier" in lan.announcer.state[V4].trouble, what="the loss")
    await lan.ask("ip link set cli up")
    await eventually(lambda: lan.announcer.state[V4].interfaces == ("lan",), what="the return")


async def test_a_claim_is_answered_once_in_a_while(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 5227 2.4 (c): whoever was misled by it learns better, and two that will not yield do not shout."""
    monkeypatch.setattr(announcer, "REPEATS", (0.0,))
    lan.announcer.announce(V4, interfaces=None)
    await eventually(lambda: lan.announcer.counts.get(V4, Counts()).gratuitous == 2, what="the announcement")
    for number in range(1, 4):
        await lan.ask(f"arping -c 1 -w 1 -U -S {V4} -i cli {V4}")
        await eventually(lambda many=number: len(lan.conflicts) >= many, what="the conflict")  # type: ignore[misc]
    assert lan.announcer.counts[V4].gratuitous == 4, "one defence is a pair of frames"


async def test_switches_that_look_into_multicast_let_questions_through(lan: Lan) -> None:
    """They forward to who has joined a group (RFC 4541), and neighbours are asked for in groups."""
    shell(f"ip -n {lan.client} link add br0 type bridge mcast_snooping 1")
    shell(f"ip -n {lan.client} link set cli master br0")
    shell(f"ip -n {lan.client} link set br0 up")
    group = "ff02::1:ff00:50"

    async def is_known() -> bool:
        done = await asyncio.to_thread(shell, f"ip netns exec {lan.client} bridge mdb show")
        return group in done.stdout

    lan.announcer.announce(V6, interfaces=None)
    await eventually(is_known, what="the group at the switch")
    lan.announcer.withdraw(V6)
    await eventually(lambda: group not in shell("ip maddress show dev lan").stdout, what="the end of it")


async def test_a_box_takes_what_it_announces_and_gives_it_up(lan: Lan) -> None:
    shell("ip link set lo up")  # as on every machine
    box = BoxAnnouncer(lan.announcer)
    box.announce(V4, interfaces=None)
    box.announce(V6, interfaces=None)
    assert [one.trouble for one in box.state.values()] == ["", ""]
    for ping in ("ping -c1 -W1 10.9.0.50", "ping -6 -c1 -W1 fd09::50"):

        async def is_answered(command: str = ping) -> bool:
            return await lan.ask(command) == 0

        await eventually(is_answered, what=ping)
    assert await box.probe(V4, None) is None, "what our own kernel answers for is ours"
    again = BoxAnnouncer(lan.announcer)
    again.keep_only([V6])
    shell(f"ip -n {lan.client} neigh flush all")
    assert await lan.ask("ping -c1 -W1 10.9.0.50") != 0
    assert await lan.ask("ping -6 -c1 -W2 fd09::50") == 0


async def test_one_of_several_boxes_answers_itself_or_nobody_does(lan: Lan) -> None:
    shell("ip link set lo up")
    box = BoxAnnouncer(lan.announcer, alone=False)
    box.announce(V4, interfaces=None)
    box.announce(V6, interfaces=None)

    async def is_answered() -> bool:
        return await lan.ask("ping -c1 -W1 10.9.0.50") == 0

    await eventually(is_answered, what="the address")
    assert await lan.ask(f"arping -c 1 -w 2 -i cli {V4}") == 0
    box.keep_only([], in_reach=[V4, V6])
    shell(f"ip -n {lan.client} neigh del 10.9.0.50 dev cli")
    shell(f"ip -n {lan.client} neigh flush all")
    assert await lan.ask(f"arping -c 1 -w 1 -i cli {V4}") == 1, "neither the program nor its kernel"
    assert await lan.ask(f"ndisc6 -1 -r 1 -w 500 {V6} cli") != 0
    assert "10.9.0.50" in shell("ip route show table local proto 72").stdout, "still taken"
    box.keep_only([])
    assert "10.9.0.50" not in shell("ip route show table local proto 72").stdout


async def test_what_routers_send_is_taken_whatever_is_announced_here(lan: Lan) -> None:
    shell("ip link set lo up")
    box = BoxAnnouncer(lan.announcer)
    assert box.take([V4, V6]) == {}
    box.keep_only([])
    assert await lan.ask(f"ping -c 1 -W 2 {V4}") == 0
    box.announce(V6, interfaces=None)
    box.take([])
    assert await lan.ask(f"ping -c 1 -W 1 {V4}") == 1
    assert V6 in box.state
    box.keep_only([])
