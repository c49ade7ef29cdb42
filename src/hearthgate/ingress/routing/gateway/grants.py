"""References across namespaces: a ReferenceGrant in the namespace of the target allows them."""

from hearthgate.ingress.routing.tracking import Tracker
from hearthgate.model.refs import ObjectRef
from hearthgate.resources.gateway import ReferenceGrant
from hearthgate.resources.gateway.references import GROUP


def is_granted(tracker: Tracker, origin: ObjectRef, group: str, target: ObjectRef) -> bool:
    """Whether `origin`, an object of the Gateway API, may refer to `target`, whose API group is `group`."""
    if origin.namespace == target.namespace:
        return True
    for grant in tracker.collection(ReferenceGrant).objects.values():
        if not isinstance(grant, ReferenceGrant) or grant.metadata.namespace != target.namespace:
            continue
        asks = any(
            one.group == GROUP and one.kind == origin.kind and one.namespace == origin.namespace
            for one in grant.spec.from_
        )
        gives = any(
            one.group == group and one.kind == target.kind and one.name in (None, "", target.name)
            for one in grant.spec.to
        )
        if asks and gives:
            return True
    return False


def missing_grant(origin: ObjectRef, target: ObjectRef) -> str:
    return (
        f"{target} is in another namespace: a ReferenceGrant in namespace {target.namespace} must allow "
        f"{origin.kind}s of namespace {origin.namespace} to refer to it"
    )
