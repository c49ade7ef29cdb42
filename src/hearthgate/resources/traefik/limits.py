"""The families of Middleware that count: requests of a client, requests under way, failures, bytes."""

from typing import Annotated

import msgspec

from hearthgate.resources.meta import Strict, differs, unsupported

NonNegative = Annotated[int, msgspec.Meta(ge=0)]
StatusCode = Annotated[int, msgspec.Meta(ge=100, le=599)]


class IPStrategy(Strict, frozen=True, kw_only=True):
    """Which address counts as the client's.

    depth: The one at this place from the right of X-Forwarded-For; 0: the peer of the connection.
    excluded_ips: The first one from the right of X-Forwarded-For that is not among these.
    ipv6_subnet: Take IPv6 addresses of the same prefix of so many bits as one.
    """

    depth: NonNegative = 0
    excluded_ips: tuple[str, ...] = msgspec.field(default=(), name="excludedIPs")
    ipv6_subnet: int | None = None


class SourceCriterion(Strict, frozen=True, kw_only=True):
    """What tells clients apart. One of the three.

    ip_strategy: The address.
    request_header_name: The value of this header.
    request_host: The host that is asked for.
    """

    ip_strategy: IPStrategy | None = None
    request_header_name: str = ""
    request_host: Annotated[bool, differs("the host counts in lower case and without its port")] = False


class RedisTLS(Strict, frozen=True, kw_only=True):
    """TLS of the connection to Redis.

    ca_secret: The Secret with the authority's certificate.
    cert_secret: The Secret with the certificate to show.
    insecure_skip_verify: Do not verify the certificate.
    """

    ca_secret: str = ""
    cert_secret: str = ""
    insecure_skip_verify: bool = False


class Redis(Strict, frozen=True, kw_only=True):
    """The Redis that counts for several instances.

    endpoints: Its addresses, as host:port.
    secret: The Secret with username and password.
    db: The number of the database.
    tls: TLS of the connection.
    pool_size: How many connections at first.
    min_idle_conns: How many unused connections at least.
    max_active_conns: How many connections at most.
    dial_timeout: How long connecting may take.
    read_timeout: How long reading may take.
    write_timeout: How long writing may take.
    """

    endpoints: tuple[str, ...] = ()
    secret: str = ""
    db: int = 0
    tls: RedisTLS | None = None
    pool_size: int | None = None
    min_idle_conns: int | None = None
    max_active_conns: int | None = None
    dial_timeout: int | str | None = None
    read_timeout: int | str | None = None
    write_timeout: int | str | None = None


class RateLimit(Strict, frozen=True, kw_only=True):
    """Limits how often a client may ask.

    average: How many requests are let through in a period; 0: no limit.
    period: The period.
    burst: How many requests may come at once.
    source_criterion: What tells clients apart.
    redis: The Redis that counts for several instances.
    """

    average: NonNegative = 0
    period: int | str = "1s"
    burst: NonNegative = 1
    source_criterion: SourceCriterion | None = None
    redis: Annotated[Redis | None, unsupported("each instance counts for itself")] = None


class InFlightReq(Strict, frozen=True, kw_only=True):
    """Limits how many requests are under way at once.

    amount: How many.
    source_criterion: What tells clients apart.
    """

    amount: NonNegative = 0
    source_criterion: SourceCriterion | None = None


class Buffering(Strict, frozen=True, kw_only=True):
    """Reads requests and responses whole before they are handed on.

    max_request_body_bytes: Larger requests are answered with 413; 0: no limit.
    mem_request_body_bytes: Larger requests are kept on disk.
    max_response_body_bytes: Larger responses are answered with 500; 0: no limit.
    mem_response_body_bytes: Larger responses are kept on disk.
    retry_expression: When to try again, such as IsNetworkError() && Attempts() < 2.
    """

    max_request_body_bytes: int = 0
    mem_request_body_bytes: int = 1048576
    max_response_body_bytes: int = 0
    mem_response_body_bytes: int = 1048576
    retry_expression: Annotated[
        str, differs("the same conditions for each try; what is sent again is bounded, at most 64 MiB")
    ] = ""


class CircuitBreaker(Strict, frozen=True, kw_only=True):
    """Keeps requests away from a service that fails.

    expression: When to stop, such as NetworkErrorRatio() > 0.30.
    check_period: How often to look.
    fallback_duration: For how long to stop.
    recovery_duration: For how long to let more and more through afterwards.
    response_code: The status meanwhile.
    """

    expression: Annotated[str, differs("latencies are exact to a twentieth, in whole milliseconds")] = ""
    check_period: Annotated[int | str, differs("looked at when a request comes")] = "100ms"
    fallback_duration: int | str = "10s"
    recovery_duration: int | str = "10s"
    response_code: StatusCode = 503


class Retry(Strict, frozen=True, kw_only=True):
    """Tries again when a backend does not answer.

    attempts: How often to try in all.
    initial_interval: How long to wait before the second try; later ones wait longer.
    timeout: How long all tries may take.
    status: The status codes that count as no answer.
    max_request_body_bytes: Requests with a larger body are not tried again.
    disable_retry_on_network_error: Do not try again when the connection fails.
    retry_non_idempotent_method: Try again what may change something, such as POST.
    """

    attempts: NonNegative = 0
    initial_interval: Annotated[int | str | None, differs("a wait is drawn between nothing and this")] = None
    timeout: Annotated[int | str | None, differs("bounds the waits alone, a warning says so")] = None
    status: Annotated[tuple[str, ...], differs("tried again on another server if there is one")] = ()
    max_request_body_bytes: Annotated[int, differs("at most 64 MiB are kept, also with -1")] = 2097152
    disable_retry_on_network_error: bool = False
    retry_non_idempotent_method: bool = False
