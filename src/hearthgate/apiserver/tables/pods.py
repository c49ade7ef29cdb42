"""The cells of a Pod: what its containers' states come to, as upstream sums them up."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from hearthgate.apiserver.tables.ages import age_of

Object = dict[str, Any]


def ready(obj: Object, now: datetime) -> str:
    """Of containers, sidecars included."""
    found = [
        *_of(obj, "containerStatuses"),
        *(one for one in _of(obj, "initContainerStatuses") if _lasts(obj, one)),
    ]
    spec = obj.get("spec", {})
    total = len(spec.get("containers") or ()) + sum(map(_is_sidecar, spec.get("initContainers") or ()))
    return f"{sum(bool(one.get('ready')) for one in found)}/{total}"


def status(obj: Object, now: datetime) -> str:
    pod = obj.get("status", {})
    said = str(pod.get("reason") or pod.get("phase") or "Unknown")
    said = _starting(obj) or _running(obj, said)
    if "deletionTimestamp" in obj["metadata"]:
        return "Unknown" if pod.get("reason") == "NodeLost" else "Terminating"
    return said


def restarts(obj: Object, now: datetime) -> str:
    """How often, and how long ago the last time was."""
    found = [
        *_of(obj, "containerStatuses"),
        *(one for one in _of(obj, "initContainerStatuses") if _lasts(obj, one)),
    ]
    count = sum(int(one.get("restartCount") or 0) for one in found)
    ends = [str(end) for one in found if (end := (_state(one, "lastState", "terminated") or {}).get("finishedAt"))]
    return f"{count} ({age_of(max(ends), now)} ago)" if count and ends else str(count)


def readiness_gates(obj: Object, now: datetime) -> str:
    """How many of the conditions that must hold besides do so."""
    gates = obj.get("spec", {}).get("readinessGates") or ()
    if not gates:
        return "<none>"
    held = {one["type"] for one in _of(obj, "conditions") if one.get("status") == "True"}
    return f"{sum(gate['conditionType'] in held for gate in gates)}/{len(gates)}"


def _of(obj: Object, field: str) -> Iterable[Object]:
    found: Iterable[Object] = obj.get("status", {}).get(field) or ()
    return found


def _state(container: Object, field: str, state: str) -> Object | None:
    found: Object | None = (container.get(field) or {}).get(state)
    return found


def _is_sidecar(container: Object) -> bool:
    return container.get("restartPolicy") == "Always"


def _lasts(obj: Object, container: Object) -> bool:
    """Whether a starting container is one that stays."""
    declared = obj.get("spec", {}).get("initContainers") or ()
    return any(one.get("name") == container.get("name") and _is_sidecar(one) for one in declared)


def _starting(obj: Object) -> str:
    """Which of the containers that run before the others it waits for; empty when for none."""
    found = list(_of(obj, "initContainerStatuses"))
    for number, one in enumerate(found):
        ended, waiting = _state(one, "state", "terminated"), _state(one, "state", "waiting")
        if (ended is not None and ended.get("exitCode") == 0) or (_lasts(obj, one) and one.get("started")):
            continue
        if ended is not None:
            return f"Init:{_end(ended)}"
        if waiting and waiting.get("reason") not in {None, "", "PodInitializing"}:
            return f"Init:{waiting['reason']}"
        return f"Init:{number}/{len(obj.get('spec', {}).get('initContainers') or found)}"
    return ""


def _running(obj: Object, said: str) -> str:
    """The state of the first container that is not simply running."""
    runs = False
    for one in reversed(list(_of(obj, "containerStatuses"))):
        waiting, ended = _state(one, "state", "waiting"), _state(one, "state", "terminated")
        if waiting and waiting.get("reason"):
            said = str(waiting["reason"])
        elif ended is not None:
            said = _end(ended)
        elif one.get("ready") and _state(one, "state", "running") is not None:
            runs = True
    if said == "Completed" and runs:
        is_ready = any(
            one.get("type") == "Ready" and one.get("status") == "True" for one in _of(obj, "conditions")
        )
        return "Running" if is_ready else "NotReady"
    return said


def _end(ended: Object) -> str:
    if ended.get("reason"):
        return str(ended["reason"])
    return f"Signal:{ended['signal']}" if ended.get("signal") else f"ExitCode:{ended.get('exitCode', 0)}"
