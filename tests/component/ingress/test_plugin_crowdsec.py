"""plugin.crowdsec-bouncer on a real Envoy, with a stand-in of CrowdSec's local API."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from hearthgate.model.secret import SecretBytes
from hearthgate.resources.core import Secret
from hearthgate.resources.meta import ObjectMeta
from tests.component.ingress import crowdsec_lapi
from tests.component.ingress.crowdsec_lapi import KEY, Lapi
from tests.component.ingress.middleware_lab import Lab, Spec, lab
from tests.waiting import wait_for

CLIENT = "203.0.113.7"


@pytest.fixture(scope="module")
def lapi() -> Iterator[Lapi]:
    with crowdsec_lapi.running() as running:
        running.decide("203.0.113.66")
        running.decide("198.51.100.0/24")
        running.decide("2001:db8:bad::/48")
        running.decide("2001:db8::666")
        running.decide("192.0.2.9", type="captcha")
        running.decide("SE", scope="Country")
        yield running


def bouncer(lapi: Lapi, **more: Any) -> list[Spec]:
    options = {
        "enabled": True,
        "crowdsecMode": "stream",
        "crowdsecLapiHost": f"127.0.0.1:{lapi.port}",
        "crowdsecLapiKey": "urn:k8s:secret:bouncer:key",
        "updateIntervalSeconds": 1,
        "clientTrustedIPs": ["203.0.113.200/32"],
    }
    return [("plugin", {"crowdsec-bouncer": {**options, **more}})]


SECRETS = {
    "bouncer": Secret(
        metadata=ObjectMeta(name="bouncer", namespace="default"),
        string_data={"key": SecretBytes(KEY.encode()), "wrong": SecretBytes(b"wrong-key-of-a-user")},
    )
}


@pytest.fixture(scope="module")
def site(lapi: Lapi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    wrong = "urn:k8s:secret:bouncer:wrong"
    cases = {
        "stream": bouncer(lapi, remediationHeadersCustomName="X-Remedy"),
        "page": bouncer(lapi, banPage="<p>no</p>", remediationStatusCode=451),
        "proxies": bouncer(lapi, forwardedHeadersTrustedIPs="10.0.0.0/8, fd00::/8"),
        "named": bouncer(lapi, forwardedHeadersCustomName="CF-Connecting-IP"),
        "closed": bouncer(lapi, crowdsecLapiKey=wrong),
        "open": bouncer(lapi, crowdsecLapiKey=wrong, streamStartupBlock=False),
        "live": bouncer(lapi, crowdsecMode="live", remediationHeadersCustomName="X-Remedy"),
        "none": bouncer(lapi, crowdsecMode="none", banPage="<p>no</p>"),
        "off": bouncer(lapi, enabled=False),
        "headers": [
            ("headers", {"customResponseHeaders": {"X-Outer": "yes"}}),
            *bouncer(lapi),
        ],
    }
    with lab(tmp_path_factory.mktemp("crowdsec"), cases, SECRETS) as running:
        wait_for(
            lambda: running.ask("stream", scope="trusted", headers=by(CLIENT)).status == 200,
            within=10,
            what="the first decisions",
        )
        yield running


def by(*addresses: str, header: str = "X-Forwarded-For") -> Mapping[str, str]:
    return {header: ", ".join(addresses)}


@pytest.mark.parametrize(
    ("address", "status"),
    [
        (CLIENT, 200),
        ("203.0.113.66", 403),
        ("203.0.113.65", 200),
        ("203.0.113.67", 200),
        ("198.51.100.0", 403),
        ("198.51.100.255", 403),
        ("198.51.101.0", 200),
        ("192.0.2.9", 403),
        ("2001:db8:bad::", 403),
        ("2001:db8:bad:ffff:ffff:ffff:ffff:ffff", 403),
        ("2001:DB8:BAE::1", 200),
        ("2001:db8:0:0:0:0:0:666", 403),
        ("[2001:db8::666]:4711", 403),
        ("2001:db8::666%eth0", 403),
        ("203.0.113.66:4711", 403),
        ("::ffff:203.0.113.66", 403),
        ("::ffff:cb00:7142", 403),
        ("::1", 200),
        ("nonsense", 403),
        ("1.2.3.4.5", 403),
        ("2001:db8::666::1", 403),
        ("300.1.1.1", 403),
    ],
)
@pytest.mark.parametrize("mode", ["stream", "live"])
def test_addresses(site: Lab, mode: str, address: str, status: int) -> None:
    assert site.ask(mode, scope="trusted", headers=by(address)).status == status


@pytest.mark.parametrize("mode", ["stream", "live"])
def test_refusals_are_marked(site: Lab, mode: str) -> None:
    reply = site.ask(mode, scope="trusted", headers=by("203.0.113.66"))
    assert (reply.status, reply.headers["x-remedy"], reply.body) == (403, "ban", b"")
    assert site.ask(mode, scope="trusted", headers=by(CLIENT)).headers["x-remedy"] is None


@pytest.mark.parametrize(("mode", "status"), [("page", 451), ("none", 403)])
def test_pages(site: Lab, mode: str, status: int) -> None:
    reply = site.ask(mode, scope="trusted", headers=by("203.0.113.66"))
    assert (reply.status, reply.body) == (status, b"<p>no</p>")
    assert reply.headers.get_all("content-type") == ["text/html; charset=utf-8"]


def test_peers_count_where_nothing_is_forwarded(site: Lab, lapi: Lapi) -> None:
    assert site.ask("stream", headers=by("203.0.113.66")).status == 200  # not believed
    lapi.decide("127.0.0.1")
    try:
        wait_for(lambda: site.ask("stream").status == 403, within=5, what="the ban of the peer")
    finally:
        lapi.revoke("127.0.0.1")
    wait_for(lambda: site.ask("stream").status == 200, within=5, what="the end of the ban")


def test_proxies_are_passed_over(site: Lab) -> None:
    assert site.ask("proxies", scope="trusted", headers=by("203.0.113.66", "10.1.2.3", "fd00::1")).status == 403
    assert site.ask("proxies", scope="trusted", headers=by("203.0.113.66", CLIENT, "10.1.2.3")).status == 200
    assert site.ask("stream", scope="trusted", headers=by("203.0.113.66", "10.1.2.3")).status == 200


def test_another_header(site: Lab) -> None:
    assert site.ask("named", headers=by("203.0.113.66", header="CF-Connecting-IP")).status == 403
    assert site.ask("named", headers=by(CLIENT, header="CF-Connecting-IP")).status == 200


def test_trusted_clients_pass_whatever_is_decided(site: Lab, lapi: Lapi) -> None:
    lapi.decide("203.0.113.128/25")
    wait_for(
        lambda: site.ask("stream", scope="trusted", headers=by("203.0.113.199")).status == 403,
        within=5,
        what="the ban",
    )
    for mode in ("stream", "none"):
        assert site.ask(mode, scope="trusted", headers=by("203.0.113.200")).status == 200
    assert site.ask("none", scope="trusted", headers=by("203.0.113.201")).status == 403
    lapi.revoke("203.0.113.128/25")


def test_a_stream_tells_changes_only(site: Lab, lapi: Lapi) -> None:
    lapi.decide("203.0.113.90")
    wait_for(
        lambda: site.ask("stream", scope="trusted", headers=by("203.0.113.90")).status == 403,
        within=2.5,
        what="a decision within two intervals",
    )
    assert site.ask("stream", scope="trusted", headers=by("203.0.113.66")).status == 403
    assert lapi.asked[-1] in ("/v1/decisions/stream?startup=false", "/v1/decisions/stream?startup=true")
    assert "/v1/decisions/stream?startup=false" in lapi.asked
    lapi.revoke("203.0.113.90")
    wait_for(
        lambda: site.ask("stream", scope="trusted", headers=by("203.0.113.90")).status == 200,
        within=2.5,
        what="the end of the ban",
    )


def test_decisions_end_by_themselves(site: Lab, lapi: Lapi) -> None:
    lapi.decide("203.0.113.91", duration="2s")
    wait_for(
        lambda: site.ask("stream", scope="trusted", headers=by("203.0.113.91")).status == 403,
        within=5,
        what="the ban",
    )
    wait_for(
        lambda: site.ask("stream", scope="trusted", headers=by("203.0.113.91")).status == 200,
        within=6,
        what="the end of the ban",
    )


def test_without_any_fetch_the_setting_decides(site: Lab) -> None:
    assert site.ask("open", scope="trusted", headers=by("203.0.113.66")).status == 200
    reply = site.ask("closed", scope="trusted", headers=by(CLIENT))
    assert (reply.status, reply.body) == (503, b"Service Unavailable")
    assert site.ask("closed", scope="trusted", headers=by("203.0.113.200")).status == 200
    told = {problem.message for problem in site.guards.problems()}
    assert any("it refuses the key (status 403)" in message and "503" in message for message in told)
    assert any("nobody is refused (streamStartupBlock is off)" in message for message in told)
    assert not any("wrong-key" in message for message in told)


def test_the_last_table_stays_while_the_api_is_away(site: Lab, lapi: Lapi) -> None:
    lapi.down = True
    try:
        wait_for(
            lambda: any("the last ones stay in force" in p.message for p in site.guards.problems()),
            within=5,
            what="the problem",
        )
        assert site.ask("stream", scope="trusted", headers=by("203.0.113.66")).status == 403
        assert site.ask("stream", scope="trusted", headers=by(CLIENT)).status == 200
        assert site.ask("live", scope="trusted", headers=by("203.0.113.66")).status == 403  # remembered
        assert site.ask("live", scope="trusted", headers=by("203.0.113.44")).status == 503
        assert any("cannot be asked" in p.message for p in site.guards.problems())
        lapi.decide("203.0.113.92")
    finally:
        lapi.down = False
    wait_for(
        lambda: site.ask("stream", scope="trusted", headers=by("203.0.113.92")).status == 403,
        within=5,
        what="what was decided meanwhile",
    )


def test_live_answers_are_kept(site: Lab, lapi: Lapi) -> None:
    def questions() -> int:
        return sum(target.endswith("ip=203.0.113.45") for target in lapi.asked)

    for _ in range(3):
        assert site.ask("live", scope="trusted", headers=by("203.0.113.45")).status == 200
    assert questions() == 1
    for _ in range(3):
        assert site.ask("none", scope="trusted", headers=by("203.0.113.45")).status == 200
    assert questions() == 4


def test_switched_off_and_among_others(site: Lab) -> None:
    assert site.ask("off", scope="trusted", headers=by("203.0.113.66")).status == 200
    reply = site.ask("headers", scope="trusted", headers=by("203.0.113.66"))
    assert (reply.status, reply.headers["x-outer"]) == (403, "yes")
    assert site.ask("live", scope="trusted", headers=by(CLIENT)).sent("x-hg-source") is None


def test_what_was_fetched_outlives_the_processes(lapi: Lapi, tmp_path: Path) -> None:
    cases = {"stream": bouncer(lapi)}
    with lab(tmp_path, cases, SECRETS) as first:
        wait_for(
            lambda: first.ask("stream", scope="trusted", headers=by("203.0.113.66")).status == 403,
            within=10,
            what="the first decisions",
        )
    lapi.down = True
    try:
        with lab(tmp_path, cases, SECRETS) as second:
            wait_for(second.guards.problems, within=5, what="the problem")
            assert second.ask("stream", scope="trusted", headers=by("203.0.113.66")).status == 403
            assert second.ask("stream", scope="trusted", headers=by(CLIENT)).status == 200
    finally:
        lapi.down = False
