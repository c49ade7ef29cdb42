"""Whose an Ingress is: by its class, its namespace and its labels (upstream's kubernetesIngress).

Other than upstream, a class name that no IngressClass has is compared with our own name: where nobody has made an
IngressClass `traefik`, `ingressClassName: traefik` means us all the same.
"""

from collections.abc import Iterator
from typing import Final

from hearthgate.ingress.providers import KubernetesIngress
from hearthgate.ingress.routing.tracking import Tracker
from hearthgate.model.problems import Problem, Reason, Severity, did_you_mean, shorten
from hearthgate.model.selectors import LabelSelector, parse_label_selector
from hearthgate.resources.networking import Ingress, IngressClass

CONTROLLER: Final = "traefik.io/ingress-controller"
CLASS_ANNOTATION: Final = "kubernetes.io/ingress.class"
OWN_NAME: Final = "traefik"


class Classes:
    """Answers for one Ingress after the other. Every object read goes through the tracker."""

    def __init__(self, tracker: Tracker, settings: KubernetesIngress) -> None:
        self._tracker = tracker
        self._settings = settings
        self._selector = _selector(settings.label_selector)
        self._own_name = settings.ingress_class or OWN_NAME

    def is_ours(self, ingress: Ingress) -> bool:
        settings = self._settings
        if not settings.enabled or not self._is_visible(ingress):
            return False
        if ingress.spec.ingress_class_name is not None:
            return self._is_own_class(ingress.spec.ingress_class_name)
        said = ingress.metadata.annotations.get(CLASS_ANNOTATION, "")
        if said:
            return said == self._own_name
        defaults = [each for each in self._classes() if each.is_default]
        if defaults:
            return any(self._is_own(each) for each in defaults)
        return not settings.ingress_class

    def unclaimed(self, ingress: Ingress) -> Iterator[Problem]:
        """An Ingress of another controller's class is none of our business; one of a class that nobody has made is
        nobody's: most likely a typo."""
        name = ingress.spec.ingress_class_name
        if name is None or not self._settings.enabled or not self._is_visible(ingress) or not self._reads_classes:
            return
        if self._tracker.get(IngressClass, "", name) is not None:
            return
        known = [self._own_name, *(each.metadata.name for each in self._classes())]
        yield Problem(
            ref=ingress.ref,
            field="spec.ingressClassName",
            reason=Reason.CLASS_MISMATCH,
            message=(
                f"no IngressClass is called {shorten(name)}{did_you_mean(name, known)}: "
                f"it is not served (our class is {self._own_name})"
            ),
            severity=Severity.WARNING,
        )

    @property
    def _reads_classes(self) -> bool:
        settings = self._settings
        return not (settings.disable_ingress_class_lookup or settings.disable_cluster_scope_resources)

    def _is_visible(self, ingress: Ingress) -> bool:
        spaces = self._settings.namespaces
        if spaces and ingress.metadata.namespace not in spaces:
            return False
        return self._selector is not None and self._selector.matches(ingress.metadata.labels)

    def _is_own_class(self, name: str) -> bool:
        found = self._tracker.get(IngressClass, "", name) if self._reads_classes else None
        return self._is_own(found) if found is not None else name == self._own_name

    def _is_own(self, found: IngressClass) -> bool:
        wanted = self._settings.ingress_class
        return found.spec.controller == CONTROLLER and (not wanted or found.metadata.name == wanted)

    def _classes(self) -> list[IngressClass]:
        if not self._reads_classes:
            return []
        found = self._tracker.collection(IngressClass).ordered
        return [each for each in found if isinstance(each, IngressClass)]


def _selector(text: str) -> LabelSelector | None:
    """None for one that cannot be read: then nothing is ours, and the settings have a problem."""
    try:
        return parse_label_selector(text)
    except ValueError:
        return None
