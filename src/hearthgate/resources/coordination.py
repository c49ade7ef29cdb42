"""coordination.k8s.io/v1: Lease, by which processes agree on a leader."""

from hearthgate.resources.core import LenientResource
from hearthgate.resources.meta import Lenient


class LeaseSpec(Lenient, frozen=True, kw_only=True):
    """Times are RFC 3339 with microseconds."""

    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    acquire_time: str | None = None
    renew_time: str | None = None
    lease_transitions: int | None = None
    strategy: str | None = None
    preferred_holder: str | None = None


class Lease(LenientResource, frozen=True, kw_only=True):
    spec: LeaseSpec = LeaseSpec()
