"""The proof of HTTP-01 as an answer of Envoy itself."""

from typing import Any, Final

from hearthgate.ingress.envoy.middlewares.lane import Lane, Steps
from hearthgate.ingress.envoy.middlewares.mutations import mutation, set_text
from hearthgate.ingress.middlewares.proof import ProofAnswer

_TYPE: Final = "text/plain; charset=utf-8"
"""What cert-manager's solver says. RFC 8555 asks for no type at all."""


def proof_answer(middleware: ProofAnswer, lane: Lane) -> Steps:
    return (lane.answer(200, middleware.key_authorization, _typed()),)


def _typed() -> Any:
    return mutation(response=[set_text("content-type", _TYPE)])
