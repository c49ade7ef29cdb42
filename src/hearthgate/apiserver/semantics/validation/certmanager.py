"""cert-manager's requests, orders and challenges: what upstream's webhook refuses. Certificates and issuers are
checked where they are decoded (`resources.certmanager.checks`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import msgspec

from hearthgate.apiserver.errors import Cause
from hearthgate.apiserver.semantics.validation import faults
from hearthgate.resources.certmanager.checks import request
from hearthgate.resources.certmanager.orders import OrderSpec
from hearthgate.resources.certmanager.request import CertificateRequestSpec
from hearthgate.resources.walk import Mistake

Object = Mapping[str, Any]

REQUESTS: Final = "certificaterequests.cert-manager.io"
ORDERS: Final = "orders.acme.cert-manager.io"
CHALLENGES: Final = "challenges.acme.cert-manager.io"
_OWN_ANNOTATIONS: Final = ("cert-manager.io/", "acme.cert-manager.io/")
_VERDICTS: Final = ("Approved", "Denied")
_SET_ONCE: Final = ("url", "finalizeURL", "certificate")
"""Of the status of an Order: another value would be that of another order."""


def check_request(obj: Object, old: Object | None) -> Iterator[Cause]:
    if old is None:
        spec = msgspec.convert(obj.get("spec") or {}, CertificateRequestSpec)
        yield from map(_cause, request.mistakes(spec))
        return
    yield from _unchanged_spec(obj, old)


def check_order(obj: Object, old: Object | None) -> Iterator[Cause]:
    if old is None:
        yield from map(_cause, request.order_mistakes(msgspec.convert(obj.get("spec") or {}, OrderSpec)))
        return
    yield from _unchanged_spec(obj, old)


def check_challenge(obj: Object, old: Object | None) -> Iterator[Cause]:
    if old is not None:
        yield from _unchanged_spec(obj, old)


def check_annotations(resource: str, obj: Object, old: Object) -> Iterator[Cause]:
    """Those of cert-manager on a request say for whom it was made."""
    if resource != REQUESTS:
        return
    before, now = (_annotations(one) for one in (old, obj))
    for name in sorted(before.keys() | now.keys()):
        if before.get(name) != now.get(name):
            yield faults.forbidden(f"metadata.annotations[{name}]", "cannot be changed once the request is made")


def check_status(resource: str, obj: Object, old: Object) -> Iterator[Cause]:
    """What may become of a status."""
    match resource:
        case "certificaterequests.cert-manager.io":
            yield from _verdicts(_status(obj), _status(old))
        case "orders.acme.cert-manager.io":
            for field in _SET_ONCE:
                held = _status(old).get(field)
                if held and _status(obj).get(field) != held:
                    yield faults.forbidden(f"status.{field}", "cannot be changed once it is set")
        case _:
            return


def _verdicts(status: Object, before: Object) -> Iterator[Cause]:
    """Approved and Denied are for good: one of them at most, once, True, and as it was said first."""
    field = "status.conditions"
    given = [one for one in _conditions(status) if one.get("type") in _VERDICTS]
    for verdict in _VERDICTS:
        same = [one for one in given if one["type"] == verdict]
        if len(same) > 1:
            yield faults.forbidden(field, f"{verdict} is there more than once")
        for one in same:
            if one.get("status") != "True":
                yield faults.invalid(field, one.get("status"), f"{verdict} can be True only: leave it out instead")
        held = [_said(one) for one in _conditions(before) if one.get("type") == verdict]
        if held and [_said(one) for one in same] != held:
            yield faults.forbidden(field, f"{verdict} cannot be changed or taken back once it is said")
    if len({one["type"] for one in given}) > 1:
        yield faults.forbidden(field, "a request is Approved or Denied, not both")


def _said(condition: Object) -> tuple[str, ...]:
    """Times and generations aside: they are nobody's verdict."""
    return tuple(condition.get(field) or "" for field in ("status", "reason", "message"))


def _unchanged_spec(obj: Object, old: Object) -> Iterator[Cause]:
    if obj.get("spec") != old.get("spec"):
        yield faults.forbidden("spec", "cannot be changed once it is made: make another one")


def _conditions(status: Object) -> Sequence[Object]:
    found = status.get("conditions")
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _status(obj: Object) -> Object:
    found = obj.get("status")
    return found if isinstance(found, Mapping) else {}


def _annotations(obj: Object) -> dict[str, str]:
    found = (obj.get("metadata") or {}).get("annotations") or {}
    return {name: text for name, text in found.items() if name.startswith(_OWN_ANNOTATIONS)}


def _cause(mistake: Mistake) -> Cause:
    return Cause(mistake.path, f"Invalid value: {mistake.message}", "FieldValueInvalid")


CHECKS: Final[Mapping[str, Callable[[Object, Object | None], Iterator[Cause]]]] = MappingProxyType(
    {REQUESTS: check_request, ORDERS: check_order, CHALLENGES: check_challenge}
)
