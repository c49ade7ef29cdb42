"""Public records at a real name server that takes dynamic updates."""

import base64
from collections.abc import Iterator

import dns.name
import dns.tsig
import pytest

from hearthgate.dns.nameserver.settings import Place
from hearthgate.dns.records.model import Action, Wanted
from hearthgate.dns.records.plan import Policy, plan
from hearthgate.dns.records.registry import Registry
from hearthgate.dns.records.rfc2136 import DynamicZone
from hearthgate.model.errors import Permanent, Transient
from tests.acme import knot
from tests.ports import free_port

ZONE = "home.test"
OURS = Registry("hearthgate")


@pytest.fixture(scope="module")
def server() -> Iterator[knot.Knot]:
    with knot.run_knot(ZONE, whole=True) as made:
        yield made


def zone(server: knot.Knot, *, secret: str = "", name: str = "", port: int = 0) -> DynamicZone:
    key = dns.tsig.Key(
        dns.name.from_text(name or server.key_name), base64.b64decode(secret or server.secret), server.algorithm
    )
    return DynamicZone(Place("127.0.0.1", port or server.port), ZONE, OURS, key)


def wanted(*records: tuple[str, str, str]) -> list[Wanted]:
    return [
        Wanted(host, type_, frozenset(content.split()), 300, False, "setting") for host, type_, content in records
    ]


async def test_records_come_change_and_go_beside_those_of_others(server: knot.Knot) -> None:
    one = zone(server)
    before = await one.held()
    assert before["www.home.test", "A"].owner == ""
    first = wanted((ZONE, "A", "1.2.3.4"), (f"*.{ZONE}", "CNAME", ZONE), (f"www.{ZONE}", "A", "1.2.3.4"))
    changes = plan(before, first, Policy("hearthgate"))
    assert {change.action for change in changes if change.name == "www.home.test"} == {Action.SKIP}
    assert await one.apply(changes) == 2
    held = await one.held()
    assert held[ZONE, "A"].contents == {"1.2.3.4"}
    assert held[f"*.{ZONE}", "CNAME"].contents == {ZONE}
    assert {held[ZONE, "A"].owner, held[f"*.{ZONE}", "CNAME"].owner} == {"hearthgate"}
    again = plan(held, first, Policy("hearthgate"))
    assert not [change for change in again if change.is_write]
    second = plan(held, wanted((ZONE, "A", "5.6.7.8 9.9.9.9")), Policy("hearthgate", deletes=True))
    assert await one.apply(second) == 2
    last = await one.held()
    assert last[ZONE, "A"].contents == {"5.6.7.8", "9.9.9.9"}
    assert (f"*.{ZONE}", "CNAME") not in last
    assert server.texts(f"cname-own.any.{ZONE}") == set()
    assert last["www.home.test", "A"] == before["www.home.test", "A"]
    assert last["ns1.home.test", "A"] == before["ns1.home.test", "A"]


async def test_a_key_that_may_not(server: knot.Knot) -> None:
    with pytest.raises(Permanent, match="allow the key to transfer it"):
        await zone(server, name=server.reader).held()
    wrong = base64.b64encode(b"x" * 32).decode()
    changes = plan({}, wanted((ZONE, "A", "1.1.1.1")), Policy("hearthgate"))
    with pytest.raises(Permanent, match="refuses") as refused:
        await zone(server, secret=wrong).apply(changes)
    assert wrong not in str(refused.value)


async def test_a_server_that_is_away(server: knot.Knot) -> None:
    with pytest.raises(Transient, match="does not hand out"):
        await zone(server, port=free_port()).held()
