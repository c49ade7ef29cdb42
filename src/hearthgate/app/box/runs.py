"""The runs of a part: the present one, how many were before it, and how the last one ended. Pure."""

from datetime import datetime
from typing import Any, Final, NamedTuple

from hearthgate.app.box.node import rfc3339
from hearthgate.app.parts import Process

Object = dict[str, Any]

SCHEME: Final = "hearthgate://"
UNKNOWN: Final = "Unknown"
_UNKNOWN_EXIT: Final = 255
_SIGNALLED: Final = 128


class Ending(NamedTuple):
    """How a run ended, as `terminated` of a core/v1 ContainerState."""

    state: Object

    @property
    def exit_code(self) -> int:
        return int(self.state.get("exitCode", _UNKNOWN_EXIT))


class Runs(NamedTuple):
    """process: the present run; None while the part is down. vanished: the last run was seen to be gone before
    anybody told how it ended."""

    process: Process | None = None
    restarts: int = 0
    last: Ending | None = None
    vanished: bool = False


def ending(process: Process | None, status: int | None, now: datetime) -> Ending:
    """status: as subprocess has it, negative for a signal; None when nobody knows."""
    state: Object = {"finishedAt": rfc3339(now)}
    if status is None:
        state |= {"exitCode": _UNKNOWN_EXIT, "reason": UNKNOWN}
    elif status < 0:
        state |= {"exitCode": _SIGNALLED - status, "signal": -status, "reason": "Error"}
    else:
        state |= {"exitCode": status, "reason": "Error" if status else "Completed"}
    if process is not None:
        state |= {"startedAt": rfc3339(process.started), "containerID": SCHEME + process.identity}
    return Ending(state)


def ended(runs: Runs, status: int | None, now: datetime) -> Runs:
    """The present run has ended. A run that came and went between two looks counts all the same."""
    if runs.vanished and runs.last is not None:
        known = {key: value for key, value in runs.last.state.items() if key in {"startedAt", "containerID"}}
        return Runs(None, runs.restarts, Ending(ending(None, status, now).state | known))
    unseen = runs.process is None and runs.last is not None
    return Runs(None, runs.restarts + unseen, ending(runs.process, status, now))


def observed(runs: Runs, process: Process | None, now: datetime) -> Runs:
    """What is there now, taken into account."""
    if process == runs.process:
        return runs
    if runs.process is not None:
        runs = ended(runs, None, now)._replace(vanished=True)
    if process is None:
        return runs
    return Runs(process, runs.restarts + (runs.last is not None), runs.last)


def resumed(status: Object, process: Process | None, now: datetime) -> Runs:
    """From the status that an earlier program left: the same run goes on, or another follows it."""
    held = next(iter(status.get("containerStatuses") or ()), None)
    if held is None:
        return Runs(process)
    restarts = int(held.get("restartCount") or 0)
    last = held.get("lastState", {}).get("terminated")
    earlier = Runs(None, restarts, Ending(last) if last else None)
    state = held.get("state") or {}
    if process is not None and held.get("containerID") == SCHEME + process.identity and "running" in state:
        return earlier._replace(process=process)
    if stopped := state.get("terminated"):
        ends = Ending(stopped)
    elif running := state.get("running"):
        # It was killed with all who could have told how.
        told = {"startedAt": running.get("startedAt"), "containerID": held.get("containerID")}
        lost = {"exitCode": _UNKNOWN_EXIT, "reason": UNKNOWN, "finishedAt": rfc3339(now)}
        ends = Ending(lost | {key: value for key, value in told.items() if value})
    else:
        return observed(earlier, process, now)
    return observed(earlier._replace(last=ends), process, now)
