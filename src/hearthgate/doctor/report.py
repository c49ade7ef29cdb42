"""What `check` found, as lines for people and as JSON for programs. Pure."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from hearthgate.resources.manifests import Located


class Counts(NamedTuple):
    """`kinds`: number of objects of each kind, by name."""

    files: int
    objects: int
    kinds: tuple[tuple[str, int], ...]

    @classmethod
    def of(cls, files: int, kinds: Iterator[str]) -> "Counts":
        counted = Counter(kinds)
        return cls(files, counted.total(), tuple(sorted(counted.items())))


class Report(NamedTuple):
    """problems: by file, line and object."""

    problems: tuple[Located, ...]
    counts: Counts

    @property
    def errors(self) -> int:
        return sum(found.problem.is_error for found in self.problems)

    @property
    def warnings(self) -> int:
        return len(self.problems) - self.errors


def line(found: Located) -> str:
    """`file:line: severity: Kind ns/name: field: message [Reason]`, without a place when there is none."""
    where = f"{found.source}: " if found.source.path else ""
    return f"{where}{found.problem.severity}: {found.problem} [{found.problem.reason}]"


def summary(report: Report) -> str:
    counts = report.counts
    found = f"{_many(report.errors, 'error')}, {_many(report.warnings, 'warning')}"
    return f"{_many(counts.objects, 'object')} in {_many(counts.files, 'file')}: {found}"


def as_json(report: Report) -> dict[str, Any]:
    """Stable: programs read it. `line` is 0 when the whole file is meant, `file` empty when there is none."""
    return {
        "problems": [
            {
                "file": found.source.path,
                "line": found.source.line,
                "severity": found.problem.severity,
                "kind": found.problem.ref.kind,
                "namespace": found.problem.ref.namespace,
                "name": found.problem.ref.name,
                "field": found.problem.field,
                "reason": found.problem.reason,
                "message": found.problem.message,
            }
            for found in report.problems
        ],
        "summary": {
            "files": report.counts.files,
            "objects": report.counts.objects,
            "kinds": dict(report.counts.kinds),
            "errors": report.errors,
            "warnings": report.warnings,
        },
    }


def _many(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
