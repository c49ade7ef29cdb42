"""Routes to the listeners of their parents: whom a Gateway lets in, and which hosts they have in common."""

from collections.abc import Iterator
from typing import NamedTuple

from hearthgate.ingress.routing.gateway.hostnames import intersection
from hearthgate.ingress.routing.gateway.listeners import BuiltGateway, Gateways, Listening
from hearthgate.ingress.routing.gateway.verdicts import Target
from hearthgate.ingress.routing.tracking import Tracker
from hearthgate.model.problems import Problem, Reason
from hearthgate.model.refs import ObjectRef
from hearthgate.resources.core import Namespace
from hearthgate.resources.gateway import Gateway
from hearthgate.resources.gateway.references import GROUP, ParentReference
from hearthgate.resources.meta import Resource

NAMESPACE_LABEL = "kubernetes.io/metadata.name"


class Attached(NamedTuple):
    """A route at one parent. places: its listeners with the hosts in common. reason: why there are none."""

    parent: ParentReference
    gateway: BuiltGateway
    places: tuple[tuple[Listening, tuple[str, ...]], ...]
    reason: str = ""
    message: str = ""

    @property
    def targets(self) -> Iterator[Target]:
        for listening, _ in self.places:
            yield (self.gateway.ref.namespace, self.gateway.ref.name), listening.name


class Attachments:
    """Looks parents up for one route after the other."""

    def __init__(self, tracker: Tracker, gateways: Gateways) -> None:
        self._tracker = tracker
        self._gateways = gateways

    def of(
        self, route: Resource, parents: tuple[ParentReference, ...], hosts: tuple[str, ...] | None
    ) -> tuple[tuple[Attached, ...], tuple[Problem, ...]]:
        """The route at those of its parents that are ours. hosts: None for routes that know no hosts."""
        found: list[Attached] = []
        problems: list[Problem] = []
        for index, parent in enumerate(parents):
            if (parent.group, parent.kind) != (GROUP, "Gateway"):
                continue
            key = (parent.namespace or route.metadata.namespace, parent.name)
            gateway = self._tracker.get(Gateway, *key)
            if gateway is None:
                message = f"Gateway {key[0]}/{key[1]} does not exist"
                problems.append(_problem(route, index, message))
                continue
            built = self._gateways.built(gateway).value
            if built is None:
                continue
            attached = self._attach(route, parent, built, hosts)
            if attached.reason:
                problems.append(_problem(route, index, attached.message))
            found.append(attached)
        return tuple(found), tuple(problems)

    def _attach(
        self,
        route: Resource,
        parent: ParentReference,
        gateway: BuiltGateway,
        hosts: tuple[str, ...] | None,
    ) -> Attached:
        def refused(reason: str, message: str) -> Attached:
            return Attached(parent, gateway, (), reason, message)

        named = [
            one
            for one in gateway.listeners
            if parent.section_name in (None, "", one.name) and parent.port in (None, one.port)
        ]
        if not named:
            known = ", ".join(one.name for one in gateway.listeners) or "none"
            return refused("NoMatchingParent", f"{gateway.ref} has no such listener (there are: {known})")
        kind = route.ref.kind
        allowed = [
            one for one in named if kind in one.kinds and self._admits(one, route.metadata.namespace, gateway.ref)
        ]
        if not allowed:
            message = (
                f"no listener of {gateway.ref} lets {kind}s of namespace {route.metadata.namespace} in "
                "(protocol and allowedRoutes decide)"
            )
            return refused("NotAllowedByListeners", message)
        places = [
            (one, intersection(one.hostname, hosts or ()) if hosts is not None else ("",)) for one in allowed
        ]
        meeting = tuple((one, common) for one, common in places if common)
        if not meeting:
            wanted = ", ".join(dict.fromkeys(one.hostname for one in allowed))
            message = f"none of its hostnames is one of {gateway.ref}'s listeners ({wanted})"
            return refused("NoMatchingListenerHostname", message)
        return Attached(parent, gateway, meeting)

    def _admits(self, listening: Listening, namespace: str, gateway: ObjectRef) -> bool:
        match listening.namespaces.from_:
            case "All":
                return True
            case "Same":
                return namespace == gateway.namespace
            case "Selector":
                found = self._tracker.get(Namespace, "", namespace)
                labels = {**(found.metadata.labels if found is not None else {}), NAMESPACE_LABEL: namespace}
                selector = listening.namespaces.selector
                return selector is not None and selector.matches(labels)
            case _:
                return False


def _problem(route: Resource, index: int, message: str) -> Problem:
    return Problem(ref=route.ref, field=f"spec.parentRefs[{index}]", reason=Reason.NOT_ATTACHED, message=message)
