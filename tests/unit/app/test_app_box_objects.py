"""This machine and its parts as Node and Pods, from facts."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hearthgate.app.box.node import HEARTBEAT, Facts, node, node_status
from hearthgate.app.box.pods import Sight, pod, pod_status
from hearthgate.app.box.runs import Runs, ended, ending, observed, resumed
from hearthgate.app.parts import PROXY, Process, part_of_logger

NOW = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC)
STAMP = "2026-05-01T12:00:00Z"
FACTS = Facts(
    host="nas",
    addresses=("192.168.1.2", "2001:db8::2"),
    architecture="arm64",
    kernel="6.12.1",
    os_image="Debian GNU/Linux 13 (trixie)",
    boot_id="b",
    cpus=4,
    memory_kib=4_000_000,
    version="1.2.3",
)
FIRST, SECOND = Process("10-1-b", NOW - timedelta(hours=2)), Process("11-2-b", NOW)


def later(**delta: float) -> datetime:
    return NOW + timedelta(**delta)


def ready_of(status: dict[str, Any]) -> dict[str, Any]:
    (found,) = (one for one in status["conditions"] if one["type"] == "Ready")
    assert isinstance(found, dict)
    return found


def shown(runs: Runs, *, ready: bool = True, before: dict[str, Any] | None = None, now: datetime = NOW) -> Any:
    return pod_status(Sight(PROXY, "1.40.0", runs, ready), FACTS, before or {}, now)


class TestNode:
    def test_says_what_kubectl_shows(self) -> None:
        status = node_status(FACTS, {}, NOW)
        assert node(FACTS)["metadata"]["labels"]["node-role.kubernetes.io/control-plane"] == ""
        assert status["nodeInfo"]["kubeletVersion"] == "v1.2.3"
        assert status["nodeInfo"]["containerRuntimeVersion"] == "hearthgate://1.2.3"
        assert [one["address"] for one in status["addresses"]] == ["192.168.1.2", "2001:db8::2", "nas"]
        assert ready_of(status)["status"] == "True"

    def test_nothing_is_written_between_heartbeats(self) -> None:
        first = node_status(FACTS, {}, NOW)
        assert node_status(FACTS, first, NOW + HEARTBEAT - timedelta(seconds=1)) == first

    def test_beats_after_five_minutes_and_keeps_the_transition(self) -> None:
        ready = ready_of(node_status(FACTS, node_status(FACTS, {}, NOW), later(minutes=5)))
        assert ready["lastHeartbeatTime"] == "2026-05-01T12:05:00Z"
        assert ready["lastTransitionTime"] == STAMP

    def test_a_new_address_is_told_at_once(self) -> None:
        moved = FACTS._replace(addresses=("192.168.1.9",))
        status = node_status(moved, node_status(FACTS, {}, NOW), later(seconds=1))
        assert status["addresses"][0]["address"] == "192.168.1.9"
        assert ready_of(status)["lastHeartbeatTime"] == "2026-05-01T12:00:01Z"

    def test_a_clock_set_back_does_not_stop_the_heart(self) -> None:
        status = node_status(FACTS, node_status(FACTS, {}, NOW), later(hours=-3))
        assert ready_of(status)["lastHeartbeatTime"] == "2026-05-01T09:00:00Z"


class TestRuns:
    def test_a_first_run_is_no_restart(self) -> None:
        assert observed(Runs(), FIRST, NOW) == Runs(FIRST)

    def test_a_crash_and_the_next_run(self) -> None:
        down = ended(Runs(FIRST), -9, NOW)
        assert (down.process, down.restarts) == (None, 0)
        up = observed(down, SECOND, NOW)
        assert (up.process, up.restarts) == (SECOND, 1)
        assert up.last is not None
        assert up.last.state == {
            "exitCode": 137,
            "signal": 9,
            "reason": "Error",
            "startedAt": "2026-05-01T10:00:00Z",
            "finishedAt": STAMP,
            "containerID": "hearthgate://10-1-b",
        }

    def test_two_crashes_between_two_looks_count(self) -> None:
        runs = observed(ended(ended(Runs(FIRST), -9, NOW), 1, NOW), SECOND, NOW)
        assert runs.restarts == 2
        assert runs.last is not None
        assert runs.last.exit_code == 1

    def test_a_crash_that_was_seen_before_it_was_told_counts_once(self) -> None:
        gone = observed(Runs(FIRST), None, NOW)
        runs = observed(ended(gone, -9, NOW), SECOND, NOW)
        assert runs == observed(ended(Runs(FIRST), -9, NOW), SECOND, NOW)
        assert observed(gone, SECOND, NOW).restarts == 1, "nobody ever told"

    def test_another_process_that_nobody_told_of(self) -> None:
        runs = observed(Runs(FIRST), SECOND, NOW)
        assert runs.restarts == 1
        assert runs.last is not None
        assert (runs.last.exit_code, runs.last.state["reason"]) == (255, "Unknown")

    def test_an_adopted_process_goes_on(self) -> None:
        before = observed(ended(Runs(FIRST), 1, NOW), SECOND, NOW)
        assert resumed(shown(before), SECOND, later(minutes=1)) == before

    def test_a_killed_program_is_told_as_unknown(self) -> None:
        runs = resumed(shown(Runs(FIRST)), SECOND, NOW)
        assert runs.restarts == 1
        assert runs.last is not None
        assert runs.last.state["reason"] == "Unknown"
        assert runs.last.state["startedAt"] == "2026-05-01T10:00:00Z"

    def test_a_stopped_program_is_told_as_completed(self) -> None:
        ended_well = Sight(PROXY, "1.40.0", Runs(FIRST), ready=False, ended=ending(FIRST, 0, NOW))
        stopped = pod_status(ended_well, FACTS, shown(Runs(FIRST)), NOW)
        assert ready_of(stopped)["status"] == "False"
        runs = resumed(stopped, SECOND, NOW)
        assert runs.last is not None
        assert (runs.restarts, runs.last.state["reason"]) == (1, "Completed")

    def test_a_crash_is_remembered_over_a_restart(self) -> None:
        down = shown(ended(Runs(FIRST, 3), 1, NOW), ready=False)
        runs = resumed(down, SECOND, NOW)
        assert runs.restarts == 4
        assert runs.last is not None
        assert runs.last.exit_code == 1


class TestPod:
    def test_is_what_people_look_for(self) -> None:
        made = pod(Sight(PROXY, "1.40.0", Runs(FIRST), True), FACTS, "infra", "uid")
        assert (made["metadata"]["name"], made["metadata"]["namespace"]) == ("proxy-nas", "infra")
        assert made["metadata"]["labels"] == {
            "app.kubernetes.io/name": "traefik",
            "app.kubernetes.io/component": "proxy",
            "component": "proxy",
            "app.kubernetes.io/managed-by": "hearthgate",
        }
        assert made["spec"]["containers"][0]["image"] == "hearthgate/proxy:1.40.0"
        assert made["spec"]["nodeName"] == "nas"

    def test_a_part_that_is_not_ready(self) -> None:
        status = shown(Runs(FIRST), ready=False)
        assert status["containerStatuses"][0]["ready"] is False
        assert ready_of(status)["reason"] == "ContainersNotReady"
        assert status["containerStatuses"][0]["state"] == {"running": {"startedAt": "2026-05-01T10:00:00Z"}}

    def test_times_of_conditions_that_stay_are_kept(self) -> None:
        first = shown(Runs(FIRST), ready=False)
        assert shown(Runs(FIRST), ready=False, before=first, now=later(hours=1)) == first
        ready = ready_of(shown(Runs(FIRST), before=first, now=later(hours=1)))
        assert (ready["status"], ready["lastTransitionTime"]) == ("True", "2026-05-01T13:00:00Z")

    def test_a_part_that_is_down(self) -> None:
        (container,) = shown(ended(Runs(FIRST), -9, NOW), ready=False)["containerStatuses"]
        assert container["state"]["waiting"]["reason"] == "CrashLoopBackOff"
        assert container["lastState"]["terminated"]["exitCode"] == 137


def test_draining_the_node_leaves_the_parts_alone() -> None:
    made = pod(Sight(PROXY, "1.40.0", Runs(FIRST), ready=True), FACTS, "infra", "u1")
    assert "kubernetes.io/config.mirror" in made["metadata"]["annotations"]


def test_whose_log_lines_are_whose() -> None:
    assert part_of_logger("hearthgate.ingress.proxy.envoy_log") == "proxy"
    assert part_of_logger("hearthgate.ingress.proxy") == "proxy"
    assert part_of_logger("hearthgate.ingress.proxying") == "controller"
    assert part_of_logger("asyncio") == "controller"
    assert part_of_logger("") == "controller"
