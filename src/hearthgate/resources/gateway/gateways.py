"""GatewayClass and Gateway: who serves, and where."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from hearthgate.resources.gateway.references import (
    GROUP,
    Hostname,
    LocalReference,
    ObjectName,
    ObjectReference,
    SecretReference,
    SectionName,
)
from hearthgate.resources.gateway.status import GatewayClassStatus, GatewayStatus
from hearthgate.resources.meta import Resource, Strict, differs, unsupported
from hearthgate.resources.scalars import PortNumber, Selector


class ParametersReference(Strict, frozen=True, kw_only=True):
    """An object with more settings of a class.

    group: Its API group.
    kind: Its kind.
    name: Its name.
    namespace: Its namespace.
    """

    group: str
    kind: str
    name: ObjectName
    namespace: ObjectName | None = None


class GatewayClassSpec(Strict, frozen=True, kw_only=True):
    """Who serves the Gateways of a class.

    controller_name: traefik.io/gateway-controller or hearthgate.dev/gateway-controller for this program.
    parameters_ref: An object with more settings.
    description: For people.
    """

    controller_name: Annotated[str, msgspec.Meta(min_length=1, max_length=253)]
    parameters_ref: Annotated[ParametersReference | None, differs("refused: there are no parameters")] = None
    description: Annotated[str, msgspec.Meta(max_length=64)] | None = None


class GatewayClass(Resource, frozen=True, kw_only=True):
    """A kind of Gateways, by who serves them.

    spec: Who serves them.
    status: Whether they are served.
    """

    spec: GatewayClassSpec
    status: GatewayClassStatus | None = None


class RouteNamespaces(Strict, frozen=True, kw_only=True):
    """Which namespaces' routes may attach.

    from: All, Same (that of the Gateway), Selector or None.
    selector: Selects namespaces by their labels, for Selector.
    """

    from_: Literal["All", "Selector", "Same", "None"] = msgspec.field(default="Same", name="from")
    selector: Selector | None = None


class AllowedKind(Strict, frozen=True, kw_only=True):
    """A kind of routes.

    group: Its API group.
    kind: The kind.
    """

    group: str = GROUP
    kind: str


class AllowedRoutes(Strict, frozen=True, kw_only=True):
    """Which routes may attach to a listener.

    namespaces: Those of which namespaces.
    kinds: Those of which kinds; without any all that fit its protocol.
    """

    namespaces: RouteNamespaces = RouteNamespaces()
    kinds: Annotated[tuple[AllowedKind, ...], msgspec.Meta(max_length=8)] = ()


class ClientValidation(Strict, frozen=True, kw_only=True):
    """How certificates of clients are checked.

    ca_certificate_refs: The authorities, in ConfigMaps or Secrets.
    mode: AllowValidOnly, or AllowInsecureFallback to let others in too.
    """

    ca_certificate_refs: tuple[ObjectReference, ...] = ()
    mode: Literal["AllowValidOnly", "AllowInsecureFallback"] = "AllowValidOnly"


class ListenerTLS(Strict, frozen=True, kw_only=True):
    """TLS of a listener.

    mode: Terminate it here, or pass it through to the backend.
    certificate_refs: Secrets with the certificates.
    frontend_validation: How certificates of clients are checked (of an older version of the specification).
    options: Settings of single implementations.
    """

    mode: Literal["Terminate", "Passthrough"] = "Terminate"
    certificate_refs: Annotated[tuple[SecretReference, ...], msgspec.Meta(max_length=64)] = ()
    frontend_validation: Annotated[
        ClientValidation | None, differs("refused: use a TLSOption with clientAuth and IngressRoutes")
    ] = None
    options: Annotated[Mapping[str, str], unsupported("there are none here")] = {}


class Listener(Strict, frozen=True, kw_only=True):
    """One place where a Gateway takes traffic.

    name: Its name within the Gateway.
    hostname: The hosts that it is for; without one all.
    port: The port, which must be that of an entrypoint.
    protocol: HTTP, HTTPS, TLS, TCP or UDP.
    tls: How TLS is done, for HTTPS and TLS.
    allowed_routes: Which routes may attach.
    """

    name: SectionName
    hostname: Hostname | None = None
    port: PortNumber
    protocol: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    tls: ListenerTLS | None = None
    allowed_routes: AllowedRoutes = AllowedRoutes()


class GatewayAddress(Strict, frozen=True, kw_only=True):
    """An address that is asked for.

    type: IPAddress, Hostname or one of an implementation's own.
    value: The address.
    """

    type: str = "IPAddress"
    value: Annotated[str, msgspec.Meta(max_length=253)] = ""


class Infrastructure(Strict, frozen=True, kw_only=True):
    """What is made for a Gateway. Nothing is here: the proxy runs already.

    labels: Labels of what is made.
    annotations: Annotations of what is made.
    parameters_ref: An object with more settings.
    """

    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    parameters_ref: Annotated[LocalReference | None, differs("refused: there are no parameters")] = None


class GatewaySpec(Strict, frozen=True, kw_only=True):
    """What a Gateway serves.

    gateway_class_name: Its GatewayClass.
    listeners: Where it takes traffic.
    addresses: The addresses that it shall have.
    infrastructure: What is made for it.
    allowed_listeners: Which ListenerSets may attach.
    tls: TLS to backends and of clients.
    default_scope: Whether routes without a parent attach.
    """

    gateway_class_name: ObjectName
    listeners: Annotated[tuple[Listener, ...], msgspec.Meta(max_length=64)] = ()
    addresses: Annotated[tuple[GatewayAddress, ...], msgspec.Meta(max_length=16)] = ()
    infrastructure: Infrastructure | None = None
    allowed_listeners: Annotated[
        Mapping[str, Any] | None, unsupported("ListenerSets are not served: list the listeners in the Gateway")
    ] = None
    tls: Annotated[
        Mapping[str, Any] | None, differs("refused: use a BackendTLSPolicy, or a TLSOption and IngressRoutes")
    ] = None
    default_scope: Annotated[str, unsupported("name the Gateway in spec.parentRefs of the routes")] = ""


class Gateway(Resource, frozen=True, kw_only=True):
    """Where traffic comes in that routes hand on.

    spec: What it serves.
    status: What became of it.
    """

    spec: GatewaySpec
    status: GatewayStatus | None = None
