"""Names that upstream gives to routers, services and middlewares: dashboards and annotations rely on them."""

import hashlib
import re
from collections.abc import Iterator
from typing import Final

PROVIDER: Final = "kubernetescrd"
_NOT_ALPHANUMERIC: Final = re.compile(r"[^A-Za-z0-9]+")


def normalize(text: str) -> str:
    """Each run of other characters than letters and digits becomes one dash."""
    return _NOT_ALPHANUMERIC.sub("-", text)


def router_name(namespace: str, name: str, rule: str) -> str:
    digest = hashlib.sha256(rule.encode()).hexdigest()[:20]
    return f"{normalize(f'{namespace}-{name}')}-{digest}@{PROVIDER}"


def object_name(namespace: str, name: str) -> str:
    """Name of a Middleware, TLSOption, ServersTransport or TraefikService."""
    return f"{namespace}-{name}@{PROVIDER}"


def default_tls_options(text: str) -> str:
    """The name of TLS options as settings write it: `namespace/name`, or the joined name itself."""
    namespace, slash, name = text.partition("/")
    if not text:
        return "default"
    return object_name(namespace, name) if slash and "@" not in text else text


def service_name(namespace: str, name: str, port: int | str) -> str:
    return f"{namespace}-{name}-{port}@{PROVIDER}"


def possible_keys(joined: str) -> Iterator[tuple[str, str]]:
    """Every (namespace, name) that `namespace-name` may mean: dashes are allowed in both."""
    for position, character in enumerate(joined):
        if character == "-" and 0 < position < len(joined) - 1:
            yield joined[:position], joined[position + 1 :]


def sticky_cookie_name(service: str) -> str:
    """Upstream's default: an underscore and five hexadecimal digits."""
    return "_" + hashlib.sha1(service.encode(), usedforsecurity=False).hexdigest()[:5]


_COOKIE_UNSAFE: Final = re.compile(r'[/():<=>?@\[\\\]{},;"\s]')


def safe_cookie_name(name: str) -> str:
    """`name` with what a cookie's name may not hold replaced by underscores, as upstream does."""
    return _COOKIE_UNSAFE.sub("_", name)
