"""Where a reference to a service stands, for problems that name its field."""

from typing import NamedTuple

from hearthgate.model.problems import Problem, Reason, Severity
from hearthgate.model.refs import ObjectRef


class Origin(NamedTuple):
    """The object, and the path of the reference in it; empty for the whole object."""

    ref: ObjectRef
    field: str

    def problem(self, below: str, reason: Reason, message: str, severity: Severity = Severity.ERROR) -> Problem:
        field = f"{self.field}.{below}" if below else self.field
        return Problem(ref=self.ref, field=field, reason=reason, message=message, severity=severity)
