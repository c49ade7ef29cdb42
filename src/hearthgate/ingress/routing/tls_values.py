"""Versions and cipher suites of TLS under upstream's (Go's) names, for clients and for backends alike."""

from collections.abc import Iterable, Iterator

from hearthgate.model.problems import Reason, did_you_mean, shorten

VERSIONS = {"VersionTLS10": "1.0", "VersionTLS11": "1.1", "VersionTLS12": "1.2", "VersionTLS13": "1.3"}
CIPHERS = frozenset(
    {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_FALLBACK_SCSV"}
    | {
        f"TLS_ECDHE_{auth}_WITH_{cipher}"
        for auth in ("ECDSA", "RSA")
        for cipher in (
            "AES_128_CBC_SHA",
            "AES_128_CBC_SHA256",
            "AES_256_CBC_SHA",
            "AES_128_GCM_SHA256",
            "AES_256_GCM_SHA384",
            "CHACHA20_POLY1305",
            "CHACHA20_POLY1305_SHA256",
        )
    }
    | {
        f"TLS_RSA_WITH_{cipher}"
        for cipher in ("AES_128_CBC_SHA", "AES_128_GCM_SHA256", "AES_256_CBC_SHA", "AES_256_GCM_SHA384")
    }
)
"""Upstream's names that the proxy can serve."""
BROKEN_CIPHERS = frozenset(
    {
        "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
        "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
        "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
        "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
        "TLS_RSA_WITH_AES_128_CBC_SHA256",
    }
)
"""Upstream's names that no current TLS library offers any more."""


def checked_version(value: str, default: str) -> tuple[str, str]:
    """`1.0` to `1.3`, and what is wrong with `value`, empty when nothing is."""
    if not value or value in VERSIONS:
        return VERSIONS.get(value, default), ""
    return default, f"{shorten(value)} is not one of {', '.join(VERSIONS)}{did_you_mean(value, VERSIONS)}"


def checked_ciphers(names: Iterable[str]) -> Iterator[tuple[int, Reason, str]]:
    """What is wrong with each of them: its place, why, and the way out."""
    for index, name in enumerate(names):
        if name in BROKEN_CIPHERS:
            yield index, Reason.UNSUPPORTED, f"{name} is broken and not offered any more: take it out"
        elif name not in CIPHERS:
            yield index, Reason.INVALID_VALUE, f"unknown cipher {shorten(name)}{did_you_mean(name, CIPHERS)}"
