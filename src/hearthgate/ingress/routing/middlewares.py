"""Middleware references to values: chains expanded in place, cycles found, namespaces obeyed."""

from collections.abc import Callable, Iterable

from hearthgate.ingress.middlewares.build import build_middleware
from hearthgate.ingress.middlewares.links import Links
from hearthgate.ingress.middlewares.middleware import Middleware as Value
from hearthgate.ingress.routing.references import Broken, resolve
from hearthgate.ingress.routing.tracking import Result, Tracker
from hearthgate.model.problems import Problem, Reason
from hearthgate.model.refs import ObjectRef
from hearthgate.resources.core import Secret
from hearthgate.resources.traefik import Middleware
from hearthgate.resources.traefik.service import ObjectReference

Values = tuple[Value, ...]


class Middlewares:
    """Resolves references to middlewares, each Middleware built once however many routers use it.

    links: finds the services that a Middleware speaks to.
    """

    def __init__(self, tracker: Tracker, *, cross_namespace: bool, links: Callable[[ObjectRef], Links]) -> None:
        self._tracker = tracker
        self._links = links
        self._cross_namespace = cross_namespace

    def built(self, resource: Middleware) -> Result[Values | None]:
        """What one Middleware stands for: itself, or the members of its chain; None when it cannot be used."""
        return self._tracker.result(("middleware", *resource.key), lambda: self._build(resource))

    def resolve_all(
        self, references: Iterable[ObjectReference], ref: ObjectRef, field: str
    ) -> tuple[Values | None, tuple[Problem, ...]]:
        """The values behind a list of references in `ref`, in order; None when one of them cannot be used."""
        values: list[Value] = []
        problems: list[Problem] = []
        for index, reference in enumerate(references):
            found = self.resolve(reference, ref.namespace)
            if isinstance(found, Broken):
                problems.append(
                    Problem(ref=ref, field=f"{field}[{index}]", reason=found.reason, message=found.message)
                )
            else:
                values.extend(found)
        return (None if problems else tuple(values)), tuple(problems)

    def resolve(self, reference: ObjectReference, origin: str) -> Values | Broken:
        """The values behind one reference in namespace `origin`."""
        return self._resolve(reference, origin, cross_namespace=self._cross_namespace)

    def resolve_setting(self, reference: ObjectReference) -> Values | Broken:
        """The same for a reference in the settings, which stand in no namespace and may name any."""
        return self._resolve(reference, "default", cross_namespace=True)

    def _resolve(self, reference: ObjectReference, origin: str, *, cross_namespace: bool) -> Values | Broken:
        resource = resolve(
            self._tracker,
            Middleware,
            reference.name,
            reference.namespace,
            origin,
            cross_namespace=cross_namespace,
        )
        if isinstance(resource, Broken):
            return resource
        if self._tracker.is_running(("middleware", *resource.key)):
            return Broken(Reason.MIDDLEWARE_CYCLE, f"{resource.ref} contains itself: take it out of the chain")
        values = self.built(resource).value
        if values is None:
            return Broken(Reason.MIDDLEWARE_INVALID, f"{resource.ref} cannot be used: see its own problems")
        return values

    def _build(self, resource: Middleware) -> Result[Values | None]:
        # Read again through the tracker: the result depends on this very object.
        self._tracker.get(Middleware, *resource.key)
        spec = resource.spec
        if spec.chain is not None and _is_only_chain(resource):
            values, problems = self.resolve_all(spec.chain.middlewares, resource.ref, "spec.chain.middlewares")
            return Result(values, problems)
        namespace = resource.metadata.namespace
        links = self._links(resource.ref)
        value, problems = build_middleware(
            resource, lambda name: self._tracker.get(Secret, namespace, name), links
        )
        return Result((value,) if value is not None else None, problems)


def _is_only_chain(resource: Middleware) -> bool:
    spec = resource.spec
    set_keys = [name for name in spec.__struct_fields__ if getattr(spec, name) is not None]
    return set_keys == ["chain"]
