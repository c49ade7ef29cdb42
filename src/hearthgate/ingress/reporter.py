"""Tells the owners of objects what became of them: status conditions and Events, in the background.

Writing them never delays the proxy: the newest outcome is reported, those that were overtaken are not.
"""

import asyncio
from collections.abc import Mapping

from hearthgate.cluster.documents import DocumentWriter
from hearthgate.cluster.events import EventWriter
from hearthgate.cluster.status import StatusWriter
from hearthgate.ingress.controller import Outcome
from hearthgate.ingress.routing.gateway.statuses import GatewayDocument
from hearthgate.ingress.routing.ingresses.addresses import ReachedDocument
from hearthgate.ingress.routing.status import ACCEPTED, WITHOUT_CONDITIONS
from hearthgate.model.problems import Problem
from hearthgate.model.refs import ObjectRef
from hearthgate.resources.meta import Resource

PAUSE = 0.2
"""Seconds between two reports: under a storm of changes the proxy comes first."""


class Reporter:
    """Reports outcomes. `publish` never waits."""

    def __init__(self, statuses: StatusWriter, documents: DocumentWriter, events: EventWriter) -> None:
        self._statuses = statuses
        self._documents = documents
        self._events = events
        self._latest: Outcome | None = None
        self._changed = asyncio.Event()
        self._told: set[Problem] = set()
        self._accepted: dict[ObjectRef, bool] | None = None

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
        snapshot = outcome.snapshot
        accepted: dict[ObjectRef, bool] = {}
        conditions = outcome.conditions()
        for ref, wanted in conditions.items():
            subject = snapshot.subject(ref)
            if subject is None:
                continue
            if ref.kind not in WITHOUT_CONDITIONS:
                self._statuses.want(subject, wanted)
            accepted[ref] = any(c.type == ACCEPTED and c.status == "True" for c in wanted)
            is_news = self._accepted is not None and not self._accepted.get(ref, False)
            if accepted[ref] and is_news:
                self._events.emit(subject, ACCEPTED, "in service", type="Normal")
        self._statuses.retain(conditions.keys())
        self._report_verdicts(outcome)
        self._report_addresses(outcome, accepted)
        kept = {verdict.ref for verdict in outcome.built.verdicts}
        self._documents.retain(kept | {ref for ref in accepted if ref.kind == "Ingress"})
        for problem in set(outcome.problems) - self._told:
            subject = snapshot.subject(problem.ref)
            if subject is not None:
                text = f"{problem.field}: {problem.message}" if problem.field else problem.message
                self._events.emit(subject, problem.reason.value, text)
        self._told = set(outcome.problems)
        self._accepted = accepted

    def _report_verdicts(self, outcome: Outcome) -> None:
        """Wants the statuses of objects of the Gateway API."""
        for verdict in outcome.built.verdicts:
            subject = outcome.snapshot.subject(verdict.ref)
            if isinstance(subject, Resource):
                self._documents.want(subject, GatewayDocument(verdict, outcome.programmed))

    def _report_addresses(self, outcome: Outcome, accepted: Mapping[ObjectRef, bool]) -> None:
        """Wants Ingresses that serve to say where they are reached."""
        points = outcome.built.reached_at
        if points is None:
            return
        document = ReachedDocument(points)
        for ref, serves in accepted.items():
            subject = outcome.snapshot.subject(ref) if serves and ref.kind == "Ingress" else None
            if isinstance(subject, Resource):
                self._documents.want(subject, document)
