"""Policies that close a namespace but for what its routes, services and monitoring need. Pure.

The least that can be known from resources: connections within the namespace are let through, as nobody can see
there who needs whom, unless it was observed.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Final, NamedTuple

from hearthgate.cluster.snapshot import Snapshot
from hearthgate.policy import argocd
from hearthgate.policy.edges import PROXY, behind, proxied, proxies
from hearthgate.policy.ends import NAME_LABEL, PodEnd, lasting
from hearthgate.policy.learned import Learned, learned
from hearthgate.policy.observed import Observed
from hearthgate.policy.ports import Protocol
from hearthgate.policy.world import Direction, World
from hearthgate.resources.core import Service

Object = dict[str, Any]
PROMETHEUS: Final = ("app.kubernetes.io/name", "prometheus")


class Suggestion(NamedTuple):
    """why: of each policy, for people."""

    policy: Object
    why: tuple[str, ...]


class Scraped(NamedTuple):
    """A target of monitoring: pods of a Service at one of its ports (empty: all), or by their own labels."""

    source: str
    namespace: str
    selector: Mapping[str, str]
    port: str


def suggest(
    snapshot: Snapshot,
    world: World,
    namespace: str,
    *,
    scraped: Iterable[Scraped] = (),
    egress: bool = False,
    observed: Iterable[Observed] | None = None,
) -> tuple[Suggestion, ...]:
    """In a fixed order; none for a namespace without pods. egress: whether what pods send is closed as well.
    observed: connections that shall pass; None when nobody has looked."""
    pods = sorted((pod for pod in world.pods.values() if pod.namespace == namespace), key=lambda pod: pod.key)
    pods = [pod for pod in pods if not pod.host_network]
    if not pods:
        return ()
    made = [_deny(namespace, egress=egress)]
    made += _argocd(namespace, pods)
    if len(made) == 1 and observed is None:
        made.append(_inside(namespace, egress=egress))
    made += _from_proxy(snapshot, world, namespace)
    made += _from_outside(snapshot, world, namespace)
    made += _from_prometheus(world, namespace, scraped)
    if egress:
        made.append(_to_dns(namespace))
    if observed is not None:
        policies = [each.policy for each in made]
        made += map(partial(_seen, namespace), learned(snapshot, policies, observed, namespace, egress=egress))
    return tuple(_with_own_names(made))


def _with_own_names(made: Iterable[Suggestion]) -> Iterator[Suggestion]:
    """Two sets of pods may be called alike."""
    times: Counter[str] = Counter()
    for each in made:
        name = each.policy["metadata"]["name"]
        times[name] += 1
        if times[name] > 1:
            metadata = {**each.policy["metadata"], "name": f"{name[:60]}-{times[name]}"}
            yield Suggestion({**each.policy, "metadata": metadata}, each.why)
        else:
            yield each


def _deny(namespace: str, *, egress: bool) -> Suggestion:
    types = ["Ingress", "Egress"] if egress else ["Ingress"]
    spec = {"podSelector": {}, "policyTypes": types}
    why = "closes everything that no policy below opens; the node itself still reaches its pods (probes)"
    return Suggestion(_policy(namespace, "default-deny", spec), (why,))


def _inside(namespace: str, *, egress: bool) -> Suggestion:
    spec: Object = {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": [{"podSelector": {}}]}]}
    if egress:
        spec |= {"policyTypes": ["Ingress", "Egress"], "egress": [{"to": [{"podSelector": {}}]}]}
    why = "pods of the namespace reach each other: no resource says which of them need to"
    return Suggestion(_policy(namespace, "allow-same-namespace", spec), (why,))


def _from_proxy(snapshot: Snapshot, world: World, namespace: str) -> Iterator[Suggestion]:
    """One policy for each set of pods that routes lead to."""
    spaces = sorted({pod.namespace for pod in proxies(world)}) or _proxy_spaces(snapshot)
    label, value = PROXY
    peers = [
        {"namespaceSelector": {"matchLabels": {NAME_LABEL: one}}, "podSelector": {"matchLabels": {label: value}}}
        for one in spaces
    ]
    needs: defaultdict[tuple[tuple[str, str], ...], set[tuple[Protocol, int]]] = defaultdict(set)
    whys: defaultdict[tuple[tuple[str, str], ...], set[str]] = defaultdict(set)
    for edge in proxied(snapshot, world):
        if edge.pod.namespace == namespace and not edge.pod.host_network:
            labels = tuple(lasting(edge.pod.labels).items())
            needs[labels].add((edge.protocol, edge.port))
            whys[labels].add(f"{edge.source} leads to Service {'/'.join(edge.service)}")
    for labels in sorted(needs):
        name = f"allow-proxy-to-{_word(dict(labels))}"
        rule = {"from": peers, "ports": _ports(needs[labels])}
        spec = {
            "podSelector": {"matchLabels": dict(labels)},
            "policyTypes": ["Ingress"],
            "ingress": [rule],
        }
        yield Suggestion(_policy(namespace, name, spec), tuple(sorted(whys[labels])))


def _from_outside(snapshot: Snapshot, world: World, namespace: str) -> Iterator[Suggestion]:
    """Services that clients reach without the proxy."""
    label, value = PROXY
    for service in snapshot.all(Service):
        spec = service.spec
        if service.metadata.namespace != namespace or spec.type not in {"LoadBalancer", "NodePort"}:
            continue
        if spec.selector.get(label) == value:
            continue
        found = sorted({(protocol, number) for _, protocol, number in behind(service, None, world)})
        if not found:
            continue
        ranges = [{"ipBlock": {"cidr": one.strip()}} for one in spec.load_balancer_source_ranges]
        rule = {**({"from": ranges} if ranges else {}), "ports": _ports(found)}
        name = f"allow-clients-of-{service.metadata.name}"
        made = {
            "podSelector": {"matchLabels": dict(spec.selector)},
            "policyTypes": ["Ingress"],
            "ingress": [rule],
        }
        who = "its loadBalancerSourceRanges" if ranges else "everybody"
        yield Suggestion(
            _policy(namespace, name, made), (f"{service.ref} is of type {spec.type}: {who} may reach it",)
        )


def _from_prometheus(world: World, namespace: str, scraped: Iterable[Scraped]) -> Iterator[Suggestion]:
    label, value = PROMETHEUS
    spaces = sorted({pod.namespace for pod in world.pods.values() if pod.labels.get(label) == value})
    rules = []
    for each in scraped:
        if each.namespace != namespace:
            continue
        pods = [
            pod
            for pod in world.pods.values()
            if pod.namespace == namespace and each.selector.items() <= pod.labels.items()
        ]
        numbers = {
            (port.protocol, port.number)
            for pod in pods
            for port in pod.ports
            if each.port in {port.name, str(port.number), ""}
        }
        if each.port.isdigit():
            numbers.add((Protocol.TCP, int(each.port)))
        if pods and numbers:
            rules.append((each, numbers))
    for each, numbers in sorted(rules, key=lambda rule: rule[0].source):
        peers = [
            {
                "namespaceSelector": {"matchLabels": {NAME_LABEL: one}},
                "podSelector": {"matchLabels": {label: value}},
            }
            for one in spaces
        ]
        why = f"{each.source} asks for its metrics"
        if not peers:
            peers = [{"namespaceSelector": {}, "podSelector": {"matchLabels": {label: value}}}]
            why += f"; no pod with {label}={value} is known: see that yours has it"
        spec = {
            "podSelector": {"matchLabels": dict(each.selector)},
            "policyTypes": ["Ingress"],
            "ingress": [{"from": peers, "ports": _ports(numbers)}],
        }
        name = f"allow-metrics-of-{each.source.rpartition('/')[2]}"
        yield Suggestion(_policy(namespace, name, spec), (why,))


def _to_dns(namespace: str) -> Suggestion:
    dns = {"namespaceSelector": {}, "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}}
    rule = {"to": [dns], "ports": [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]}
    spec = {"podSelector": {}, "policyTypes": ["Egress"], "egress": [rule]}
    why = "names are looked up; all else that pods send stays closed: add what they need"
    return Suggestion(_policy(namespace, "allow-dns", spec), (why,))


def _seen(namespace: str, found: Learned) -> Suggestion:
    way = "to" if found.direction is Direction.INGRESS else "from"
    spec = {
        "podSelector": {"matchLabels": found.labels} if found.labels else {},
        "policyTypes": [found.direction.capitalize()],
        found.direction.value: found.rules,
    }
    return Suggestion(_policy(namespace, f"allow-seen-{way}-{_word(found.labels)}", spec), found.why)


def _argocd(namespace: str, pods: Iterable[PodEnd]) -> Iterator[Suggestion]:
    """For the parts that are there."""
    present = {pod.labels.get(argocd.LABEL, "") for pod in pods}
    for part, ways in argocd.INGRESS.items():
        if part not in present:
            continue
        rules = [{}] if ways is None else [_way(way) for way in ways]
        spec = {
            "podSelector": {"matchLabels": {argocd.LABEL: part}},
            "policyTypes": ["Ingress"],
            "ingress": rules,
        }
        why = f"Argo CD's {part.removeprefix('argocd-')}, as its own manifests fence it"
        yield Suggestion(_policy(namespace, f"{part}-network-policy", spec), (why,))


def _way(way: argocd.Way) -> Object:
    peers = [{"podSelector": {"matchLabels": {argocd.LABEL: one}}} for one in way.peers] or [
        {"namespaceSelector": {}}
    ]
    return {"from": peers, "ports": [{"protocol": "TCP", "port": port} for port in way.ports]}


def _proxy_spaces(snapshot: Snapshot) -> list[str]:
    """Where the proxy's Service is, when no pod of it is known."""
    label, value = PROXY
    found = {one.metadata.namespace for one in snapshot.all(Service) if one.spec.selector.get(label) == value}
    return sorted(found) or ["hearthgate"]


def _policy(namespace: str, name: str, spec: Object) -> Object:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name[:63].rstrip("-."), "namespace": namespace},
        "spec": spec,
    }


def _ports(numbers: Iterable[tuple[Protocol, int]]) -> list[Object]:
    return [{"protocol": protocol.value, "port": number} for protocol, number in sorted(set(numbers))]


def _word(labels: Mapping[str, str]) -> str:
    """What pods are called, by their labels."""
    for key in ("app.kubernetes.io/name", "app", "k8s-app", "name"):
        if labels.get(key):
            return labels[key]
    return next(iter(labels.values()), "all")
