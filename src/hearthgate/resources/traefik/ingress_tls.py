"""What an Ingress says, by annotations `…/router.tls.…` of Traefik, of who issues its certificates."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from hearthgate.resources.traefik.ingressroute import Domain

ROUTER: Final = "traefik.ingress.kubernetes.io/router."
RESOLVER: Final = "tls.certresolver"
_DOMAIN: Final = re.compile(r"tls\.domains\.(\d{1,4})\.(main|sans)")


class IngressTLS(NamedTuple):
    """resolver: the name of an issuer. domains: the names to ask for; without any, the hosts of the rules."""

    resolver: str = ""
    domains: tuple[Domain, ...] = ()


def ingress_tls(annotations: Mapping[str, str]) -> IngressTLS:
    """Names count in any case. Domains come in the order of their numbers."""
    values = {
        name.lower().removeprefix(ROUTER): annotations[name].strip()
        for name in sorted(annotations)
        if name.lower().startswith(ROUTER)
    }
    numbered: dict[int, dict[str, str]] = {}
    for key, value in values.items():
        if (found := _DOMAIN.fullmatch(key)) is not None:
            numbered.setdefault(int(found[1]), {})[found[2]] = value
    domains = (
        Domain(main=said.get("main", ""), sans=listed(said.get("sans", "")))
        for _, said in sorted(numbered.items())
    )
    return IngressTLS(
        resolver=values.get(RESOLVER, ""),
        domains=tuple(domain for domain in domains if domain.main or domain.sans),
    )


def is_domain(key: str) -> bool:
    """Whether an annotation, in lower case and without the prefix of routers, names a domain."""
    return _DOMAIN.fullmatch(key) is not None


def listed(text: str) -> tuple[str, ...]:
    """Parts between commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())
