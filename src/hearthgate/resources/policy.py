"""policy.networking.k8s.io/v1alpha2: ClusterNetworkPolicy, rules of whoever runs the cluster."""

from typing import Annotated, Literal

import msgspec

from hearthgate.resources.kinds import Column, Kind
from hearthgate.resources.meta import Resource, Strict
from hearthgate.resources.scalars import PortNumber, Selector

Action = Literal["Accept", "Deny", "Pass"]


class SelectedPods(Strict, frozen=True, kw_only=True):
    """Pods by their labels and those of their namespaces.

    namespace_selector: Namespaces, by their labels.
    pod_selector: Pods in them, by their labels.
    """

    namespace_selector: Selector = Selector()
    pod_selector: Selector = Selector()


class Subject(Strict, frozen=True, kw_only=True):
    """The pods that a policy is about: by one of the two.

    namespaces: All pods of namespaces.
    pods: Some pods of namespaces.
    """

    namespaces: Selector | None = None
    pods: SelectedPods | None = None


class IngressPeer(Strict, frozen=True, kw_only=True):
    """Where a connection comes from: exactly one of these.

    namespaces: All pods of namespaces.
    pods: Some pods of namespaces.
    """

    namespaces: Selector | None = None
    pods: SelectedPods | None = None


class EgressPeer(Strict, frozen=True, kw_only=True):
    """Where a connection goes to: exactly one of these.

    namespaces: All pods of namespaces.
    pods: Some pods of namespaces.
    nodes: Nodes, by their labels.
    networks: Networks (CIDR); pods in them count.
    domain_names: Names of hosts outside.
    """

    namespaces: Selector | None = None
    pods: SelectedPods | None = None
    nodes: Selector | None = None
    networks: tuple[str, ...] = ()
    domain_names: tuple[str, ...] = ()


class PortRange(Strict, frozen=True, kw_only=True):
    """start: The first port.
    end: The last port.
    """

    start: PortNumber
    end: PortNumber


class DestinationPort(Strict, frozen=True, kw_only=True):
    """One of the two.

    number: A port.
    range: Several ports.
    """

    number: PortNumber | None = None
    range: PortRange | None = None


class ProtocolPorts(Strict, frozen=True, kw_only=True):
    """destination_port: Which ports; without it all of the protocol."""

    destination_port: DestinationPort | None = None


class PolicyProtocol(Strict, frozen=True, kw_only=True):
    """What of the peers' traffic is meant: exactly one of these.

    tcp: TCP.
    udp: UDP.
    sctp: SCTP.
    destination_named_port: A port by the name that the pod gives it.
    """

    tcp: ProtocolPorts | None = None
    udp: ProtocolPorts | None = None
    sctp: ProtocolPorts | None = None
    destination_named_port: str | None = None


class ClusterIngressRule(Strict, frozen=True, kw_only=True):
    """The first rule that matches decides.

    name: What messages call it.
    action: What becomes of the connection; Pass leaves it to the next tier.
    from_: Where it comes from.
    protocols: Protocols and ports; without any, all.
    """

    name: str = ""
    action: Action
    from_: tuple[IngressPeer, ...] = msgspec.field(name="from")
    protocols: tuple[PolicyProtocol, ...] = ()


class ClusterEgressRule(Strict, frozen=True, kw_only=True):
    """The first rule that matches decides.

    name: What messages call it.
    action: What becomes of the connection; Pass leaves it to the next tier.
    to: Where it goes to.
    protocols: Protocols and ports; without any, all.
    """

    name: str = ""
    action: Action
    to: tuple[EgressPeer, ...]
    protocols: tuple[PolicyProtocol, ...] = ()


class ClusterNetworkPolicySpec(Strict, frozen=True, kw_only=True):
    """Decides before NetworkPolicies (Admin), or for what they leave open (Baseline).

    tier: When it counts.
    priority: Lower ones come first within a tier.
    subject: The pods that it is about.
    ingress: What comes to them.
    egress: What they send.
    """

    tier: Literal["Admin", "Baseline"]
    priority: Annotated[int, msgspec.Meta(ge=0, le=1000)]
    subject: Subject
    ingress: Annotated[tuple[ClusterIngressRule, ...], msgspec.Meta(max_length=25)] = ()
    egress: Annotated[tuple[ClusterEgressRule, ...], msgspec.Meta(max_length=25)] = ()


class ClusterNetworkPolicy(Resource, frozen=True, kw_only=True):
    """Which connections pods may have, decided above namespaces."""

    spec: ClusterNetworkPolicySpec


KINDS = (
    Kind(
        "policy.networking.k8s.io",
        "v1alpha2",
        "ClusterNetworkPolicy",
        "clusternetworkpolicies",
        resource_type=ClusterNetworkPolicy,
        namespaced=False,
        short_names=("cnp",),
        status=True,
        upstream_status=True,
        columns=(Column("TIER", ".spec.tier"), Column("PRIORITY", ".spec.priority", "integer")),
        remark="ClusterNetworkPolicy objects are in force where the setting policy.enforce is true",
    ),
)
