"""Which Gateways are for this program: those whose GatewayClass names it."""

from collections.abc import Iterator

from hearthgate.ingress.providers import KubernetesGateway
from hearthgate.ingress.routing.entrypoints import SETTINGS_REF
from hearthgate.ingress.routing.gateway.verdicts import CONTROLLERS, ClassVerdict, accepted
from hearthgate.ingress.routing.tracking import Tracker
from hearthgate.model.problems import Problem, Reason, Severity, shorten
from hearthgate.model.selectors import LabelSelector, parse_label_selector
from hearthgate.resources.gateway import Gateway, GatewayClass
from hearthgate.resources.meta import Resource


class Claims:
    """Answers by the settings and the GatewayClasses, read through the tracker."""

    def __init__(self, tracker: Tracker, settings: KubernetesGateway) -> None:
        self._tracker = tracker
        self._settings = settings
        self._selector = _selector(settings.label_selector)

    def problems(self) -> Iterator[Problem]:
        """What is wrong with the settings."""
        if self._selector is None:
            said = shorten(self._settings.label_selector)
            message = f"{said} is not a label selector (app=web,tier!=db): no GatewayClass is served"
            field = "providers.kubernetesGateway.labelSelector"
            yield Problem(ref=SETTINGS_REF, field=field, reason=Reason.INVALID_VALUE, message=message)

    def controller(self, gateway: Gateway) -> str | None:
        """The name under which a Gateway asks for us; None when it does not."""
        if not self.is_read(gateway):
            return None
        found = self._tracker.get(GatewayClass, "", gateway.spec.gateway_class_name)
        if found is None or not self.is_ours(found) or found.spec.parameters_ref is not None:
            return None
        return found.spec.controller_name

    def unclaimed(self, gateway: Gateway) -> Iterator[Problem]:
        """A Gateway of another class is another controller's. One whose class does not exist is nobody's."""
        name = gateway.spec.gateway_class_name
        if self.is_read(gateway) and self._tracker.get(GatewayClass, "", name) is None:
            called = shorten(name)[1:-1]
            message = f"GatewayClass {called} does not exist: create it with controllerName {CONTROLLERS[0]}"
            yield Problem(
                ref=gateway.ref,
                field="spec.gatewayClassName",
                reason=Reason.CLASS_MISMATCH,
                message=message,
                severity=Severity.WARNING,
            )

    def is_ours(self, resource: GatewayClass) -> bool:
        return self._settings.enabled and resource.spec.controller_name in CONTROLLERS and self._selected(resource)

    def is_read(self, resource: Resource) -> bool:
        """Whether the settings' namespaces leave an object in."""
        spaces = self._settings.namespaces
        return self._settings.enabled and (not spaces or resource.metadata.namespace in spaces)

    def _selected(self, resource: GatewayClass) -> bool:
        """As upstream, the selector picks GatewayClasses."""
        return self._selector is not None and self._selector.matches(resource.metadata.labels)

    def verdict(self, resource: GatewayClass) -> ClassVerdict | None:
        if not self.is_ours(resource):
            return None
        if resource.spec.parameters_ref is not None:
            message = "there are no parameters here: take spec.parametersRef out"
            return ClassVerdict(resource.ref, (accepted("InvalidParameters", message),))
        return ClassVerdict(resource.ref, (accepted(message="Gateways of this class are served"),))


def _selector(text: str) -> LabelSelector | None:
    """None for one that cannot be read: then nothing is ours, and the settings have a problem."""
    try:
        return parse_label_selector(text)
    except ValueError:
        return None
