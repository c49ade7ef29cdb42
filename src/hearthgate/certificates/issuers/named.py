"""Which issuer a reference names, and what is known of it. Pure."""

from typing import Final

from hearthgate.cluster.snapshot import Snapshot
from hearthgate.model.secret import SecretBytes
from hearthgate.resources.certmanager import ClusterIssuer, Issuer
from hearthgate.resources.certmanager.references import ISSUER_GROUP, IssuerRef, SecretKeyRef
from hearthgate.resources.core import Secret
from hearthgate.resources.meta import Condition

AnyIssuer = Issuer | ClusterIssuer
READY: Final = "Ready"
DEFAULT_KEY: Final = "tls.key"
"""Where the key of an account lies, unless the reference says another."""


def is_ours(ref: IssuerRef) -> bool:
    """Whether it is a kind of issuer that is here; all others are other programs' business."""
    group, kind, _ = ref.identity
    return group == ISSUER_GROUP and kind in ("Issuer", "ClusterIssuer")


def issuer_of(snapshot: Snapshot, ref: IssuerRef, namespace: str) -> AnyIssuer | None:
    """namespace: of the object that refers to it."""
    if not is_ours(ref):
        return None
    _, kind, name = ref.identity
    if kind == "Issuer":
        return snapshot.get(Issuer, namespace, name)
    return snapshot.get(ClusterIssuer, "", name)


def issuer_key(ref: IssuerRef, namespace: str) -> tuple[str, str, str]:
    """(kind, namespace, name): how objects that name an issuer are found by it."""
    _, kind, name = ref.identity
    return (kind, namespace if kind == "Issuer" else "", name)


def key_of(issuer: AnyIssuer) -> tuple[str, str, str]:
    """As `issuer_key` of a reference to it."""
    return (type(issuer).__name__, *issuer.key)


def place_of_secrets(issuer: AnyIssuer, cluster_resource_namespace: str) -> str:
    """The namespace of the Secrets that it names."""
    return issuer.metadata.namespace if isinstance(issuer, Issuer) else cluster_resource_namespace


def ready_of(issuer: AnyIssuer) -> Condition | None:
    conditions = issuer.status.conditions if issuer.status is not None else ()
    return next((condition for condition in conditions if condition.type == READY), None)


def is_ready(issuer: AnyIssuer) -> bool:
    found = ready_of(issuer)
    return found is not None and found.status == "True"


def secret_value(
    snapshot: Snapshot, namespace: str, ref: SecretKeyRef, default_key: str = ""
) -> SecretBytes | None:
    secret = snapshot.get(Secret, namespace, ref.name)
    return None if secret is None else secret.value(ref.key or default_key)


def lacking(snapshot: Snapshot, namespace: str, ref: SecretKeyRef, default_key: str = "") -> str:
    """What is missing when `secret_value` finds nothing, and the way out."""
    key = ref.key or default_key
    secret = snapshot.get(Secret, namespace, ref.name)
    if secret is None:
        return f"Secret {namespace}/{ref.name} does not exist: create it, with the key {key!r}"
    present = ", ".join(secret.keys()) or "nothing"
    return f"Secret {namespace}/{ref.name} has no key {key!r} (it has {present}): add it, or name another key"
