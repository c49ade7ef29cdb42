"""Which IngressRoutes stand below which others (`spec.parentRefs`), and who may."""

from collections.abc import Iterator

from hearthgate.ingress.routing.names import possible_keys
from hearthgate.ingress.routing.placement import Placement
from hearthgate.ingress.routing.references import Broken, resolve
from hearthgate.ingress.routing.tracking import Tracker
from hearthgate.model.problems import Problem, Reason
from hearthgate.resources.traefik import IngressRoute
from hearthgate.resources.traefik.service import ObjectReference

Key = tuple[str, str]


class Parents:
    """Answers for one IngressRoute after the other. Every object read goes through the tracker."""

    def __init__(self, tracker: Tracker, placement: Placement, *, cross_namespace: bool) -> None:
        self._tracker = tracker
        self._placement = placement
        self._cross_namespace = cross_namespace

    def of(self, resource: IngressRoute, problems: list[Problem]) -> list[IngressRoute] | None:
        """The parents that a child names; None when it must not be served: one cannot be used, or it says itself
        what only its parents may say."""
        before = len(problems)
        spec = resource.spec
        for field, said in (("spec.entryPoints", spec.entry_points), ("spec.tls", spec.tls)):
            if said:
                message = "a route below others is served where its parents are: take it out"
                problems.append(_problem(resource, field, Reason.INVALID_VALUE, message))
        found: list[IngressRoute] = []
        for index, reference in enumerate(spec.parent_refs):
            field = f"spec.parentRefs[{index}]"
            parent = self._resolve(resource, reference)
            if isinstance(parent, Broken):
                problems.append(_problem(resource, field, parent.reason, parent.message))
            elif not self._placement.is_ours(parent):
                message = f"{parent.ref} is of another class, or in a namespace that is not served"
                problems.append(_problem(resource, field, Reason.CLASS_MISMATCH, message))
            elif self._is_above_itself(parent):
                message = f"{parent.ref} is below itself by its parentRefs: break the circle"
                problems.append(_problem(resource, field, Reason.ROUTE_CYCLE, message))
            else:
                found.append(parent)
        return found if len(problems) == before else None

    def have_children(self, resource: IngressRoute) -> bool:
        """Whether some IngressRoute of ours names this one as a parent."""
        for other in self._tracker.collection(IngressRoute).ordered:
            if isinstance(other, IngressRoute) and other.spec.parent_refs:
                names = any(resource.key in _keys(other, reference) for reference in other.spec.parent_refs)
                if names and self._placement.is_ours(other):
                    return True
        return False

    def _resolve(self, resource: IngressRoute, reference: ObjectReference) -> IngressRoute | Broken:
        return resolve(
            self._tracker,
            IngressRoute,
            reference.name,
            reference.namespace,
            resource.metadata.namespace,
            cross_namespace=self._cross_namespace,
        )

    def _is_above_itself(self, resource: IngressRoute) -> bool:
        """A walk, not a computation under way: the answer must not depend on where one begins."""
        seen: set[Key] = set()
        ahead = [resource]
        while ahead:
            current = ahead.pop()
            for reference in current.spec.parent_refs:
                parent = self._resolve(current, reference)
                if isinstance(parent, Broken):
                    continue
                if parent.key == resource.key:
                    return True
                if parent.key not in seen:
                    seen.add(parent.key)
                    ahead.append(parent)
        return False


def _keys(resource: IngressRoute, reference: ObjectReference) -> Iterator[Key]:
    """What a reference of `resource` may mean."""
    if "@" in reference.name:
        yield from possible_keys(reference.name.rpartition("@")[0])
    else:
        yield (reference.namespace or resource.metadata.namespace, reference.name)


def _problem(resource: IngressRoute, field: str, reason: Reason, message: str) -> Problem:
    return Problem(ref=resource.ref, field=field, reason=reason, message=message)
