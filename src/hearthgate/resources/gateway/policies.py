"""BackendTLSPolicy: TLS to the backends of a Service."""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from hearthgate.resources.gateway.references import LocalReference, ObjectName, PreciseHostname, SectionName
from hearthgate.resources.gateway.status import PolicyStatus
from hearthgate.resources.meta import Resource, Strict, unsupported


class PolicyTarget(Strict, frozen=True, kw_only=True):
    """A Service of the policy's namespace.

    group: The API group; empty for the core group.
    kind: Service.
    name: Its name.
    section_name: One port of it, by name.
    """

    group: str
    kind: str
    name: ObjectName
    section_name: SectionName | None = None


class AlternativeName(Strict, frozen=True, kw_only=True):
    """A name that the backend's certificate may have.

    type: Hostname or URI.
    hostname: A host name, perhaps with *. at its start.
    uri: A URI such as spiffe://cluster.local/ns/web.
    """

    type: Literal["Hostname", "URI"]
    hostname: str = ""
    uri: str = ""


class TLSValidation(Strict, frozen=True, kw_only=True):
    """How the backend's certificate is checked: by exactly one of authorities and the system's store.

    ca_certificate_refs: ConfigMaps with the authorities under ca.crt.
    well_known_ca_certificates: System for the store of this machine.
    hostname: The name to ask for (SNI), which the certificate must have.
    subject_alt_names: Names of which the certificate must have one, in place of hostname.
    """

    ca_certificate_refs: Annotated[tuple[LocalReference, ...], msgspec.Meta(max_length=8)] = msgspec.field(
        default=(), name="caCertificateRefs"
    )
    well_known_ca_certificates: str = msgspec.field(default="", name="wellKnownCACertificates")
    hostname: PreciseHostname
    subject_alt_names: Annotated[tuple[AlternativeName, ...], msgspec.Meta(max_length=5)] = ()


class BackendTLSPolicySpec(Strict, frozen=True, kw_only=True):
    """Which backends are spoken to by TLS, and how they are checked.

    target_refs: Services.
    validation: How their certificates are checked.
    options: Settings of single implementations.
    """

    target_refs: Annotated[tuple[PolicyTarget, ...], msgspec.Meta(min_length=1, max_length=16)]
    validation: TLSValidation
    options: Annotated[Mapping[str, str], unsupported("there are none here")] = {}


class BackendTLSPolicy(Resource, frozen=True, kw_only=True):
    """TLS to the backends of a Service.

    spec: To which, and how they are checked.
    status: What became of it at each Gateway.
    """

    spec: BackendTLSPolicySpec
    status: PolicyStatus | None = None
