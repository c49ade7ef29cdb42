"""circuitBreaker: a script counts inside the proxy and asks our service, once in a period, what all workers saw.

Asking for every request would cost each of them 0.2 ms; a route that changes with the state would have the tables
sent anew; Envoy's runtime would stay open for ever if this process died.
"""

from dataclasses import replace
from http import HTTPStatus

from hearthgate.ingress.envoy.middlewares.lane import Lane, Refusal, Steps
from hearthgate.ingress.envoy.middlewares.scripts import script_filter
from hearthgate.ingress.envoy.middlewares.service import AUTH_CLUSTER
from hearthgate.ingress.middlewares.breaker import CircuitBreaker
from hearthgate.ingress.middlewares.counting import counter


def circuit_breaker(middleware: CircuitBreaker, lane: Lane) -> Steps | Refusal:
    question = counter(middleware)
    options = {
        "cluster": AUTH_CLUSTER,
        "question": question,
        "period": middleware.check_period * 1000,
        "status": middleware.status,
        "body": HTTPStatus(middleware.status).phrase,
        "namespace": f"hearthgate{question.replace('/', '.')}",
    }
    return (replace(lane.through(script_filter("breaker", options)), replies=True),)
