"""Which objects of traefik.io count at all: by namespace and by label (`providers.kubernetesCRD`).

What does not count is as if it did not exist: no route may refer to it. Services, Secrets and the like always
count, as upstream.
"""

from typing import Final

from hearthgate.cluster.changes import changes
from hearthgate.cluster.snapshot import Collection, Snapshot
from hearthgate.ingress.providers import KubernetesCRD
from hearthgate.ingress.routing.entrypoints import SETTINGS_REF
from hearthgate.ingress.settings import IngressSettings
from hearthgate.model.problems import Problem, Reason
from hearthgate.model.selectors import LabelSelector, parse_label_selector
from hearthgate.resources.meta import Resource
from hearthgate.resources.traefik.kinds import KINDS

_NOTHING: Final = (Collection({}), Collection({}))
_KINDS: Final = tuple(kind.resource_type for kind in KINDS if kind.resource_type is not None)


class Visible:
    """Filters one snapshot after the other; equal collections give the same filtered ones."""

    def __init__(self, settings: KubernetesCRD) -> None:
        self._settings = settings
        self._selector = _selector(settings.label_selector)
        self._known: dict[type[Resource], tuple[Collection, Collection]] = {}

    def of(self, snapshot: Snapshot) -> Snapshot:
        if not self._settings.namespaces and not self._settings.label_selector:
            return snapshot
        return snapshot.replaced({kind: self._filtered(kind, snapshot.collection(kind)) for kind in _KINDS})

    def _filtered(self, kind: type[Resource], collection: Collection) -> Collection:
        before, shown = self._known.get(kind, _NOTHING)
        if before is not collection:
            differences = changes(before, collection).items()
            now = {key: after if self._counts(after) else None for key, (_, after) in differences}
            if any(found is not None or key in shown.objects for key, found in now.items()):
                shown = shown.changed(now)
            self._known[kind] = (collection, shown)
        return shown

    def _counts(self, resource: Resource | None) -> bool:
        if resource is None:
            return False
        spaces = self._settings.namespaces
        if spaces and resource.metadata.namespace not in spaces:
            return False
        return self._selector is not None and self._selector.matches(resource.metadata.labels)


def selector_problems(settings: IngressSettings) -> tuple[Problem, ...]:
    """Label selectors that cannot be read: nothing is visible through them."""
    providers = settings.providers
    found = []
    for name, text in (
        ("kubernetesCRD", providers.kubernetes_crd.label_selector),
        ("kubernetesIngress", providers.kubernetes_ingress.label_selector),
    ):
        try:
            parse_label_selector(text)
        except ValueError as error:
            field = f"providers.{name}.labelSelector"
            message = f"{error}: nothing is served by it (app=web,tier!=db,env in (a,b))"
            found.append(Problem(ref=SETTINGS_REF, field=field, reason=Reason.INVALID_VALUE, message=message))
    return tuple(found)


def _selector(text: str) -> LabelSelector | None:
    """None for one that cannot be read."""
    try:
        return parse_label_selector(text)
    except ValueError:
        return None
