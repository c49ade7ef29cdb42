"""All slices that a snapshot asks for, and what to do about those that are there. Pure."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from hearthgate.backends import annotation, mirror
from hearthgate.backends.slices import Owner, Slice, grouped, read
from hearthgate.cluster.snapshot import Collection, Key, Snapshot
from hearthgate.model.problems import Problem, Reason, Severity
from hearthgate.model.refs import ObjectRef
from hearthgate.resources.core import Endpoints, Service
from hearthgate.resources.discovery import MANAGED_BY_LABEL, SERVICE_NAME_LABEL, EndpointSlice
from hearthgate.resources.meta import Resource

ANNOTATION_MANAGER: Final = "endpoints.hearthgate.dev"
MIRROR_MANAGER: Final = "endpointsmirror.hearthgate.dev"
MANAGERS: Final = frozenset({ANNOTATION_MANAGER, MIRROR_MANAGER})


class Desired(NamedTuple):
    """slices: by namespace and name. problems: sorted."""

    slices: Mapping[Key, Slice]
    problems: tuple[Problem, ...]


class Diff(NamedTuple):
    """What to write, then what to delete: nothing is without endpoints in between."""

    apply: tuple[Slice, ...]
    delete: tuple[Slice, ...]


class _Part(NamedTuple):
    slices: tuple[Slice, ...]
    problems: tuple[Problem, ...] = ()


_Parts = dict[ObjectRef, tuple[Resource, _Part]]


class DesiredSlices:
    """Works out one snapshot after the other; what has not changed is not looked at again.

    mirrors: whether Endpoints are mirrored. On a real cluster its own controllers do that, and fill the
    endpoints of Services with a selector.
    """

    def __init__(self, *, mirrors: bool = True) -> None:
        self._mirrors = mirrors
        self._parts: _Parts = {}
        self._seen: tuple[Collection, ...] = ()
        self._desired = Desired(MappingProxyType({}), ())

    def of(self, snapshot: Snapshot) -> Desired:
        kinds = (Service, Endpoints, EndpointSlice) if self._mirrors else (Service,)
        seen = tuple(snapshot.collection(kind) for kind in kinds)
        if self._seen and all(new is old for new, old in zip(seen, self._seen, strict=True)):
            return self._desired
        self._seen = seen
        known, self._parts = self._parts, {}
        for service in snapshot.all(Service):
            if annotation.ANNOTATION in service.metadata.annotations:
                self._take(service, known)
        if self._mirrors:
            taken = _mirrored_upstream(snapshot)
            for endpoints in snapshot.all(Endpoints):
                target = snapshot.get(Service, *endpoints.key)
                if endpoints.key not in taken and mirror.is_mirrored(endpoints, target):
                    self._take(endpoints, known)
        parts = [part for _source, part in self._parts.values()]
        slices = {(one.namespace, one.name): one for part in parts for one in part.slices}
        problems = [problem for part in parts for problem in part.problems]
        if self._mirrors:
            problems += _without_pods(snapshot)
        self._desired = Desired(MappingProxyType(slices), tuple(sorted(problems)))
        return self._desired

    def _take(self, source: Service | Endpoints, known: _Parts) -> None:
        before = known.get(source.ref)
        if before is not None and before[0] is source:
            self._parts[source.ref] = before
        else:
            part = _annotated(source) if isinstance(source, Service) else _mirrored(source)
            self._parts[source.ref] = (source, part)


def desired(snapshot: Snapshot, *, mirrors: bool = True) -> Desired:
    """One look at one snapshot."""
    return DesiredSlices(mirrors=mirrors).of(snapshot)


class PresentSlices:
    """Reads our slices of one snapshot after the other; what has not changed is not read again."""

    def __init__(self) -> None:
        self._known: dict[Key, tuple[EndpointSlice, Slice]] = {}

    def of(self, snapshot: Snapshot) -> Mapping[Key, Slice]:
        """By namespace and name. Slices of others are not ours to look at."""
        before, self._known = self._known, {}
        for key, resource in _ours(snapshot):
            known = before.get(key)
            same = known is not None and known[0] is resource
            self._known[key] = known if known is not None and same else (resource, read(resource))
        return {key: one for key, (_resource, one) in self._known.items()}


def diff(snapshot: Snapshot, wanted: Mapping[Key, Slice]) -> Diff:
    """From our slices in the snapshot to the wanted ones."""
    return steps(PresentSlices().of(snapshot), wanted)


def steps(present: Mapping[Key, Slice], wanted: Mapping[Key, Slice]) -> Diff:
    """From the slices that are there to the wanted ones."""
    return Diff(
        tuple(wanted[key] for key in sorted(wanted) if present.get(key) != wanted[key]),
        tuple(present[key] for key in sorted(present) if key not in wanted),
    )


def by_service(all_steps: Diff) -> Mapping[Key, Diff]:
    """The steps of each Service, in the order of services."""
    grouped_steps: dict[Key, tuple[list[Slice], list[Slice]]] = {}
    for part, slices in enumerate(all_steps):
        for one in slices:
            grouped_steps.setdefault((one.namespace, one.service), ([], []))[part].append(one)
    return MappingProxyType({key: Diff(*map(tuple, grouped_steps[key])) for key in sorted(grouped_steps)})


def _ours(snapshot: Snapshot) -> Iterator[tuple[Key, EndpointSlice]]:
    for resource in snapshot.all(EndpointSlice):
        if resource.metadata.labels.get(MANAGED_BY_LABEL) in MANAGERS:
            yield resource.key, resource


def _annotated(service: Service) -> _Part:
    rows, problems = annotation.parse(service)
    slices = grouped(
        namespace=service.metadata.namespace,
        service=service.metadata.name,
        manager=ANNOTATION_MANAGER,
        owner=Owner("v1", "Service", service.metadata.name, service.metadata.uid),
        rows=rows,
    )
    return _Part(tuple(slices), problems)


def _mirrored(endpoints: Endpoints) -> _Part:
    slices = grouped(
        namespace=endpoints.metadata.namespace,
        service=endpoints.metadata.name,
        manager=MIRROR_MANAGER,
        owner=Owner("v1", "Endpoints", endpoints.metadata.name, endpoints.metadata.uid),
        rows=mirror.rows(endpoints),
    )
    return _Part(tuple(slices))


def _without_pods(snapshot: Snapshot) -> Iterator[Problem]:
    """Services that were written for a cluster: here nothing turns their selector into endpoints."""
    served = {resource.service_key for resource in snapshot.all(EndpointSlice)}
    for service in snapshot.all(Service):
        selects = service.spec.selector and service.spec.type != "ExternalName"
        if selects and service.key not in served and annotation.ANNOTATION not in service.metadata.annotations:
            yield Problem(
                ref=service.ref,
                field="spec.selector",
                reason=Reason.NO_ENDPOINTS,
                message=(
                    "chooses pods, and without a cluster there are none: remove it, and say where the servers are"
                    f" in the annotation {annotation.ANNOTATION}"
                ),
                severity=Severity.WARNING,
            )


def _mirrored_upstream(snapshot: Snapshot) -> frozenset[Key]:
    return frozenset(
        (resource.metadata.namespace, resource.metadata.labels.get(SERVICE_NAME_LABEL, ""))
        for resource in snapshot.all(EndpointSlice)
        if resource.metadata.labels.get(MANAGED_BY_LABEL) == mirror.UPSTREAM_MANAGER
    )
