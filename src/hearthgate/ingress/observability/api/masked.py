"""Options of middlewares for everybody's eyes: what may hold a secret is shown as `xxxx`. Pure."""

from typing import Any, Final

HIDDEN: Final = "xxxx"
"""What upstream shows in place of what it hides."""
_PLAIN: Final = frozenset(
    {
        *("addPrefix", "buffering", "chain", "circuitBreaker", "compress", "contentType", "encodedCharacters"),
        *("errors", "grpcWeb", "inFlightConn", "inFlightReq", "ipAllowList", "ipWhiteList", "passTLSClientCert"),
        *("rateLimit", "redirectRegex", "redirectScheme", "replacePath", "replacePathRegex", "retry"),
        *("stripPrefix", "stripPrefixRegex"),
    }
)
"""Middlewares whose options are no secrets. Of all others only the names of options are shown."""


def masked(kind: str, options: Any) -> Any:
    """The options of a middleware of this type."""
    return options if kind in _PLAIN else _hide(options)


def _hide(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _hide(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_hide(item) for item in value]
    return HIDDEN if isinstance(value, str) and value else value
