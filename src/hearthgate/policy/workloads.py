"""Pods that the workloads in manifests will make: for policies that are judged before anything runs. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from hearthgate.policy.ends import ContainerPort, PodEnd
from hearthgate.policy.ports import Protocol
from hearthgate.resources.core import PodSpec

_TEMPLATES: Final = {
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}
"""Where each kind has its template."""


def templated(documents: Iterable[Mapping[str, Any]]) -> Iterator[PodEnd]:
    """One for each workload, with its name. What has no readable template makes none."""
    for document in documents:
        path = _TEMPLATES.get(str(document.get("kind")))
        template: Any = document
        for key in path or ():
            template = template.get(key) if isinstance(template, Mapping) else None
        metadata = document.get("metadata")
        if path is None or not isinstance(template, Mapping) or not isinstance(metadata, Mapping):
            continue
        try:
            spec = msgspec.convert(template.get("spec") or {}, PodSpec)
            labels = msgspec.convert((template.get("metadata") or {}).get("labels") or {}, dict[str, str])
        except (msgspec.ValidationError, AttributeError):
            continue
        name = str(metadata.get("name", ""))
        ports = (port for container in spec.containers for port in container.ports)
        yield PodEnd(
            namespace=str(metadata.get("namespace") or "default"),
            name=name,
            labels=labels,
            host_network=spec.host_network,
            ports=tuple(ContainerPort(port.name, Protocol(port.protocol), port.container_port) for port in ports),
            workload=name,
        )
