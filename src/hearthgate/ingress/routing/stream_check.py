"""Which routers of connections and datagrams may serve, now that all objects are known."""

from collections.abc import Set

from hearthgate.ingress.routing.model import Endpoints, TCPRouter, UDPRouter
from hearthgate.ingress.routing.streams import stream_endpoints
from hearthgate.model.problems import Problem, Reason, Severity


class StreamCheck:
    """endpoints: of every Service. options: names of the TLS options that may be used.
    allow_empty: whether a router without any server serves, by closing connections."""

    def __init__(self, endpoints: Endpoints, options: Set[str], *, allow_empty: bool) -> None:
        self._endpoints = endpoints
        self._options = options
        self._allow_empty = allow_empty

    def serves(self, router: TCPRouter | UDPRouter, problems: list[Problem]) -> bool:
        """Whether the router may serve; what is wrong with it joins `problems`."""
        if isinstance(router, TCPRouter) and router.tls and router.tls_options not in self._options:
            message = f"the TLS options {router.tls_options} do not exist or are invalid"
            reason = Reason.TLS_OPTION_NOT_FOUND
            problems.append(Problem(ref=router.ref, field="spec.tls.options", reason=reason, message=message))
            return False
        empty = [key for key in stream_endpoints(router) if not self._endpoints.get(key)]
        answer = "connections are closed" if self._allow_empty else "the route is not served"
        for key in empty:
            port = f" port {key.port}" if key.port else ""
            problems.append(
                Problem(
                    ref=router.ref,
                    field=f"{router.field}.services",
                    reason=Reason.NO_ENDPOINTS,
                    message=f"Service {key.namespace}/{key.service}{port} has no endpoint that serves: {answer}",
                    severity=Severity.WARNING if self._allow_empty else Severity.ERROR,
                )
            )
        return not empty or self._allow_empty
