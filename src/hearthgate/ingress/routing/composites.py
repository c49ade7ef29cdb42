"""TraefikService: services made of services."""

import re
from typing import TYPE_CHECKING, Final

from hearthgate.ingress.routing.model import FailoverService, Mirror, MirroredService, Service, WeightedService
from hearthgate.ingress.routing.names import object_name
from hearthgate.ingress.routing.origin import Origin
from hearthgate.ingress.routing.tracking import Result
from hearthgate.model.problems import Problem, Reason, Severity, shorten
from hearthgate.resources.traefik import TraefikService
from hearthgate.resources.traefik.service import Failover, HighestRandomWeight, Mirroring, WeightedRoundRobin

if TYPE_CHECKING:
    from hearthgate.ingress.routing.services import Services

_KINDS: Final = {
    "weighted": "weighted",
    "mirroring": "mirroring",
    "highestRandomWeight": "highest_random_weight",
    "failover": "failover",
}
_STATUSES: Final = re.compile(r"([1-5]\d\d)(?:-([1-5]\d\d))?")
_Found = tuple[Service | None, tuple[Problem, ...]]


def build_composite(resource: TraefikService, services: "Services") -> Result[Service | None]:
    """What a TraefikService stands for; None when it, or a service that it needs, cannot be used."""
    kinds = [name for name, attribute in _KINDS.items() if getattr(resource.spec, attribute) is not None]
    if len(kinds) != 1:
        only = f"; {' and '.join(kinds)} cannot stand together" if kinds else ""
        message = f"exactly one of {', '.join(_KINDS)} is needed{only}"
        reason = Reason.INVALID_VALUE if kinds else Reason.MISSING_FIELD
        return Result(None, (Problem(ref=resource.ref, field="spec", reason=reason, message=message),))
    spec, name = resource.spec, object_name(*resource.key)
    origin = Origin(resource.ref, f"spec.{kinds[0]}")
    if spec.weighted is not None:
        return Result(*_shared(spec.weighted, name, origin, services))
    if spec.highest_random_weight is not None:
        return Result(*_shared(spec.highest_random_weight, name, origin, services))
    if spec.mirroring is not None:
        return Result(*_mirrored(spec.mirroring, name, origin, services))
    assert spec.failover is not None  # noqa: S101 - one of the four is set
    return Result(*_failing_over(spec.failover, name, origin, services))


def _shared(
    spec: WeightedRoundRobin | HighestRandomWeight, name: str, origin: Origin, services: "Services"
) -> _Found:
    if not spec.services:
        return None, (origin.problem("services", Reason.MISSING_FIELD, "at least one service is needed"),)
    sticky = spec.sticky if isinstance(spec, WeightedRoundRobin) else None
    found, problems = services.resolve_all(spec.services, name, origin.ref, f"{origin.field}.services", sticky)
    if isinstance(spec, HighestRandomWeight) and isinstance(found, WeightedService) and found.name == name:
        found = WeightedService(name=name, members=found.members, by_client=True)
    return found, problems


def _mirrored(spec: Mirroring, name: str, origin: Origin, services: "Services") -> _Found:
    main, problems = services.alone(spec, origin)
    mirrors: list[Mirror] = []
    found = list(problems)
    for index, mirror in enumerate(spec.mirrors):
        where = Origin(origin.ref, f"{origin.field}.mirrors[{index}]")
        if not 0 <= mirror.percent <= 100:
            found.append(where.problem("percent", Reason.INVALID_VALUE, f"{mirror.percent} is not from 0 to 100"))
            main = None
            continue
        if mirror.middlewares:
            message = "copies go without middlewares, so none go here: take them out"
            found.append(where.problem("middlewares", Reason.UNSUPPORTED, message, Severity.WARNING))
            continue
        service, own = services.resolve(mirror, where)
        found.extend(own)
        if service is None:
            main = None
        elif mirror.percent:
            mirrors.append(Mirror(percent=mirror.percent, service=service))
    if spec.max_body_size < -1:
        found.append(origin.problem("maxBodySize", Reason.INVALID_VALUE, f"{spec.max_body_size} is less than -1"))
        main = None
    if main is None:
        return None, tuple(found)
    mirrored = MirroredService(
        name=name, service=main, mirrors=tuple(mirrors), body=spec.mirror_body, max_body=spec.max_body_size
    )
    return mirrored, tuple(found)


def _failing_over(spec: Failover, name: str, origin: Origin, services: "Services") -> _Found:
    main, problems = services.alone(spec.service, Origin(origin.ref, f"{origin.field}.service"))
    fallback, more = services.alone(spec.fallback, Origin(origin.ref, f"{origin.field}.fallback"))
    found = [*problems, *more]
    statuses: set[int] = set()
    limit = -1
    if spec.errors is not None:
        below = Origin(origin.ref, f"{origin.field}.errors")
        limit = spec.errors.max_request_body_bytes
        if limit < -1:
            found.append(below.problem("maxRequestBodyBytes", Reason.INVALID_VALUE, f"{limit} is less than -1"))
            main = None
        for index, text in enumerate(spec.errors.status):
            codes = _codes(text)
            if not codes:
                message = f"not a status or a range of them (500-599): {shorten(text)}"
                found.append(below.problem(f"status[{index}]", Reason.INVALID_VALUE, message))
                main = None
            statuses.update(codes)
    if main is None or fallback is None:
        return None, tuple(found)
    service = FailoverService(
        name=name, service=main, fallback=fallback, statuses=tuple(sorted(statuses)), max_body=limit
    )
    return service, tuple(found)


def _codes(text: str) -> tuple[int, ...]:
    """The statuses in `404`, `500-599` or several of them with commas; none when some part is wrong."""
    found: list[int] = []
    for part in text.split(","):
        match = _STATUSES.fullmatch(part.strip())
        codes = range(int(match[1]), int(match[2] or match[1]) + 1) if match is not None else ()
        if not codes:
            return ()
        found.extend(codes)
    return tuple(found)
