"""What states of Orders and Challenges mean, and how a CA's words become them. Pure."""

from typing import Final

from hearthgate.certificates.acme.answers import Status
from hearthgate.resources.certmanager import Challenge, Order
from hearthgate.resources.certmanager.orders import ChallengeStatus, OrderStatus, State

FAILED: Final[frozenset[State]] = frozenset(("invalid", "expired", "errored"))
FINAL: Final[frozenset[State]] = FAILED | {"valid"}

_OF_CAS: Final[dict[Status, State]] = {
    Status.PENDING: "pending",
    Status.READY: "ready",
    Status.PROCESSING: "processing",
    Status.VALID: "valid",
    Status.INVALID: "invalid",
    Status.EXPIRED: "expired",
    # Of authorizations: somebody has given them up, so that the order cannot succeed.
    Status.DEACTIVATED: "invalid",
    Status.REVOKED: "invalid",
}


def state_of(status: Status) -> State:
    return _OF_CAS[status]


def status_of(order: Order) -> OrderStatus:
    return order.status or OrderStatus()


def progress_of(challenge: Challenge) -> ChallengeStatus:
    return challenge.status or ChallengeStatus()


def is_over(order: Order) -> bool:
    """Whether nothing happens to it any more. A valid order still lacks its certificate for a moment."""
    status = status_of(order)
    return status.state in FAILED or (status.state == "valid" and bool(status.certificate))


def is_decided(challenge: Challenge) -> bool:
    return progress_of(challenge).state in FINAL
