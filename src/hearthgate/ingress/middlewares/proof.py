"""The answer to a CA that fetches the proof of HTTP-01 (RFC 8555 8.3)."""

from hearthgate.ingress.middlewares.middleware import Middleware


class ProofAnswer(Middleware, frozen=True, kw_only=True):
    """Answers every request with the key authorization."""

    key_authorization: str
