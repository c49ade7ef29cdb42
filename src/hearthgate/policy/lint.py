"""What NetworkPolicies say that their writers hardly mean. Pure."""

import ipaddress
from collections.abc import Iterator
from typing import Final

from hearthgate.cluster.snapshot import Snapshot
from hearthgate.model.problems import Problem, Reason, Severity, did_you_mean
from hearthgate.model.refs import ObjectRef
from hearthgate.policy.edges import Edge, proxied, proxies
from hearthgate.policy.ends import NAME_LABEL, PodEnd
from hearthgate.policy.evaluate import Flow, check
from hearthgate.policy.ports import Protocol
from hearthgate.policy.world import World
from hearthgate.resources.networking import IPBlock, NetworkPolicy, PolicyPeer, PolicyPort
from hearthgate.resources.scalars import Selector

_WHOLE: Final = 8
"""Blocks with so few bits mean everywhere."""
_DNS: Final = 53


def lint(snapshot: Snapshot, world: World) -> tuple[Problem, ...]:
    """Sorted. All are warnings: the policies mean something, and that is in force."""
    found = [*world.problems]
    for policy in snapshot.all(NetworkPolicy):
        found += _of_policy(policy, world)
    found += _locked_out(snapshot, world)
    found += _without_names(world)
    return tuple(sorted(set(found)))


def _of_policy(policy: NetworkPolicy, world: World) -> Iterator[Problem]:
    spec, space = policy.spec, policy.metadata.namespace
    selected = world.selection.within(space, spec.pod_selector)
    if not selected:
        yield _unselected(policy, world)
    types = spec.policy_types or (("Ingress", "Egress") if spec.egress else ("Ingress",))
    for word, rules in (("Ingress", spec.ingress), ("Egress", spec.egress)):
        if rules and word not in types:
            message = f"these rules count for nothing: policyTypes is [{', '.join(types)}]: add {word}"
            yield _problem(policy, f"spec.{word.lower()}", message)
    for place, incoming in enumerate(spec.ingress):
        field = f"spec.ingress[{place}]"
        yield from _peers(policy, f"{field}.from", incoming.from_, world)
        destinations = [world.pods[key] for key in selected]
        yield from _names(policy, f"{field}.ports", incoming.ports, destinations)
        if not incoming.from_ and not incoming.ports:
            yield _problem(policy, field, "an empty rule lets everybody in at every port: is that meant?")
    for place, outgoing in enumerate(spec.egress):
        yield from _peers(policy, f"spec.egress[{place}].to", outgoing.to, world)


def _unselected(policy: NetworkPolicy, world: World) -> Problem:
    space, selector = policy.metadata.namespace, policy.spec.pod_selector
    inside = [pod for pod in world.pods.values() if pod.namespace == space]
    on_host = [pod for pod in inside if pod.host_network and selector.matches(pod.labels)]
    if on_host:
        names = ", ".join(sorted(str(pod) for pod in on_host))
        message = f"has no effect on {names}: pods of the host's network are beyond policies"
    elif not inside:
        spaces = {pod.namespace for pod in world.pods.values()}
        message = f"namespace {space} has no pods{did_you_mean(space, spaces - {space})}"
    else:
        message = f"selects no pod of {space}: {_nearest(selector, inside)}"
    return _problem(policy, "spec.podSelector", message)


def _nearest(selector: Selector, pods: list[PodEnd]) -> str:
    """Which label no pod has."""
    for key, value in sorted(selector.match_labels.items()):
        values = {pod.labels[key] for pod in pods if key in pod.labels}
        if value not in values:
            known = f"they have {', '.join(sorted(values)[:5])}" if values else "no pod has that label"
            return f"none has {key}={value}{did_you_mean(value, values)}; {known}"
    return "no pod has all of its labels"


def _peers(policy: NetworkPolicy, field: str, peers: tuple[PolicyPeer, ...], world: World) -> Iterator[Problem]:
    for place, peer in enumerate(peers):
        where = f"{field}[{place}]"
        if peer.ip_block is not None:
            yield from _block(policy, f"{where}.ipBlock", peer.ip_block, world)
            continue
        spaces = peer.namespace_selector
        if spaces is not None and not world.selection.selected(spaces):
            wanted = spaces.match_labels.get(NAME_LABEL)
            hint = did_you_mean(wanted, world.selection.namespaces) if wanted else ""
            yield _problem(policy, f"{where}.namespaceSelector", f"no namespace has these labels{hint}")
            continue
        found = (
            world.selection.across(spaces, peer.pod_selector)
            if spaces is not None
            else world.selection.within(policy.metadata.namespace, peer.pod_selector or Selector())
        )
        if not found:
            own = f" of {policy.metadata.namespace}; add a namespaceSelector if they are elsewhere"
            yield _problem(policy, where, f"selects no pod{own if spaces is None else ''}")


def _block(policy: NetworkPolicy, field: str, block: IPBlock, world: World) -> Iterator[Problem]:
    try:
        network = ipaddress.ip_network(block.cidr, strict=False)
        excepts = [ipaddress.ip_network(one, strict=False) for one in block.except_]
    except ValueError:
        return  # the world's own problems tell
    for place, one in enumerate(excepts):
        if one.version != network.version or not one.subnet_of(network):  # type: ignore[arg-type]
            yield _problem(
                policy, f"{field}.except[{place}]", f"{one} lies outside of {network}: the API refuses it"
            )
    pods = sorted(str(pod) for address, pod in world.by_address.items() if address in network)
    if pods and network.prefixlen > _WHOLE:
        message = f"holds addresses of pods ({', '.join(pods[:3])}): these change, name pods by their labels"
        yield _problem(policy, f"{field}.cidr", message)


def _names(
    policy: NetworkPolicy, field: str, ports: tuple[PolicyPort, ...], destinations: list[PodEnd]
) -> Iterator[Problem]:
    for place, port in enumerate(ports):
        if not isinstance(port.port, str) or not destinations:
            continue
        known = {one.name for pod in destinations for one in pod.ports if one.protocol.value == port.protocol}
        if port.port not in known:
            hint = did_you_mean(port.port, known) or f" (they name: {', '.join(sorted(known - {''})) or 'none'})"
            message = f"no selected pod names a {port.protocol} port {port.port}{hint}"
            yield _problem(policy, f"{field}[{place}].port", message)


def _locked_out(snapshot: Snapshot, world: World) -> Iterator[Problem]:
    """Backends that the proxy may not reach."""
    for edge in proxied(snapshot, world):
        for proxy in proxies(world):
            verdict = check(world, Flow(proxy, edge.pod), edge.protocol, edge.port)
            if not verdict.allowed:
                yield _locked(edge, proxy)
                break


def _locked(edge: Edge, proxy: PodEnd) -> Problem:
    message = (
        f"the proxy may not reach {edge.pod} at {edge.protocol}:{edge.port} (Service {'/'.join(edge.service)}): "
        f"see hearthgate can-reach {proxy} {edge.pod}:{edge.port}"
    )
    return Problem(ref=edge.source, reason=Reason.REJECTED, message=message, severity=Severity.WARNING)


def _without_names(world: World) -> Iterator[Problem]:
    """Pods that may send only to some, and not to a name server."""
    servers = [pod for pod in world.pods.values() if pod.labels.get("k8s-app") == "kube-dns"]
    told: set[ObjectRef] = set()
    for pod in sorted(world.pods.values(), key=lambda pod: pod.key):
        closing = [policy for policy in world.policies if policy.egress is not None and pod.key in policy.pods]
        closed = all(not check(world, Flow(pod, one), Protocol.UDP, _DNS).egress.passes for one in servers)
        if not closing or not servers or not closed:
            continue
        for policy in closing[:1]:
            if policy.ref not in told:
                told.add(policy.ref)
                message = f"{pod} may not ask for names: let it out to UDP and TCP 53 of kube-dns"
                yield Problem(
                    ref=policy.ref,
                    field="spec.egress",
                    reason=Reason.REJECTED,
                    message=message,
                    severity=Severity.WARNING,
                )


def _problem(policy: NetworkPolicy, field: str, message: str) -> Problem:
    return Problem(
        ref=policy.ref, field=field, reason=Reason.INVALID_VALUE, message=message, severity=Severity.WARNING
    )
