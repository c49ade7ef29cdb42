"""Objects of routes over TLS and of what is issued for them."""

from typing import Any

from cryptography.x509 import load_pem_x509_certificate

from hearthgate.cluster.snapshot import Snapshot
from hearthgate.ingress.routing.build import build_model
from hearthgate.ingress.routing.model import Built
from hearthgate.ingress.settings import EntryPoint, EntryPointHTTP, EntryPointTLS, IngressSettings
from hearthgate.resources.decode import decode_mapping
from hearthgate.resources.meta import Resource
from tests.component.ingress.certificates import self_signed

SETTINGS = IngressSettings(
    entry_points={"websecure": EntryPoint(address=":443", http=EntryPointHTTP(tls=EntryPointTLS()))}
)


def resource(api: str, kind: str, name: str, namespace: str = "web", **more: Any) -> Resource:
    metadata = {"name": name, "namespace": namespace, **more.pop("metadata", {})}
    decoded = decode_mapping({"apiVersion": api, "kind": kind, "metadata": metadata, **more})
    assert decoded.resource is not None, decoded.problems
    return decoded.resource


def secret(name: str, *names: str, namespace: str = "web", serial: int = 1) -> Resource:
    """One with a certificate for these names; without names one that holds junk."""
    pair = self_signed(names[0], *names, serial=serial) if names else None
    values = {
        "tls.crt": pair.chain.decode() if pair else "junk",
        "tls.key": pair.key.decode() if pair else "junk",
    }
    return resource("v1", "Secret", name, namespace, type="kubernetes.io/tls", stringData=values)


def certificate(name: str, secret_name: str = "", namespace: str = "web", owner: str = "") -> Resource:
    owners = [
        {
            "apiVersion": "traefik.io/v1alpha1",
            "kind": "IngressRoute",
            "name": owner,
            "uid": "u",
            "controller": True,
        }
    ]
    return resource(
        "cert-manager.io/v1",
        "Certificate",
        name,
        namespace,
        metadata={"ownerReferences": owners if owner else []},
        spec={"secretName": secret_name or name, "issuerRef": {"name": "ca"}, "dnsNames": ["any.test"]},
    )


def route(name: str, match: str, namespace: str = "web", **tls: Any) -> Resource:
    routes = [{"match": match, "services": [{"name": "app", "port": 80}]}]
    return resource("traefik.io/v1alpha1", "IngressRoute", name, namespace, spec={"tls": tls, "routes": routes})


def service(namespace: str = "web") -> Resource:
    return resource("v1", "Service", "app", namespace, spec={"ports": [{"port": 80}]})


def built(*resources: Resource) -> Built:
    return build_model(snapshot(*resources), SETTINGS)


def snapshot(*resources: Resource) -> Snapshot:
    return Snapshot.of([*resources, service(), service("other")])


def served(found: Built) -> list[str]:
    return [one.ref.name for one in found.model.certificates]


def serials(found: Built) -> list[int]:
    chains = (one.chain.encode() for one in found.model.certificates)
    return [load_pem_x509_certificate(chain).serial_number for chain in chains]


def said(found: Built, reason: str) -> list[str]:
    return [str(problem) for problem in found.problems if problem.reason == reason]
