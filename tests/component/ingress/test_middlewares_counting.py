"""rateLimit, inFlightReq and circuitBreaker on a real Envoy with two workers, and the service that counts."""

import asyncio
import http.client
import json
import select
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.component.ingress.middleware_lab import Lab, Reply, Spec, lab
from tests.component.ingress.moody_backend import Moody
from tests.waiting import wait_for

SLOW = {"average": 1, "period": "1h", "burst": 3}
CASES: dict[str, list[Spec]] = {
    "rate": [("rateLimit", SLOW)],
    "rate-other": [("rateLimit", SLOW)],
    "rate-unlimited": [("rateLimit", {"average": 0, "burst": 1})],
    "rate-default-burst": [("rateLimit", {"average": 1, "period": "1h"})],
    "rate-header": [("rateLimit", {**SLOW, "sourceCriterion": {"requestHeaderName": "X-User"}})],
    "rate-host": [("rateLimit", {**SLOW, "sourceCriterion": {"requestHost": True}})],
    "rate-depth": [("rateLimit", {**SLOW, "sourceCriterion": {"ipStrategy": {"depth": 1}}})],
    "rate-excluded": [("rateLimit", {**SLOW, "sourceCriterion": {"ipStrategy": {"excludedIPs": ["10.0.0.0/8"]}}})],
    "rate-subnet": [("rateLimit", {**SLOW, "sourceCriterion": {"ipStrategy": {"depth": 1, "ipv6Subnet": 64}}})],
    "rate-queue": [("rateLimit", {"average": 5, "burst": 1})],
    "headers-rate": [
        ("headers", {"customResponseHeaders": {"X-Outer": "yes"}}),
        ("rateLimit", SLOW),
        ("headers", {"customResponseHeaders": {"X-Inner": "yes"}}),
    ],
    "allowed-rate": [("ipAllowList", {"sourceRange": ["10.0.0.0/8"]}), ("rateLimit", SLOW)],
    "running": [("inFlightReq", {"amount": 2})],
    "running-header": [("inFlightReq", {"amount": 1, "sourceCriterion": {"requestHeaderName": "X-User"}})],
    "running-none": [("inFlightReq", {"amount": 1}), ("headers", {"customResponseHeaders": {"X-Inner": "yes"}})],
    "running-many": [("inFlightReq", {"amount": 250})],
    "breaker": [
        (
            "circuitBreaker",
            {
                "expression": "ResponseCodeRatio(500, 600, 0, 600) > 0.5",
                "fallbackDuration": "400ms",
                "recoveryDuration": "400ms",
                "checkPeriod": "20ms",
                "responseCode": 418,
            },
        )
    ],
    "breaker-network": [("circuitBreaker", {"expression": "NetworkErrorRatio() > 0.3", "checkPeriod": "20ms"})],
    "breaker-slow": [("circuitBreaker", {"expression": "LatencyAtQuantileMS(50.0) > 50", "checkPeriod": "20ms"})],
}


@pytest.fixture(scope="module")
def counting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("lab"), CASES, handler=Moody, workers=2) as running:
        yield running


def statuses(counting: Lab, case: str, count: int, **request: object) -> list[int]:
    return [counting.ask(case, **request).status for _ in range(count)]  # type: ignore[arg-type]


def test_lets_a_burst_through_and_says_when_to_come_back(counting: Lab) -> None:
    assert statuses(counting, "rate", 3) == [200, 200, 200]
    refused = counting.ask("rate")
    assert (refused.status, refused.body) == (429, b"Too Many Requests")
    assert 3590 <= int(refused.headers["retry-after"]) <= 3600
    assert refused.headers["x-retry-in"].startswith("59m59.")
    assert statuses(counting, "rate-other", 4) == [200, 200, 200, 429], "every router counts for itself"


def test_a_flood_is_refused_by_the_proxy_itself(counting: Lab) -> None:
    for _ in range(30):
        refused = counting.ask("rate-default-burst")
    assert (refused.status, refused.body) == (429, b"Too Many Requests")
    assert refused.headers["x-retry-in"] == "1h0m0s"
    assert int(refused.headers["retry-after"]) > 3000


def test_average_zero_is_no_limit(counting: Lab) -> None:
    assert set(statuses(counting, "rate-unlimited", 20)) == {200}


@pytest.mark.parametrize(
    ("case", "one", "other"),
    [
        ("rate-header", {"X-User": "a"}, {"X-User": "b"}),
        ("rate-header", {}, {"X-User": "c"}),
        ("rate-depth", {"X-Forwarded-For": "1.1.1.1, 2.2.2.2"}, {"X-Forwarded-For": "2.2.2.2, 1.1.1.1"}),
        ("rate-excluded", {"X-Forwarded-For": "1.1.1.1, 10.1.1.1"}, {"X-Forwarded-For": "1.1.1.2, 10.1.1.1"}),
        ("rate-subnet", {"X-Forwarded-For": "fd00:1::1"}, {"X-Forwarded-For": "fd00:2::1"}),
    ],
)
def test_tells_sources_apart(counting: Lab, case: str, one: dict[str, str], other: dict[str, str]) -> None:
    assert statuses(counting, case, 4, headers=one, scope="trusted") == [200, 200, 200, 429]
    assert statuses(counting, case, 1, headers=other, scope="trusted") == [200]


def test_addresses_of_one_subnet_are_one_source(counting: Lab) -> None:
    names = [f"fd00:3::{number}" for number in range(4)]
    answers = [counting.ask("rate-subnet", headers={"X-Forwarded-For": n}, scope="trusted").status for n in names]
    assert answers == [200, 200, 200, 429]


def test_hosts_are_sources_whatever_their_port(counting: Lab) -> None:
    hosts = ["rate-host.test", "RATE-host.test:80", "rate-host.test:81", "rate-host.test:82"]
    assert [counting.ask("rate-host", host=host).status for host in hosts] == [200, 200, 200, 429]


def test_who_comes_a_little_early_waits(counting: Lab) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: counting.ask("rate-queue").status, range(4)))
    assert sorted(answers) == [200, 429, 429, 429]
    wait_for(lambda: counting.ask("rate-queue").status == 200, within=2, what="a token")


def test_only_what_stands_before_changes_a_refusal(counting: Lab) -> None:
    replies = [counting.ask("headers-rate") for _ in range(4)]
    assert [reply.headers.get("x-outer") for reply in replies] == ["yes"] * 4
    assert [reply.headers.get("x-inner") for reply in replies] == ["yes"] * 3 + [None]


def test_who_is_refused_before_takes_no_token(counting: Lab) -> None:
    assert set(statuses(counting, "allowed-rate", 6)) == {403}


def test_the_source_stays_inside(counting: Lab) -> None:
    seen = counting.ask("rate-header", headers={"X-User": "x"}).seen
    assert seen is not None
    assert not [name for name, _ in seen["headers"] if name.lower().startswith("x-hg-")]


class Held:
    """A request that the backend answers only when it is let go."""

    def __init__(self, counting: Lab, case: str, gate: str, user: str = "") -> None:
        before = Moody.waiting[gate]
        answer = json.dumps({"gate": gate})
        request = f"GET / HTTP/1.1\r\nHost: {case}.test\r\nX-Answer: {answer}\r\nX-User: {user}\r\n\r\n".encode()

        def ask() -> socket.socket:
            made = socket.create_connection(("127.0.0.1", counting.ports["plain"]), 10)
            made.sendall(request)
            return made

        self.connection: socket.socket = ask()

        def arrived() -> bool:
            """An earlier request's place may be free a moment after its answer: this one is refused then."""
            if Moody.waiting[gate] == before and select.select([self.connection], [], [], 0.01)[0]:
                self.connection.close()
                self.connection = ask()
            return Moody.waiting[gate] > before

        wait_for(arrived, what="the request at the backend")

    def status(self) -> int:
        return int(self.connection.recv(4096).split()[1])

    def close(self) -> None:
        self.connection.close()


def test_only_so_many_are_under_way(counting: Lab) -> None:
    gate = threading.Event()
    Moody.gates["running"] = gate
    held = [Held(counting, "running", "running") for _ in range(2)]
    refused = counting.ask("running")
    assert (refused.status, refused.body) == (429, b"max connections reached: 2")
    assert refused.headers["content-type"] == "text/plain; charset=utf-8"
    gate.set()
    assert [one.status() for one in held] == [200, 200]
    for one in held:
        one.close()
    wait_for(lambda: set(statuses(counting, "running", 5)) == {200}, within=5, what="free places")


def test_sources_do_not_disturb_each_other(counting: Lab) -> None:
    gate = threading.Event()
    Moody.gates["user"] = gate
    held = Held(counting, "running-header", "user", user="a")
    assert counting.ask("running-header", headers={"X-User": "a"}).status == 429
    assert counting.ask("running-header", headers={"X-User": "b"}).status == 200
    gate.set()
    assert held.status() == 200
    held.close()


def test_a_client_that_goes_away_frees_its_place(counting: Lab) -> None:
    gate = threading.Event()
    Moody.gates["away"] = gate
    for _ in range(20):
        held = Held(counting, "running-none", "away")
        refused = counting.ask("running-none")
        assert (refused.status, refused.headers.get("x-inner")) == (429, None)
        held.close()
        wait_for(lambda: counting.ask("running-none").status == 200, within=5, what="a free place")
    gate.set()


def fails(counting: Lab, case: str, status: int = 500) -> int:
    return counting.ask(case, answer={"statuses": [status]}).status


def test_opens_recovers_and_closes(counting: Lab) -> None:
    assert statuses(counting, "breaker", 3) == [200, 200, 200]
    wait_for(lambda: fails(counting, "breaker") == 418, within=5, what="the breaker")

    def refused() -> Reply | None:
        found = counting.ask("breaker")
        return found if found.status == 418 else None

    # Each of the proxy's workers hears of it within a checkPeriod of its own.
    opened = wait_for(refused, within=5, what="the other worker")
    assert opened is not None
    assert (opened.body, opened.seen) == (b"I'm a Teapot", None)
    wait_for(lambda: counting.ask("breaker").status == 200, within=5, what="the first to pass")
    mixed: list[int] = []

    def closed() -> bool:
        mixed.append(counting.ask("breaker").status)
        return len(mixed) > 40 and set(mixed[-40:]) == {200}

    wait_for(closed, within=5, what="the end of the recovery")
    assert 418 in mixed, "it lets only a part through at first"


def test_opens_again_while_it_fails(counting: Lab) -> None:
    wait_for(lambda: fails(counting, "breaker") == 418, within=5, what="the breaker")
    wait_for(lambda: fails(counting, "breaker") == 500, within=5, what="the first to pass")
    wait_for(lambda: fails(counting, "breaker") == 418, within=5, what="the breaker again")
    wait_for(lambda: counting.ask("breaker").status == 200, within=5, what="the recovery")


def test_opens_on_network_errors(counting: Lab) -> None:
    wait_for(lambda: fails(counting, "breaker-network", 502) == 503, within=5, what="the breaker")
    wait_for(lambda: counting.ask("breaker-network").body == b"Service Unavailable", within=5, what="both workers")


def test_opens_on_latency(counting: Lab) -> None:
    def asked_slowly() -> int:
        """Quick requests in between would be most of those that are looked at."""
        gate = Moody.gates["slow"] = threading.Event()
        threading.Timer(0.15, gate.set).start()
        return counting.ask("breaker-slow", answer={"gate": "slow"}).status

    assert asked_slowly() == 200
    wait_for(lambda: asked_slowly() == 503, within=10, what="the breaker")


def test_lets_requests_pass_while_nobody_counts(tmp_path_factory: pytest.TempPathFactory) -> None:
    with lab(tmp_path_factory.mktemp("lab"), CASES, handler=Moody, auth=False) as alone:
        assert statuses(alone, "running", 3) == [200] * 3
        assert {fails(alone, "breaker") for _ in range(10)} == {500}
        answers = statuses(alone, "rate", 12)
        assert answers[:3] == [200] * 3
        assert answers[-1] == 429, "the proxy's own limit holds"


def test_an_open_breaker_lets_requests_pass_when_the_service_dies(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with lab(tmp_path_factory.mktemp("lab"), {"breaker": CASES["breaker-network"]}, handler=Moody) as running:
        wait_for(lambda: fails(running, "breaker", 502) == 503, within=5, what="the breaker")
        asyncio.run_coroutine_threadsafe(running.auth.stop(), running.loop).result(10)
        wait_for(lambda: running.ask("breaker").status == 200, within=5, what="an end of refusals")


def test_requests_under_way_outlive_the_service(tmp_path_factory: pytest.TempPathFactory) -> None:
    Moody.gates["outlive"] = threading.Event()
    with lab(tmp_path_factory.mktemp("lab"), {"running": CASES["running"]}, handler=Moody) as alone:
        held = Held(alone, "running", "outlive")
        asyncio.run_coroutine_threadsafe(alone.auth.stop(), alone.loop).result(10)
        assert statuses(alone, "running", 3) == [200] * 3
        asyncio.run_coroutine_threadsafe(alone.auth.start(), alone.loop).result(10)
        Moody.gates["outlive"].set()
        assert held.status() == 200
        held.close()


def test_hundreds_may_be_under_way(counting: Lab) -> None:
    gate = threading.Event()
    Moody.gates["hundreds"] = gate
    held = [Held(counting, "running-many", "hundreds") for _ in range(250)]
    assert counting.ask("running-many").status == 429
    gate.set()
    assert [one.status() for one in held] == [200] * 250
    for one in held:
        one.close()


def test_one_connection_after_another_request_keeps_its_place(counting: Lab) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", counting.ports["plain"], timeout=10)
    for _ in range(50):
        connection.request("GET", "/", headers={"Host": "running.test"})
        response = connection.getresponse()
        assert (response.status, response.read()) == (200, b"")
    connection.close()
