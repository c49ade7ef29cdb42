"""Finds the fields that an object sets and Hearthgate does not honour, from the marks on the types.

`unsupported` fields of a Middleware, TLSOption or TraefikService are errors, because leaving out a guard
is worse than answering 404; elsewhere they are warnings and the object serves without them.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

import msgspec
from msgspec import inspect

from hearthgate.model.problems import Problem, Reason, Severity
from hearthgate.model.refs import ObjectRef
from hearthgate.resources.meta import Resource
from hearthgate.resources.traefik import (
    Middleware,
    MiddlewareTCP,
    ServersTransport,
    ServersTransportTCP,
    TLSOption,
    TraefikService,
)

FAIL_CLOSED: tuple[type[Resource], ...] = (
    Middleware,
    MiddlewareTCP,
    ServersTransport,
    ServersTransportTCP,
    TLSOption,
    TraefikService,
)
"""Kinds that a field which is not honoured takes out of service."""


class _Mark(NamedTuple):
    attribute: str
    name: str
    default: Any
    reason: Reason
    way_out: str


class _Below(NamedTuple):
    attribute: str
    name: str
    plan: "_Plan"
    many: bool


class _Plan(NamedTuple):
    """What to look at in one struct: marked fields, and fields with marks somewhere below them."""

    marks: tuple[_Mark, ...]
    below: tuple[_Below, ...]


def problems(resource: Resource) -> Iterator[Problem]:
    """One Problem per field that is set and not honoured."""
    severity = Severity.ERROR if isinstance(resource, FAIL_CLOSED) else Severity.WARNING
    yield from marked(resource, resource.ref, severity)


def marked(value: msgspec.Struct, ref: ObjectRef, severity: Severity) -> Iterator[Problem]:
    """The same for any value of marked types, such as settings."""
    plan = _plan(type(value))
    if plan is not None:
        yield from _look(plan, value, "", ref, severity)


def _look(plan: _Plan, value: Any, path: str, ref: ObjectRef, severity: Severity) -> Iterator[Problem]:
    for mark in plan.marks:
        if getattr(value, mark.attribute) != mark.default:
            hint = f": {mark.way_out}" if mark.way_out else ""
            refused = mark.reason is Reason.UNSUPPORTED
            yield Problem(
                ref=ref,
                field=f"{path}.{mark.name}" if path else mark.name,
                reason=mark.reason,
                message=f"{mark.name} {'is not supported yet' if refused else 'has no effect'}{hint}",
                severity=severity if refused else Severity.WARNING,
            )
    for below in plan.below:
        child = getattr(value, below.attribute)
        if child is None:
            continue
        field = f"{path}.{below.name}" if path else below.name
        if isinstance(child, Mapping):
            for name, item in child.items():
                yield from _look(below.plan, item, f"{field}.{name}", ref, severity)
        elif below.many:
            for index, item in enumerate(child):
                yield from _look(below.plan, item, f"{field}[{index}]", ref, severity)
        else:
            yield from _look(below.plan, child, field, ref, severity)


@cache
def _plan(struct: type) -> _Plan | None:
    """None when nothing in or below `struct` is marked."""
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)  # noqa: S101 - the types are our own
    marks, below = [], []
    for field in info.fields:
        extra: Mapping[str, Any] = (field.type.extra or {}) if isinstance(field.type, inspect.Metadata) else {}
        if "unsupported" in extra:
            marks.append(_mark(field, Reason.UNSUPPORTED, extra["unsupported"]))
            continue
        if "deprecated" in extra:
            marks.append(_mark(field, Reason.DEPRECATED, extra["deprecated"]))
        child, many = _struct_in(field.type)
        if child is not None and (plan := _plan(child)) is not None:
            below.append(_Below(field.name, field.encode_name, plan, many))
    return _Plan(tuple(marks), tuple(below)) if marks or below else None


def _mark(field: inspect.Field, reason: Reason, way_out: str) -> _Mark:
    factory: Callable[[], Any] | None = (
        field.default_factory if field.default_factory is not msgspec.NODEFAULT else None
    )
    default = factory() if factory is not None else field.default
    return _Mark(field.name, field.encode_name, default, reason, way_out)


def _struct_in(info: inspect.Type) -> tuple[type | None, bool]:
    """The struct that a field holds, and whether it holds a list of them."""
    match info:
        case inspect.Metadata():
            return _struct_in(info.type)
        case inspect.StructType():
            return info.cls, False
        case inspect.VarTupleType():
            return _struct_in(info.item_type)[0], True
        case inspect.DictType():
            return _struct_in(info.value_type)[0], True
        case inspect.UnionType():
            found = [_struct_in(alternative) for alternative in info.types]
            return next(((cls, many) for cls, many in found if cls is not None), (None, False))
        case _:
            return None, False
