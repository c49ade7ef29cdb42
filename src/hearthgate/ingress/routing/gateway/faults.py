"""What is wrong with a route, so far as its status tells it: beside the Problem, which condition it touches."""

from enum import StrEnum
from typing import NamedTuple

from hearthgate.model.problems import Problem, Reason, Severity
from hearthgate.model.refs import ObjectRef


class Touches(StrEnum):
    """UNSUPPORTED: the rule is dropped (Accepted, PartiallyInvalid). REFERENCE: a reference leads nowhere,
    requests get 500 (ResolvedRefs). NOTHING: it serves."""

    UNSUPPORTED = "unsupported"
    REFERENCE = "reference"
    NOTHING = "nothing"


class Fault(NamedTuple):
    """`reason`: the specification's, for the condition."""

    touches: Touches
    reason: str
    problem: Problem


class Place(NamedTuple):
    """A field of a route."""

    ref: ObjectRef
    field: str

    def below(self, name: str) -> "Place":
        return Place(self.ref, f"{self.field}.{name}" if self.field else name)

    def problem(self, reason: Reason, message: str, severity: Severity = Severity.ERROR) -> Problem:
        return Problem(ref=self.ref, field=self.field, reason=reason, message=message, severity=severity)

    def unsupported(
        self, message: str, reason: str = "UnsupportedValue", kind: Reason = Reason.UNSUPPORTED
    ) -> Fault:
        return Fault(Touches.UNSUPPORTED, reason, self.problem(kind, message))

    def unresolved(self, reason: str, kind: Reason, message: str) -> Fault:
        requests = self.ref.kind in ("HTTPRoute", "GRPCRoute")
        outcome = "its requests are answered 500" if requests else "its connections are closed"
        return Fault(Touches.REFERENCE, reason, self.problem(kind, f"{message}: {outcome}"))
