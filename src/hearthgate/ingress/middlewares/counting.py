"""The names under which the proxy asks the services that count for it.

A name covers all that a middleware is and the router that it counts for: whoever changes either starts anew.
"""

from hashlib import blake2b
from typing import Final

import msgspec

from hearthgate.ingress.middlewares.breaker import CircuitBreaker
from hearthgate.ingress.middlewares.counted import Counted
from hearthgate.ingress.middlewares.limits import InFlightReq, RateLimit

SOURCE_HEADER: Final = "x-hg-source"
"""Request header that tells the services who asks; `SOURCE_ABSENT` where nothing does. Never leaves the proxy."""
SOURCE_ABSENT: Final = "-"
COUNTER_METADATA: Final = "x-hg-counter"
"""gRPC metadata with the counter's name."""
REPORT_HEADER: Final = "x-hg-report"
STATE_HEADER: Final = "x-hg-state"

_KINDS: Final[dict[type[Counted], str]] = {
    CircuitBreaker: "breaker",
    InFlightReq: "in-flight",
    RateLimit: "rate",
}


def counter(middleware: Counted) -> str:
    """The path of the request to the service, or what gRPC metadata says."""
    kind = _KINDS[type(middleware)]
    digest = blake2b(msgspec.json.encode(middleware), digest_size=15, person=b"hg-counter")
    return f"/{kind}/{digest.hexdigest()}"
