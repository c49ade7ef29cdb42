"""What becomes of each annotation of Traefik's on Ingresses and Services: put to their reader, one by one."""

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from hearthgate.ingress.routing.ingresses.annotations import (
    ROUTER,
    ROUTER_NAMES,
    SERVICE,
    SERVICE_NAMES,
    router_options,
    service_reference,
)
from hearthgate.model.problems import Problem, Reason
from hearthgate.model.refs import ObjectRef

_SAMPLES: Final = ("true", "1", "minimal", "detailed", "v3", "PathPrefix", "lax", "https", "a")
"""Among them is a good value of every annotation, and one that is refused where some are."""


class AnnotationRow(NamedTuple):
    """`name` behind `traefik.ingress.kubernetes.io/`. `accepted`: whether some value counts. `refusals`: what is
    said of values that cannot be honoured."""

    name: str
    accepted: bool
    refusals: tuple[str, ...]


def ingress_rows() -> list[AnnotationRow]:
    ref = ObjectRef("Ingress", "default", "site")
    return _rows(ROUTER, "router.", ROUTER_NAMES, lambda given: router_options(ref, given)[1])


def service_rows() -> list[AnnotationRow]:
    ref = ObjectRef("Service", "default", "site")
    return _rows(
        SERVICE,
        "service.",
        SERVICE_NAMES,
        lambda given: service_reference(ref, given, port=80, native_lb=False)[1],
    )


def _rows(
    prefix: str, shown: str, names: Iterable[str], read: Callable[[dict[str, str]], Iterable[Problem]]
) -> list[AnnotationRow]:
    found = []
    for name in names:
        answers = [tuple(read({f"{prefix}{name}": sample})) for sample in _SAMPLES]
        refused = {
            problem.message for problems in answers for problem in problems if problem.reason is Reason.UNSUPPORTED
        }
        found.append(AnnotationRow(f"{shown}{name}", () in answers, tuple(sorted(refused))))
    return found
