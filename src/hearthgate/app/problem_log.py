"""Tells the problems of all sources in the log, each once: when it appears, and when it is gone."""

from collections.abc import Callable

import structlog

from hearthgate.model.problems import Problem
from hearthgate.model.refs import ObjectRef, Source

log = structlog.get_logger(__name__)

Locate = Callable[[ObjectRef, str], Source | None]
"""The file and line of a field of an object; None for what came from no file."""


class ProblemLog:
    """`locate` may be set once files are read."""

    def __init__(self) -> None:
        self.locate: Locate = lambda _ref, _field: None
        self._by_source: dict[str, tuple[Problem, ...]] = {}
        self._shown: frozenset[Problem] = frozenset()

    def told(self, source: str) -> frozenset[Problem]:
        """What `source` has told last."""
        return frozenset(self._by_source.get(source, ()))

    def tell(self, source: str, problems: tuple[Problem, ...]) -> None:
        """`problems`: all that `source` knows of now. The same problem of two sources is told once."""
        self._by_source[source] = problems
        found = frozenset(problem for known in self._by_source.values() for problem in known)
        for problem in sorted(found - self._shown):
            place = self.locate(problem.ref, problem.field)
            tell = log.error if problem.is_error else log.warning
            tell("problem", where=str(place) if place else None, what=str(problem), reason=problem.reason.value)
        for problem in sorted(self._shown - found):
            log.info("problem solved", what=str(problem), reason=problem.reason.value)
        self._shown = found
