"""What types cannot say of cert-manager's kinds: upstream's webhook as functions, every mistake at once. Pure.

Of requests, orders and challenges only the API asks, when they are written: controllers say more of those that
exist already.
"""

from collections.abc import Iterator

from hearthgate.resources.certmanager.certificate import Certificate
from hearthgate.resources.certmanager.checks import certificate, issuer
from hearthgate.resources.certmanager.issuer import ClusterIssuer, Issuer
from hearthgate.resources.meta import Resource
from hearthgate.resources.walk import Mistake


def mistakes(resource: Resource) -> Iterator[Mistake]:
    """Nothing for resources of other groups."""
    match resource:
        case Certificate():
            yield from certificate.mistakes(resource.spec)
        case Issuer() | ClusterIssuer():
            yield from issuer.mistakes(resource.spec)
        case _:
            return
