"""What becomes of a CertificateRequest, as values. Pure."""

from typing import NamedTuple


class Issued(NamedTuple):
    """certificate: the chain in PEM, leaf first. ca: the certificate to trust in PEM; empty when it is not known.
    warning: something worth an Event, reason and words; empty: nothing."""

    certificate: bytes
    ca: bytes = b""
    warning: tuple[str, str] | None = None


class Pending(NamedTuple):
    """event: reason of the Event. again: seconds until the next look; None: not before something changes."""

    event: str
    message: str
    again: float | None = None


class Failed(NamedTuple):
    """For good: another request is needed. event: reason of the Event."""

    event: str
    message: str


Verdict = Issued | Pending | Failed
