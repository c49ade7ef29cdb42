"""The logs of the parts, found by the names of their Pods."""

from collections.abc import AsyncGenerator, Sequence

from hearthgate.apiserver.web.logs import LogLine
from hearthgate.app.logfiles.reading import read_log
from hearthgate.app.logfiles.writer import PartLogs
from hearthgate.app.parts import DESCRIPTIONS, pod_name


class PartPodLogs:
    """Serves `logs` to the API: `hearthgate.apiserver.web.logs.PodLogs`."""

    def __init__(self, logs: PartLogs, namespace: str, host: str) -> None:
        self._logs = logs
        self._parts = {
            (namespace, pod_name(description.component, host)): description.component
            for description in DESCRIPTIONS
        }

    def read(
        self, namespace: str, pod: str, *, previous: bool, tail: int | None, follow: bool
    ) -> AsyncGenerator[Sequence[LogLine], None] | None:
        part = self._parts.get((namespace, pod))
        if part is None:
            return None
        return read_log(self._logs, part, previous=previous, tail=tail, follow=follow)
