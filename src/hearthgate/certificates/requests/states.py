"""Where a CertificateRequest stands. Pure."""

from typing import Final

from hearthgate.resources.certmanager import CertificateRequest
from hearthgate.resources.meta import Condition

READY: Final = "Ready"
APPROVED: Final = "Approved"
DENIED: Final = "Denied"
INVALID: Final = "InvalidRequest"
_FINAL: Final = frozenset(("Issued", "Failed", "Denied"))


def condition_of(request: CertificateRequest, type_: str) -> Condition | None:
    conditions = request.status.conditions if request.status is not None else ()
    return next((condition for condition in conditions if condition.type == type_), None)


def has(request: CertificateRequest, type_: str) -> bool:
    """Whether a condition of this type is True."""
    found = condition_of(request, type_)
    return found is not None and found.status == "True"


def is_final(request: CertificateRequest) -> bool:
    """Issued, failed, denied or invalid: nothing happens to it any more."""
    ready = condition_of(request, READY)
    return (ready is not None and ready.reason in _FINAL) or has(request, INVALID)
