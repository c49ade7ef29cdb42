"""Tells the owners of objects what became of them: status conditions and Events, in the background.

Writing them never delays the proxy: the newest outcome is reported, those that were overtaken are not. Of an
outcome that alone is looked at which differs from the one reported before, and the objects that do.
"""

import asyncio
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Literal, Protocol

from hearthgate.cluster.changes import changed_refs
from hearthgate.cluster.documents import StatusDocument
from hearthgate.cluster.snapshot import Snapshot, Subject
from hearthgate.ingress.controller import Outcome
from hearthgate.ingress.routing.gateway.statuses import GatewayDocument
from hearthgate.ingress.routing.gateway.verdicts import Verdict
from hearthgate.ingress.routing.ingresses.addresses import ReachedDocument
from hearthgate.ingress.routing.status import ACCEPTED, WITHOUT_CONDITIONS
from hearthgate.model.problems import Problem
from hearthgate.model.refs import ObjectRef
from hearthgate.resources.meta import Condition, Resource

PAUSE = 0.2
"""Seconds between two reports: under a storm of changes the proxy comes first."""


class Statuses(Protocol):
    """What is used of a StatusWriter."""

    def want(self, subject: Subject, conditions: Iterable[Condition]) -> None: ...
    def retain(self, refs: AbstractSet[ObjectRef]) -> None: ...


class Documents(Protocol):
    """What is used of a DocumentWriter."""

    def want(self, subject: Resource, document: StatusDocument) -> None: ...
    def retain(self, refs: AbstractSet[ObjectRef]) -> None: ...


class Events(Protocol):
    """What is used of an EventWriter."""

    def emit(
        self,
        subject: Subject,
        reason: str,
        message: str,
        *,
        type: Literal["Normal", "Warning"] = "Warning",  # noqa: A002
    ) -> None: ...


class Reporter:
    """Reports outcomes. `publish` never waits."""

    def __init__(self, statuses: Statuses, documents: Documents, events: Events) -> None:
        self._statuses = statuses
        self._documents = documents
        self._events = events
        self._latest: Outcome | None = None
        self._changed = asyncio.Event()
        self._reported: Outcome | None = None
        self._conditions: Mapping[ObjectRef, tuple[Condition, ...]] = {}
        self._verdicts: Mapping[ObjectRef, Verdict] = {}
        self._told: set[Problem] = set()
        self._accepted: dict[ObjectRef, bool] = {}
        """Of the objects that are there."""

    def publish(self, outcome: Outcome) -> None:
        self._latest = outcome
        self._changed.set()

    async def run(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            if self._latest is not None:
                self.report(self._latest)
            await asyncio.sleep(PAUSE)

    def report(self, outcome: Outcome) -> None:
        """Wants the conditions of one outcome, and tells by Events what is new in it."""
        last, before = self._reported, (self._conditions, self._verdicts)
        moved = changed_refs(last.snapshot if last is not None else Snapshot(), outcome.snapshot)
        looked_at = self._report_conditions(outcome, moved)
        self._report_verdicts(outcome, moved)
        self._report_addresses(outcome, looked_at)
        if self._conditions is not before[0] or self._verdicts is not before[1]:
            self._retain()
        self._report_problems(outcome)
        self._reported = outcome

    def _report_conditions(self, outcome: Outcome, moved: AbstractSet[ObjectRef]) -> AbstractSet[ObjectRef]:
        """Returns the objects that it looked at: others than before, or with other conditions."""
        last, old = self._reported, self._conditions
        looked_at = set(moved)
        if last is None or _facts(last) != _facts(outcome):
            self._conditions = outcome.conditions()
            looked_at.update(ref for ref, wanted in self._conditions.items() if old.get(ref) != wanted)
            looked_at.update(old.keys() - self._conditions.keys())
        for ref in sorted(looked_at):
            wanted = self._conditions.get(ref)
            subject = outcome.snapshot.subject(ref) if wanted is not None else None
            if wanted is None or subject is None:
                self._accepted.pop(ref, None)
                continue
            if ref.kind not in WITHOUT_CONDITIONS:
                self._statuses.want(subject, wanted)
            accepted = any(c.type == ACCEPTED and c.status == "True" for c in wanted)
            if accepted and last is not None and not self._accepted.get(ref, False):
                self._events.emit(subject, ACCEPTED, "in service", type="Normal")
            self._accepted[ref] = accepted
        return looked_at

    def _report_verdicts(self, outcome: Outcome, moved: AbstractSet[ObjectRef]) -> None:
        """Wants the statuses of objects of the Gateway API."""
        last, old = self._reported, self._verdicts
        again = last is None or last.programmed != outcome.programmed
        if last is None or last.built.verdicts is not outcome.built.verdicts:
            self._verdicts = {verdict.ref: verdict for verdict in outcome.built.verdicts}
        for ref, verdict in self._verdicts.items():
            if again or ref in moved or old.get(ref) != verdict:
                subject = outcome.snapshot.subject(ref)
                if isinstance(subject, Resource):
                    self._documents.want(subject, GatewayDocument(verdict, outcome.programmed))

    def _report_addresses(self, outcome: Outcome, looked_at: AbstractSet[ObjectRef]) -> None:
        """Wants Ingresses that serve to say where they are reached; what they said stays while it is unknown."""
        points = outcome.built.reached_at
        if points is None:
            return
        document = ReachedDocument(points)
        same = self._reported is not None and self._reported.built.reached_at == points
        for ref in sorted(looked_at) if same else self._accepted:
            serves = ref.kind == "Ingress" and self._accepted.get(ref, False)
            subject = outcome.snapshot.subject(ref) if serves else None
            if isinstance(subject, Resource):
                self._documents.want(subject, document)

    def _retain(self) -> None:
        """Forgets objects that are gone, or no longer ours to speak of."""
        self._statuses.retain(self._conditions.keys())
        reached = {ref for ref, serves in self._accepted.items() if serves and ref.kind == "Ingress"}
        self._documents.retain(self._verdicts.keys() | reached)

    def _report_problems(self, outcome: Outcome) -> None:
        last = self._reported
        if last is not None and last.problems == outcome.problems:
            return
        problems = set(outcome.problems)
        for problem in problems - self._told:
            subject = outcome.snapshot.subject(problem.ref)
            if subject is not None:
                text = f"{problem.field}: {problem.message}" if problem.field else problem.message
                self._events.emit(subject, problem.reason.value, text)
        self._told = problems


def _facts(outcome: Outcome) -> tuple[object, ...]:
    """What the conditions of an outcome come from."""
    return outcome.built.model, outcome.built.owned, outcome.problems, outcome.programmed
