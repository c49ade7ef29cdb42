"""The slices that a Service asks for, by its annotation or by Endpoints made by hand. Pure."""

from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

from hearthgate.backends import annotation, mirror
from hearthgate.backends.slices import Owner, Slice, grouped
from hearthgate.model.problems import Problem, Reason, Severity
from hearthgate.resources.core import Endpoints, Service
from hearthgate.resources.discovery import MANAGED_BY_LABEL, EndpointSlice

ANNOTATION_MANAGER: Final = "endpoints.hearthgate.dev"
MIRROR_MANAGER: Final = "endpointsmirror.hearthgate.dev"
MANAGERS: Final = frozenset({ANNOTATION_MANAGER, MIRROR_MANAGER})


class Wanted(NamedTuple):
    """What one Service asks for. slices: by name."""

    slices: tuple[Slice, ...] = ()
    problems: tuple[Problem, ...] = ()


def wanted(
    service: Service | None, endpoints: Endpoints | None, present: Collection[EndpointSlice], *, mirrors: bool
) -> Wanted:
    """What a Service asks for, with the Endpoints of its name and the slices that say they are its own.

    mirrors: whether Endpoints are mirrored. On a real cluster its own controllers do that, and fill the
    endpoints of Services with a selector.
    """
    slices: list[Slice] = []
    problems: list[Problem] = []
    if service is not None and annotation.ANNOTATION in service.metadata.annotations:
        rows, found = annotation.parse(service)
        slices += grouped(
            namespace=service.metadata.namespace,
            service=service.metadata.name,
            manager=ANNOTATION_MANAGER,
            owner=Owner("v1", "Service", service.metadata.name, service.metadata.uid),
            rows=rows,
        )
        problems += found
    if not mirrors:
        return Wanted(tuple(sorted(slices)), tuple(problems))
    if endpoints is not None and mirror.is_mirrored(endpoints, service) and not _is_mirrored_upstream(present):
        slices += _mirrored(endpoints)
    if service is not None and not present:
        problems += _without_pods(service)
    return Wanted(tuple(sorted(slices)), tuple(problems))


def _mirrored(endpoints: Endpoints) -> Iterator[Slice]:
    return grouped(
        namespace=endpoints.metadata.namespace,
        service=endpoints.metadata.name,
        manager=MIRROR_MANAGER,
        owner=Owner("v1", "Endpoints", endpoints.metadata.name, endpoints.metadata.uid),
        rows=mirror.rows(endpoints),
    )


def _is_mirrored_upstream(present: Collection[EndpointSlice]) -> bool:
    return any(one.metadata.labels.get(MANAGED_BY_LABEL) == mirror.UPSTREAM_MANAGER for one in present)


def _without_pods(service: Service) -> Iterator[Problem]:
    """A Service that was written for a cluster: here nothing turns its selector into endpoints."""
    selects = service.spec.selector and service.spec.type != "ExternalName"
    if selects and annotation.ANNOTATION not in service.metadata.annotations:
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
