"""What every kind of route has in common: whose it is, where it is served, its certificates and TLS options."""

from collections.abc import Iterator

from hearthgate.ingress.routing.certificates import built_certificate
from hearthgate.ingress.routing.entrypoints import datagram_entrypoints, default_entrypoints, stream_entrypoints
from hearthgate.ingress.routing.model import DEFAULT_TLS_OPTIONS, Certificate
from hearthgate.ingress.routing.references import Broken, not_found, resolve
from hearthgate.ingress.routing.tls_options import built_options, options_name
from hearthgate.ingress.routing.tracking import Tracker
from hearthgate.ingress.settings import IngressSettings
from hearthgate.model.problems import Problem, Reason, Severity, did_you_mean, shorten
from hearthgate.resources.core import Secret
from hearthgate.resources.traefik import IngressRoute, IngressRouteTCP, IngressRouteUDP, TLSOption
from hearthgate.resources.traefik.ingressroute import RouteTLS
from hearthgate.resources.traefik.tcp import RouteTLSTCP

CLASS_ANNOTATION = "kubernetes.io/ingress.class"
DEFAULT_CLASSES = ("", "traefik")
AnyRoute = IngressRoute | IngressRouteTCP | IngressRouteUDP


class Placement:
    """Answers for one route after the other. Every object read goes through the tracker."""

    def __init__(self, tracker: Tracker, settings: IngressSettings) -> None:
        self._tracker = tracker
        self._provider = settings.providers.kubernetes_crd
        self._streams = stream_entrypoints(settings)
        self._datagrams = datagram_entrypoints(settings)
        self._defaults = default_entrypoints(settings)

    def is_ours(self, resource: AnyRoute) -> bool:
        """Whether class and namespace say that this route is for us."""
        spaces = self._provider.namespaces
        if spaces and resource.metadata.namespace not in spaces:
            return False
        said = _class_of(resource)
        wanted = self._provider.ingress_class
        return said == wanted if wanted else said in DEFAULT_CLASSES

    def unclaimed(self, resource: AnyRoute) -> Iterator[Problem]:
        """A route of another class is another controller's. One of no class at all is nobody's: most likely the
        class was forgotten."""
        wanted = self._provider.ingress_class
        if wanted and not _class_of(resource):
            message = (
                f"it names no class and is not served: set spec.ingressClassName to {wanted} "
                "(providers.kubernetesCRD.ingressClass asks for it)"
            )
            yield Problem(
                ref=resource.ref,
                field="spec.ingressClassName",
                reason=Reason.CLASS_MISMATCH,
                message=message,
                severity=Severity.WARNING,
            )

    def entrypoints(self, resource: AnyRoute, problems: list[Problem]) -> Iterator[str]:
        known = self._datagrams if isinstance(resource, IngressRouteUDP) else self._streams
        defaults = known if isinstance(resource, IngressRouteUDP) else self._defaults
        wanted = resource.spec.entry_points or defaults
        valid = [name for name in dict.fromkeys(wanted) if name in known]
        for index, name in enumerate(wanted):
            if name not in known:
                hint = did_you_mean(name, known) or f" (there are: {', '.join(sorted(known))})"
                problems.append(
                    Problem(
                        ref=resource.ref,
                        field=f"spec.entryPoints[{index}]",
                        reason=Reason.ENTRYPOINT_NOT_FOUND,
                        message=f"entrypoint {shorten(name)} does not exist{hint}",
                        severity=Severity.WARNING if valid else Severity.ERROR,
                    )
                )
        yield from valid

    def certificates(
        self, resource: IngressRoute | IngressRouteTCP, problems: list[Problem]
    ) -> Iterator[Certificate]:
        """Missing or broken ones cost no router: until they come, the default certificate serves."""
        tls = resource.spec.tls
        if tls is None or not tls.secret_name:
            return
        namespace = resource.metadata.namespace
        secret = self._tracker.get(Secret, namespace, tls.secret_name)
        if secret is None:
            broken = not_found(self._tracker, Secret, namespace, tls.secret_name)
        else:
            certificate = built_certificate(self._tracker, secret).value
            if certificate is not None:
                yield certificate
                return
            broken = Broken(Reason.SECRET_INVALID, f"{secret.ref} cannot serve: see its own problems")
        problems.append(
            Problem(
                ref=resource.ref,
                field="spec.tls.secretName",
                reason=broken.reason,
                message=f"{broken.message}; meanwhile another certificate serves its hosts",
                severity=Severity.WARNING,
            )
        )

    def options(self, resource: IngressRoute | IngressRouteTCP, problems: list[Problem]) -> str | None:
        """Name of the TLS options; None when they cannot be used: never serve with less than asked for."""
        tls = resource.spec.tls or RouteTLS()
        self._check_store(resource, tls, problems)
        if tls.options is None:
            return DEFAULT_TLS_OPTIONS
        if tls.options.name == DEFAULT_TLS_OPTIONS and not tls.options.namespace:
            return DEFAULT_TLS_OPTIONS
        found = resolve(
            self._tracker,
            TLSOption,
            tls.options.name,
            tls.options.namespace,
            resource.metadata.namespace,
            cross_namespace=self._provider.allow_cross_namespace,
        )
        if not isinstance(found, Broken):
            if built_options(self._tracker, found).value is not None:
                return options_name(found)
            found = Broken(Reason.TLS_OPTION_NOT_FOUND, f"{found.ref} cannot be used: see its own problems")
        problems.append(
            Problem(ref=resource.ref, field="spec.tls.options", reason=found.reason, message=found.message)
        )
        return None

    def _check_store(
        self, resource: IngressRoute | IngressRouteTCP, tls: RouteTLS | RouteTLSTCP, problems: list[Problem]
    ) -> None:
        if tls.store is not None and tls.store.name != DEFAULT_TLS_OPTIONS:
            message = f"only the store `default` is used, not {shorten(tls.store.name)}"
            problems.append(
                Problem(
                    ref=resource.ref,
                    field="spec.tls.store",
                    reason=Reason.UNSUPPORTED,
                    message=message,
                    severity=Severity.WARNING,
                )
            )


def _class_of(resource: AnyRoute) -> str:
    return resource.spec.ingress_class_name or resource.metadata.annotations.get(CLASS_ANNOTATION, "")
