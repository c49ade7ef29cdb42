"""BGP with the routers that people have: what their kernels learn from us."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from hearthgate.balancer.bfd.machine import Timers
from hearthgate.balancer.bgp.model import Bfd, Communities, Path, Peer, Session
from hearthgate.balancer.bgp.router import Router
from hearthgate.model.secret import SecretBytes
from tests.routers import NEEDS_BIRD, NEEDS_FRR, OURS, OURS_V6, THEIRS, THEIRS_V6, Wire, bird, frr, wire
from tests.waiting import eventually

WITHIN = 20.0
V4 = {ip_network("10.50.0.1/32"): Path(), ip_network("10.50.1.0/24"): Path()}
V6 = {ip_network("fd50::1/128"): Path()}
FRR_PEER = f" neighbor {OURS} remote-as 65001\n neighbor {OURS} timers 3 9\n neighbor {OURS} passive\n"
FRR_V6 = (
    f" neighbor {OURS_V6} remote-as 65001\n neighbor {OURS_V6} passive\n"
    f" address-family ipv6 unicast\n  neighbor {OURS_V6} activate\n"
)
FAST_PROFILE = "bfd\n profile fast\n  receive-interval 100\n  transmit-interval 100\n"
FAST = Bfd(Timers(100_000, 100_000, 3))


def session(routes: dict[Any, Path], *, to: str = THEIRS, bfd: Bfd | None = None, **peer: Any) -> Session:
    told = {"local_asn": 65001, "remote_asn": 65002, "is_internal": False, "connect_time": 1, **peer}
    address = ip_address(to)
    return Session(
        ("infra", to), Peer(address=address, port=179, **{"families": (address.version,), **told}), bfd, routes
    )


@contextlib.asynccontextmanager
async def speaking(*sessions: Session) -> AsyncIterator[Router]:
    router = Router("a")
    router.apply(sessions)
    task = asyncio.create_task(router.run())
    try:
        yield router
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def trouble(router: Router) -> str:
    return " ".join(one.trouble for one in router.state.values())


def opens(router: Router) -> int:
    return sum(one.counts.opens_sent for one in router.state.values())


def told(router: Router) -> int:
    return sum(one.counts.updates_sent for one in router.state.values())


def bfd_is_up(router: Router) -> bool:
    return any(one.bfd is not None and one.bfd.is_up for one in router.state.values())


@pytest.fixture
def lan() -> Iterator[Wire]:
    with wire() as made:
        yield made


async def until(condition: Any, what: str = "the condition") -> None:
    await eventually(lambda: asyncio.to_thread(condition), within=WITHIN, what=what)


class TestFrr:
    pytestmark = NEEDS_FRR

    async def test_routes_come_and_go(self, lan: Wire) -> None:
        with frr(lan, FRR_PEER):
            async with speaking(session(V4)) as router:
                await until(lambda: lan.has("10.50.0.1", "10.50.1.0/24"), "both routes")
                assert lan.routes()["10.50.0.1"]["gateway"] == OURS
                (state,) = router.state.values()
                assert (state.is_up, state.announced, state.trouble) == (True, 2, "")
                before = opens(router)
                router.apply([session({ip_network("10.50.0.9/32"): Path()})])
                await until(lambda: lan.has("10.50.0.9"), "the new route alone")
                assert opens(router) == before, "in the same session"
            await until(lan.has, "no route after the end")

    async def test_ipv6(self, lan: Wire) -> None:
        with frr(lan, FRR_V6):
            async with speaking(session(V6, to=THEIRS_V6)):
                await until(lambda: lan.has("fd50::1"), "the route of IPv6")

    async def test_both_families_in_one_session(self, lan: Wire) -> None:
        config = FRR_PEER + f" address-family ipv6 unicast\n  neighbor {OURS} activate\n"
        with frr(lan, config):
            async with speaking(session({**V4, **V6}, families=(4, 6))):
                await until(lambda: lan.has("10.50.0.1", "10.50.1.0/24", "fd50::1"), "routes of both families")

    async def test_a_family_that_the_router_does_not_take_is_told(self, lan: Wire) -> None:
        with frr(lan, FRR_PEER):
            async with speaking(session({**V4, **V6}, families=(4, 6))) as router:
                await until(lambda: lan.has("10.50.0.1", "10.50.1.0/24"), "the routes of IPv4")
                assert "no IPv6 route is announced" in trouble(router)

    async def test_password(self, lan: Wire) -> None:
        with frr(lan, FRR_PEER + f" neighbor {OURS} password s3cret\n"):
            async with speaking(session(V4, password=SecretBytes(b"s3cret"))):
                await until(lambda: lan.has("10.50.0.1", "10.50.1.0/24"), "routes over a session with a password")

    async def test_communities_and_the_path(self, lan: Wire) -> None:
        communities = Communities(plain=(65000 << 16 | 7,), large=((65001, 1, 2),))
        with frr(lan, FRR_PEER) as router:
            async with speaking(session({ip_network("10.50.0.1/32"): Path(0, communities)})):
                await until(lambda: lan.has("10.50.0.1"), "the route")
                (path,) = router.show("bgp ipv4 unicast 10.50.0.1/32")["paths"]
                assert path["community"]["list"] == ["65000:7"]
                assert path["largeCommunity"]["list"] == ["65001:1:2"]
                assert (path["aspath"]["string"], path["origin"]) == ("65001", "IGP")

    async def test_local_preference_inside_an_as(self, lan: Wire) -> None:
        with frr(lan, FRR_PEER.replace("65001", "65002")) as router:
            routes = {ip_network("10.50.0.1/32"): Path(250), ip_network("10.50.0.2/32"): Path()}
            async with speaking(session(routes, local_asn=65002, is_internal=True)):
                await until(lambda: lan.has("10.50.0.1", "10.50.0.2"), "the routes")
                shown = [router.show(f"bgp ipv4 unicast 10.50.0.{last}/32")["paths"][0] for last in (1, 2)]
                assert [path.get("localpref", path.get("locPrf")) for path in shown] == [250, 100]

    async def test_the_wrong_as_number_is_told(self, lan: Wire) -> None:
        with frr(lan, FRR_PEER):
            async with speaking(session(V4, remote_asn=65099)) as router:
                await until(lambda: "AS 65002" in trouble(router), "words for it")
            async with speaking(session(V4, remote_asn=None)):
                await until(lambda: lan.has("10.50.0.1", "10.50.1.0/24"), "any other AS (dynamicASN external)")

    async def test_a_router_that_asks_again_gets_all_again(self, lan: Wire) -> None:
        with frr(lan, FRR_PEER) as router:
            async with speaking(session(V4)) as ours:
                await until(lambda: lan.has("10.50.0.1", "10.50.1.0/24"), "both routes")
                before, opened = told(ours), opens(ours)
                await asyncio.to_thread(router.do, f"clear bgp ipv4 unicast {OURS} in")
                await until(lambda: told(ours) > before, "UPDATEs again")
                assert opens(ours) == opened, "in the same session"

    async def test_a_router_that_restarts_is_found_again(self, lan: Wire) -> None:
        with frr(lan, FRR_PEER) as router:
            async with speaking(session(V4)):
                await until(lambda: lan.has("10.50.0.1", "10.50.1.0/24"), "both routes")
                router.kill("bgpd")
                await asyncio.to_thread(router.start, "bgpd")
                neighbor = f"bgp neighbors {OURS}"
                await until(
                    lambda: router.show(neighbor)[OURS].get("bgpState") == "Established", "the session again"
                )

    async def test_graceful_restart_keeps_the_routes(self, lan: Wire) -> None:
        with frr(lan, FRR_PEER + f" neighbor {OURS} graceful-restart\n") as router:
            async with speaking(session(V4, graceful=True)):
                await until(lambda: lan.has("10.50.0.1", "10.50.1.0/24"), "both routes")
            state = f"bgp neighbors {OURS}"
            await until(lambda: router.show(state)[OURS]["bgpState"] != "Established", "the session down")
            assert lan.has("10.50.0.1", "10.50.1.0/24")
            async with speaking(session({ip_network("10.50.0.1/32"): Path()}, graceful=True)):
                await until(lambda: lan.has("10.50.0.1"), "the route that is gone swept after the restart")

    async def test_bfd_takes_the_routes_away(self, lan: Wire) -> None:
        with frr(lan, FRR_PEER + f" neighbor {OURS} bfd profile fast\n", bfd=FAST_PROFILE):
            async with speaking(session(V4, bfd=FAST, hold_time=90)) as ours:
                both = ("10.50.0.1", "10.50.1.0/24")
                await until(lambda: bfd_is_up(ours) and lan.has(*both), "BFD up, and the routes there")
                lan.cut()
                await until(lan.has, "the routes gone, long before the hold time")
                # Nothing that the router says gets here: it is our own BFD that ends our session.
                await until(lambda: not any(one.is_up for one in ours.state.values()), "our session ended")
                lan.mend()
                await until(lambda: bfd_is_up(ours) and lan.has(*both), "all as before")

    @pytest.mark.parametrize("is_far", [False, True])
    async def test_bfd_of_ipv6_and_over_several_hops(self, lan: Wire, is_far: bool) -> None:
        here, there = (OURS, THEIRS) if is_far else (OURS_V6, THEIRS_V6)
        lines = (
            FRR_PEER + f" neighbor {OURS} ebgp-multihop 5\n neighbor {OURS} bfd\n"
            if is_far
            else FRR_V6.replace(" address-family", f" neighbor {OURS_V6} bfd\n address-family")
        )
        bfd = FAST._replace(minimum_ttl=254 if is_far else None)
        with frr(lan, lines, bfd="bfd\n") as router:
            async with speaking(session(V4 if is_far else V6, to=there, bfd=bfd, multihop=is_far)) as ours:
                await until(lambda: bfd_is_up(ours), "BFD up")
                (shown,) = router.show("bfd peers")
                assert (shown["peer"], shown["multihop"], shown["status"]) == (here, is_far, "up")


class TestBird:
    pytestmark = NEEDS_BIRD

    async def test_both_families_password_communities_and_bfd(self, lan: Wire) -> None:
        config = f"""
        protocol bfd {{ interface "cli" {{ interval 100 ms; multiplier 3; }}; }}
        protocol bgp four {{
            local {THEIRS} as 65002; neighbor {OURS} as 65001; passive; password "s3cret"; bfd on;
            ipv4 {{ import all; export none; }};
        }}
        protocol bgp six {{
            local {THEIRS_V6} as 65002; neighbor {OURS_V6} as 65001; passive;
            ipv6 {{ import all; export none; }};
        }}
        """
        four = {ip_network("10.50.0.1/32"): Path(0, Communities((65000 << 16 | 7,), ((65001, 1, 2),)))}
        with bird(lan, config) as router:
            wanted = (session(four, password=SecretBytes(b"s3cret"), bfd=FAST), session(V6, to=THEIRS_V6))
            async with speaking(*wanted):
                await until(lambda: lan.has("10.50.0.1", "fd50::1"), "routes of both families")
                shown = router.show("route all for 10.50.0.1")
                assert "(65000,7)" in shown
                assert "(65001, 1, 2)" in shown
                await until(lambda: "Up" in router.show("bfd sessions"), "BFD up")
                lan.cut()
                await until(lambda: "10.50.0.1" not in lan.routes(), "the route gone")
