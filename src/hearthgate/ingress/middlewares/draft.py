"""A Middleware on its way to a checked value: who it is, what it may ask for, and what is wrong with it."""

from collections.abc import Callable

from hearthgate.ingress.middlewares.links import Links
from hearthgate.model.problems import Problem, Reason, Severity
from hearthgate.model.refs import ObjectRef
from hearthgate.resources.core import Secret

FindSecret = Callable[[str], Secret | None]
"""Finds a Secret by name in the Middleware's own namespace."""


class Draft:
    """Collects the problems of one Middleware while it is built.

    name: the middleware's name. path: the field of its type, `spec.basicAuth`; mistakes are named below it.
    links: finds the services that it speaks to; None where it is built alone.
    """

    def __init__(self, ref: ObjectRef, path: str, secret: FindSecret, links: Links | None = None) -> None:
        self.ref = ref
        self.name = f"{ref.namespace}-{ref.name}@kubernetescrd"
        self.secret = secret
        self.links = links
        self.problems: list[Problem] = []
        self._path = path

    def refuse(self, field: str, message: str, reason: Reason = Reason.INVALID_VALUE) -> None:
        """Records a mistake that puts the middleware out of service."""
        self._add(field, message, reason, Severity.ERROR)

    def warn(self, field: str, message: str, reason: Reason = Reason.INVALID_VALUE) -> None:
        """Records a mistake with which the middleware still serves."""
        self._add(field, message, reason, Severity.WARNING)

    def path(self, field: str) -> str:
        """The whole path of a field of the type."""
        return f"{self._path}.{field}" if field else self._path

    def _add(self, field: str, message: str, reason: Reason, severity: Severity) -> None:
        where = self.path(field)
        self.problems.append(Problem(ref=self.ref, field=where, reason=reason, message=message, severity=severity))

    @property
    def is_refused(self) -> bool:
        return any(problem.is_error for problem in self.problems)
