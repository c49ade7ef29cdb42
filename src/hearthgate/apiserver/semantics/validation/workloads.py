"""core/v1 Pod, as far as it must be right for what reads it, and coordination.k8s.io/v1 Lease."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from hearthgate.apiserver.errors import Cause
from hearthgate.apiserver.semantics.validation import faults

Object = Mapping[str, Any]

_RESTARTS: Final = frozenset({"Always", "Never", "OnFailure"})
_DNS: Final = frozenset({"ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"})


def check_pod(obj: Object, old: Object | None) -> Iterator[Cause]:
    spec = obj.get("spec") or {}
    if not spec.get("containers"):
        yield faults.required("spec.containers")
    names: set[str] = set()
    for kind in ("initContainers", "containers"):
        for field, container in faults.numbered(f"spec.{kind}", spec.get(kind)):
            yield from _container(field, container, names)
    volumes: set[str] = set()
    for field, volume in faults.numbered("spec.volumes", spec.get("volumes")):
        name = volume.get("name", "")
        yield from faults.label(f"{field}.name", name) if name else [faults.required(f"{field}.name")]
        if name in volumes:
            yield faults.duplicate(f"{field}.name", name)
        volumes.add(name)
    yield from faults.one_of("spec.restartPolicy", spec.get("restartPolicy"), _RESTARTS)
    yield from faults.one_of("spec.dnsPolicy", spec.get("dnsPolicy"), _DNS)
    yield from faults.labels("spec.nodeSelector", spec.get("nodeSelector") or {})


def _container(field: str, container: Object, names: set[str]) -> Iterator[Cause]:
    name = container.get("name", "")
    if not name:
        yield faults.required(f"{field}.name")
    else:
        yield from faults.label(f"{field}.name", name)
        if name in names:
            yield faults.duplicate(f"{field}.name", name)
        names.add(name)
    if not container.get("image"):
        yield faults.required(f"{field}.image")
    for below, port in faults.numbered(f"{field}.ports", container.get("ports")):
        yield from faults.port_number(f"{below}.containerPort", port.get("containerPort", 0))
        yield from faults.protocol(f"{below}.protocol", port.get("protocol"))
        if port.get("name"):
            yield from faults.port(f"{below}.name", port["name"])


def check_lease(obj: Object, old: Object | None) -> Iterator[Cause]:
    spec = obj.get("spec") or {}
    if (seconds := spec.get("leaseDurationSeconds")) is not None and seconds <= 0:
        yield faults.invalid("spec.leaseDurationSeconds", seconds, "must be greater than 0")
    if (changes := spec.get("leaseTransitions")) is not None and changes < 0:
        yield faults.invalid("spec.leaseTransitions", changes, "must be greater than or equal to 0")
