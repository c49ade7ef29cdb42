"""This machine as a core/v1 Node. Pure."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

Object = dict[str, Any]

HEARTBEAT: Final = timedelta(minutes=5)
"""A heartbeat is a write, and every write wears the memory card of a small machine."""
OURS: Final = {"app.kubernetes.io/managed-by": "hearthgate"}
"""On everything that stands for this machine."""


LEASE_NAMESPACE: Final = "kube-node-lease"


class Facts(NamedTuple):
    """This machine. `addresses`: the first is what Pods have. `architecture` as Go names it."""

    host: str
    addresses: tuple[str, ...]
    architecture: str
    kernel: str
    os_image: str
    boot_id: str
    cpus: int
    memory_kib: int
    version: str


def node(facts: Facts) -> Object:
    """The Node without its status."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": facts.host,
            "labels": {
                **OURS,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": facts.architecture,
                "kubernetes.io/hostname": facts.host,
                "node-role.kubernetes.io/control-plane": "",
            },
        },
        "spec": {},
    }


def node_status(facts: Facts, before: Object, now: datetime) -> Object:
    """The status as it shall be. `before`: as it is; times in it are kept while nothing changes."""
    room = {"cpu": str(facts.cpus), "memory": f"{facts.memory_kib}Ki"}
    status: Object = {
        "addresses": [
            *({"type": "InternalIP", "address": address} for address in facts.addresses),
            {"type": "Hostname", "address": facts.host},
        ],
        "nodeInfo": {
            "architecture": facts.architecture,
            "bootID": facts.boot_id,
            "containerRuntimeVersion": f"hearthgate://{facts.version}",
            "kernelVersion": facts.kernel,
            "kubeProxyVersion": "",
            "kubeletVersion": f"v{facts.version}",
            "machineID": "",
            "operatingSystem": "linux",
            "osImage": facts.os_image,
            "systemUUID": "",
        },
        "capacity": room,
        "allocatable": room,
    }
    said = [one for one in before.get("conditions") or () if one.get("type") == "Ready"]
    unchanged = bool(said) and all(before.get(key) == value for key, value in status.items())
    beat = _time(said[0].get("lastHeartbeatTime")) if said else None
    # A clock that was set back must not silence the heartbeat until it has caught up.
    fresh = beat is not None and timedelta() <= now - beat < HEARTBEAT
    status["conditions"] = [
        {
            "type": "Ready",
            "status": "True",
            "reason": "HearthgateReady",
            "message": "hearthgate is running",
            "lastHeartbeatTime": said[0]["lastHeartbeatTime"] if unchanged and fresh else rfc3339(now),
            "lastTransitionTime": said[0].get("lastTransitionTime", rfc3339(now)) if said else rfc3339(now),
        }
    ]
    return status


def lease(facts: Facts, node_uid: str, status: Object) -> Object:
    """The Lease that tells of the same heartbeat; `kubectl describe node` looks for it."""
    owner = {"apiVersion": "v1", "kind": "Node", "name": facts.host, "uid": node_uid}
    (beat,) = (one["lastHeartbeatTime"] for one in status["conditions"])
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {
            "name": facts.host,
            "namespace": LEASE_NAMESPACE,
            "labels": OURS,
            "ownerReferences": [owner],
        },
        "spec": {
            "holderIdentity": facts.host,
            "leaseDurationSeconds": 2 * int(HEARTBEAT.total_seconds()),
            "renewTime": beat.replace("Z", ".000000Z"),
        },
    }


def rfc3339(time: datetime) -> str:
    """A metav1.Time: whole seconds."""
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _time(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None
