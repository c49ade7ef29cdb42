"""A part of Hearthgate as a core/v1 Pod with one container. Pure."""

from datetime import datetime
from typing import Any, Final, NamedTuple

from hearthgate.app.box.node import OURS, Facts, rfc3339
from hearthgate.app.box.runs import SCHEME, Ending, Runs
from hearthgate.app.parts import Description, pod_name

Object = dict[str, Any]

MIRROR: Final = "kubernetes.io/config.mirror"
"""Marks a Pod as the picture of something that the API does not run: `kubectl drain` leaves such Pods alone."""


class Sight(NamedTuple):
    """A part as it is now. ended: how it ended, once the whole program stops."""

    description: Description
    version: str
    runs: Runs
    ready: bool
    ended: Ending | None = None

    @property
    def image(self) -> str:
        return f"hearthgate/{self.description.component}:{self.version}"


def pod(sight: Sight, facts: Facts, namespace: str, node_uid: str) -> Object:
    """The Pod without its status. It belongs to its Node, as the Pods of a kubelet's own manifests do."""
    component = sight.description.component
    owner = {"apiVersion": "v1", "kind": "Node", "name": facts.host, "uid": node_uid, "controller": True}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": pod_name(component, facts.host),
            "namespace": namespace,
            "labels": {**sight.description.labels, "app.kubernetes.io/component": component, **OURS},
            "annotations": {MIRROR: component},
            "ownerReferences": [owner],
        },
        "spec": {
            "containers": [{"name": component, "image": sight.image, "imagePullPolicy": "Never"}],
            "nodeName": facts.host,
            "hostNetwork": True,
            "restartPolicy": "Always",
        },
    }


def pod_status(sight: Sight, facts: Facts, before: Object, now: datetime) -> Object:
    """The status as it shall be. `before`: as it is; the times of conditions that stay are kept."""
    addresses = [{"ip": address} for address in facts.addresses]
    ready = "True" if sight.ready else "False"
    states = {"PodScheduled": "True", "Initialized": "True", "ContainersReady": ready, "Ready": ready}
    return {
        "phase": "Running",
        "conditions": [_condition(type_, status, sight, before, now) for type_, status in states.items()],
        "hostIP": facts.addresses[0],
        "hostIPs": addresses,
        "podIP": facts.addresses[0],
        "podIPs": addresses,
        "startTime": before.get("startTime") or rfc3339(now),
        "containerStatuses": [_container(sight)],
        "qosClass": "BestEffort",
    }


def _condition(type_: str, status: str, sight: Sight, before: Object, now: datetime) -> Object:
    said: Object = next((one for one in before.get("conditions") or () if one.get("type") == type_), {})
    since = said.get("lastTransitionTime") if said.get("status") == status else None
    condition = {"type": type_, "status": status, "lastTransitionTime": since or rfc3339(now)}
    if status == "False":
        container = sight.description.component
        condition |= {
            "reason": "ContainersNotReady",
            "message": f"containers with unready status: [{container}]",
        }
    return condition


def _container(sight: Sight) -> Object:
    runs = sight.runs
    component = sight.description.component
    if sight.ended is not None:
        state: Object = {"terminated": sight.ended.state}
    elif runs.process is not None:
        state = {"running": {"startedAt": rfc3339(runs.process.started)}}
    else:
        reason = "CrashLoopBackOff" if runs.last else "ContainerCreating"
        state = {"waiting": {"reason": reason}}
        if runs.last:
            state["waiting"]["message"] = f"back-off restarting failed container {component}"
    return {
        "name": component,
        "image": sight.image,
        "imageID": "",
        "ready": sight.ready,
        "started": "running" in state,
        "restartCount": runs.restarts,
        "state": state,
        "lastState": {"terminated": runs.last.state} if runs.last else {},
        **({"containerID": SCHEME + runs.process.identity} if runs.process is not None else {}),
    }
