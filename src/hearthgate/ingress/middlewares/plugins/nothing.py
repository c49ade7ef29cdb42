"""A plugin that its options switch off."""

from hearthgate.ingress.middlewares.middleware import Middleware


class Nothing(Middleware, frozen=True, kw_only=True):
    """Requests pass."""
