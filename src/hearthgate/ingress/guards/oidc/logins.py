"""Every middleware with logins, by the questions that the proxy asks."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from hearthgate.ingress.auth.wire import Answer, Request
from hearthgate.ingress.guards.oidc.login import Guard
from hearthgate.ingress.middlewares.plugins.oidc import QUESTION, Oidc, oidc_question
from hearthgate.model.problems import Problem, Reason, Severity

RETENTION: Final = 60.0
"""Seconds for which one is kept that no route has any more: the proxy's routes ask for it until they change."""


class Logins:
    """`changed` is called when problems are other ones. clock: monotonic seconds."""

    def __init__(self, *, changed: Callable[[], None], clock: Callable[[], float]) -> None:
        self._changed = changed
        self._clock = clock
        self._wanted: frozenset[str] = frozenset()
        self._guards: dict[str, Guard] = {}
        self._ends: dict[str, float] = {}

    def want(self, middlewares: Iterable[Oidc]) -> None:
        wanted = {oidc_question(one): one for one in middlewares}
        now = self._clock()
        for question, middleware in wanted.items():
            if question not in self._guards:
                self._guards[question] = Guard(middleware, changed=self._changed)
            self._ends.pop(question, None)
        for question in self._guards.keys() - wanted.keys():
            self._ends.setdefault(question, now + RETENTION)
        for question in [question for question, end in self._ends.items() if end <= now]:
            del self._ends[question], self._guards[question]
        self._wanted = frozenset(wanted)

    async def answer(self, request: Request) -> Answer | None:
        """None when the question is not about a login."""
        if not request.path.startswith(f"/{QUESTION}/"):
            return None
        end = request.path.find("/", len(QUESTION) + 2)
        guard = self._guards.get(request.path[:end]) if end > 0 else None
        return await guard.answer(request, request.path[end:]) if guard is not None else None

    def problems(self) -> Iterator[Problem]:
        for question in sorted(self._wanted):
            guard = self._guards[question]
            if guard.fault:
                message = f"the provider {guard.middleware.issuer} cannot be asked: {guard.fault}; logins get 503"
                yield Problem(
                    ref=guard.middleware.ref,
                    field="spec.plugin",
                    reason=Reason.PROVIDER_UNREACHABLE,
                    message=message,
                    severity=Severity.WARNING,
                )

    async def close(self) -> None:
        for guard in self._guards.values():
            await guard.provider.close()
