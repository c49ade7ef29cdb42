"""Keeps the Node and the Pods in the embedded API as this machine and the parts are.

Level-triggered: each round compares what shall be shown with what is stored. So a Pod that somebody deletes or
changes comes back, and what an earlier run, another namespace or another host name left goes away.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple, Protocol

import structlog

from hearthgate.apiserver.errors import ApiError
from hearthgate.apiserver.objects import Objects
from hearthgate.app.box.facts import read_facts
from hearthgate.app.box.node import HEARTBEAT, LEASE_NAMESPACE, Facts, lease, node, node_status
from hearthgate.app.box.pods import MIRROR, Sight, pod, pod_status
from hearthgate.app.box.runs import Runs, ended, ending, observed, resumed
from hearthgate.app.parts import CONTROLLER, Part, pod_name
from hearthgate.resources import core
from hearthgate.resources.meta import ObjectMeta
from hearthgate.resources.registry import BY_TYPE

log = structlog.get_logger(__name__)

Object = dict[str, Any]

MANAGER: Final = "hearthgate-box"
"""The field manager; what it has applied and is not wanted any more is removed."""
LOOK_EVERY, LOOK_SOON = 10.0, 0.25
"""Seconds between two looks at readiness: while all is well, and while something is not ready."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0

_NODE: Final = BY_TYPE[core.Node]
_POD: Final = BY_TYPE[core.Pod]
_NAMESPACE: Final = BY_TYPE[core.Namespace]


class Emit(Protocol):
    """`EventWriter.emit`."""

    def __call__(
        self,
        subject: core.Pod,
        reason: str,
        message: str,
        *,
        type: Literal["Normal", "Warning"],  # noqa: A002
    ) -> None: ...


class _Told(NamedTuple):
    """An Event that waits for its Pod to be there."""

    component: str
    type: Literal["Normal", "Warning"]
    reason: str
    message: str


class Box:
    """Shows the parts that are added to it, from the first round of `run` to `finish`."""

    def __init__(
        self,
        objects: Objects,
        *,
        namespace: str,
        emit: Emit,
        facts: Callable[[], Facts] = read_facts,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._objects = objects
        self._namespace = namespace
        self._emit = emit
        self._facts = facts
        self._now = now
        self._parts: list[Part] = []
        self._runs: dict[str, Runs] = {}
        self._told: list[_Told] = []
        self._wake = asyncio.Event()

    def add(self, part: Part) -> None:
        """From now on the part is shown."""
        self._parts.append(part)
        self._wake.set()

    def changed(self) -> None:
        """Something about a part may have changed: look now."""
        self._wake.set()

    def exited(self, component: str, status: int | None) -> None:
        """The part's process has ended by itself. status: as subprocess has it, None when nobody knows."""
        runs = self._runs[component] = ended(self._runs.get(component, Runs()), status, self._now())
        code = runs.last.exit_code if runs.last else status
        message = f"Back-off restarting failed container {component}: it ended with exit code {code}"
        self._told.append(_Told(component, "Warning", "BackOff", message))
        self._wake.set()

    def crashed(self, task: str, error: Exception) -> None:
        """A task of the controller failed and is started again. What the error says is for the log alone."""
        message = f"Back-off restarting failed task {task!r}: {type(error).__name__}; the log of this Pod has more"
        self._told.append(_Told(CONTROLLER.component, "Warning", "BackOff", message))
        self._wake.set()

    def note(self, reason: str, message: str, *, type: Literal["Normal", "Warning"]) -> None:  # noqa: A002
        """Something about the program itself that `kubectl get events` shall show."""
        self._told.append(_Told(CONTROLLER.component, type, reason, message))
        self._wake.set()

    async def run(self) -> None:
        """Runs for ever; cancel it to stop."""
        pause = _FIRST_PAUSE
        while True:
            self._wake.clear()
            revision = self._objects.revision
            try:
                ready = await self._round()
            except ApiError as error:
                log.warning("the Pods of this machine cannot be written", error=error.message, again_in=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                pause = _FIRST_PAUSE
                await self._change(revision, LOOK_EVERY if ready else LOOK_SOON)

    async def finish(self) -> None:
        """Says that the parts have ended as they should, so that the next start knows it was no crash."""
        facts, now = self._facts(), self._now()
        for part in self._parts:
            component = part.description.component
            runs = self._runs.get(component, Runs())
            ends = ending(runs.process, 0, now) if runs.process is not None else runs.last
            sight = Sight(part.description, part.version, runs, ready=False, ended=ends)
            held = await self._objects.get(_POD, self._namespace, pod_name(component, facts.host))
            if held is not None:
                with contextlib.suppress(ApiError):  # a full disk, for instance: the next start will say Unknown
                    await self._status(held, pod_status(sight, facts, held.get("status") or {}, now))

    async def _round(self) -> bool:
        """Whether everything is ready."""
        facts, now = self._facts(), self._now()
        shown = (await self._objects.apply(node(facts), manager=MANAGER)).obj
        status = node_status(facts, shown.get("status") or {}, now)
        await self._status(shown, status)
        for namespace in (self._namespace, LEASE_NAMESPACE):
            if await self._objects.get(_NAMESPACE, "", namespace) is None:
                await self._objects.create_namespace(namespace, manager=MANAGER)
        await self._objects.apply(lease(facts, shown["metadata"]["uid"], status), manager=MANAGER)
        sights = [await self._look(part, facts, now) for part in self._parts]
        for sight in sights:
            await self._show(sight, facts, shown["metadata"]["uid"], now)
        await self._remove_others(facts)
        return all(sight.ready for sight in sights)

    async def _look(self, part: Part, facts: Facts, now: datetime) -> Sight:
        component = part.description.component
        process = part.process()
        held = await self._objects.get(_POD, self._namespace, pod_name(component, facts.host))
        known = self._runs.get(component)
        if known is None:
            runs = resumed((held or {}).get("status") or {}, process, now)
        else:
            # A Pod that somebody has deleted is another one when it comes back.
            runs = observed(known, process, now) if held is not None else Runs(process)
        if process is not None and (known is None or known.process != process):
            self._told.append(_Told(component, "Normal", "Started", f"Started container {component}"))
        self._runs[component] = runs
        return Sight(part.description, part.version, runs, process is not None and await part.ready())

    async def _show(self, sight: Sight, facts: Facts, node_uid: str, now: datetime) -> None:
        wanted = pod(sight, facts, self._namespace, node_uid)
        shown = (await self._objects.apply(wanted, manager=MANAGER)).obj
        await self._status(shown, pod_status(sight, facts, shown.get("status") or {}, now))
        # kubectl describe looks for the Events of a mirror Pod under the identity that its annotation names.
        identity = shown["metadata"]["annotations"][MIRROR]
        metadata = ObjectMeta(name=shown["metadata"]["name"], namespace=self._namespace, uid=identity)
        component = sight.description.component
        for told in [told for told in self._told if told.component == component]:
            self._told.remove(told)
            self._emit(core.Pod(metadata=metadata), told.reason, told.message, type=told.type)

    async def _status(self, shown: Object, status: Object) -> None:
        if shown.get("status") == status:
            return
        place = {key: shown["metadata"][key] for key in ("name", "namespace") if key in shown["metadata"]}
        wanted = {
            "apiVersion": shown["apiVersion"],
            "kind": shown["kind"],
            "metadata": place,
            "status": status,
        }
        await self._objects.apply(wanted, manager=MANAGER, subresource="status")

    async def _remove_others(self, facts: Facts) -> None:
        wanted = {("", facts.host)}
        wanted |= {(self._namespace, pod_name(part.description.component, facts.host)) for part in self._parts}
        for kind in (_POD, _NODE):
            for held in await self._objects.list(kind):
                metadata = held["metadata"]
                key = (metadata.get("namespace", ""), metadata["name"])
                if key not in wanted and _is_ours(metadata.get("managedFields") or ()):
                    await self._objects.delete(kind, *key)

    async def _change(self, revision: int, within: float) -> None:
        """Returns when a part, a Pod or a Node has changed, or it is time to look."""
        waits = [
            asyncio.ensure_future(wait)
            for wait in (
                self._wake.wait(),
                self._objects.changed(_POD, revision),
                self._objects.changed(_NODE, revision),
            )
        ]
        try:
            await asyncio.wait(
                waits, timeout=min(within, HEARTBEAT.total_seconds()), return_when="FIRST_COMPLETED"
            )
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)


def _is_ours(managers: Sequence[Object]) -> bool:
    return any(one.get("manager") == MANAGER for one in managers)
