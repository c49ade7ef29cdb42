"""What Prometheus asks, by the operator's ServiceMonitors and PodMonitors. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from hearthgate.cluster.snapshot import Snapshot
from hearthgate.policy.suggest import Scraped
from hearthgate.resources.core import Service
from hearthgate.resources.scalars import Selector


def scraped(documents: Iterable[Mapping[str, Any]], snapshot: Snapshot) -> Iterator[Scraped]:
    """What cannot be read is left out: the operator itself tells of it."""
    for document in documents:
        kind = document.get("kind")
        if kind not in {"ServiceMonitor", "PodMonitor"}:
            continue
        try:
            yield from _of(str(kind), document, snapshot)
        except (AttributeError, TypeError, msgspec.ValidationError):
            continue


def _of(kind: str, document: Mapping[str, Any], snapshot: Snapshot) -> Iterator[Scraped]:
    metadata, spec = document["metadata"], document["spec"]
    own = str(metadata.get("namespace") or "default")
    selector = msgspec.convert(spec.get("selector") or {}, Selector)
    within = spec.get("namespaceSelector") or {}
    spaces = set(within.get("matchNames") or (own,))
    source = f"{kind} {own}/{metadata['name']}"
    if kind == "PodMonitor":
        for each in spec.get("podMetricsEndpoints") or ():
            for space in sorted(spaces):
                yield Scraped(source, space, dict(selector.match_labels), str(each.get("port") or ""))
        return
    for service in snapshot.all(Service):
        space = service.metadata.namespace
        if not (within.get("any") or space in spaces) or not selector.matches(service.metadata.labels):
            continue
        for each in spec.get("endpoints") or ():
            said = each.get("targetPort") or each.get("port") or ""
            port = service.port(str(said)) if not each.get("targetPort") else None
            target = (port.target_port or port.port) if port is not None else said
            if service.spec.selector:
                yield Scraped(source, space, dict(service.spec.selector), str(target))
