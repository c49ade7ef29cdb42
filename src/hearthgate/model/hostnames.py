"""Host names as HTTP and TLS carry them: canonical form and one-label wildcards (RFC 9110 7.2, RFC 9525)."""


def canonical_host(authority: str) -> str:
    """The host of a Host header or authority: lower case, without port, brackets and trailing dot."""
    host = authority.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    if host.count(":") == 1:
        host = host.partition(":")[0]
    return host.removesuffix(".")


def is_wildcard(name: str) -> bool:
    """Whether `name` is a one-label wildcard such as `*.example.org`."""
    return name.startswith("*.") and len(name) > 2


def parent_wildcard(host: str) -> str | None:
    """The wildcard that covers `host`: `*.b.c` for `a.b.c`; None for a single label."""
    label, dot, rest = host.partition(".")
    return f"*.{rest}" if label and dot and rest else None


def host_matches(pattern: str, host: str) -> bool:
    """Whether `pattern` (exact, or `*.` for exactly one label) covers the canonical `host`."""
    name = pattern.lower().removesuffix(".")
    return name == host or (is_wildcard(name) and parent_wildcard(host) == name)
