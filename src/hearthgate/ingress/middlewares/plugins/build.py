"""From `plugin` of a Middleware to a checked value: which built-in one the name and the options mean."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from hearthgate.ingress.middlewares.draft import Draft
from hearthgate.ingress.middlewares.middleware import Middleware
from hearthgate.ingress.middlewares.plugins.cloudflare import cloudflare
from hearthgate.ingress.middlewares.plugins.crowdsec import crowdsec
from hearthgate.ingress.middlewares.plugins.geoblock import geoblock
from hearthgate.ingress.middlewares.plugins.maintenance import maintenance, static_answer
from hearthgate.ingress.middlewares.plugins.oidc import oidc
from hearthgate.model.problems import Reason, did_you_mean

BUILT_IN: Final[dict[str, Callable[[object, Draft], Middleware | None]]] = {
    "cloudflare-real-ip": cloudflare,
    "cloudflarewarp": cloudflare,
    "crowdsec-bouncer": crowdsec,
    "geoblock": geoblock,
    "maintenance": maintenance,
    "oidc": oidc,
    "static-answer": static_answer,
}
_WAYS_OUT: Final[tuple[tuple[str, str], ...]] = (
    ("oidc", "use plugin.oidc, or forwardAuth with oauth2-proxy"),
    ("openid", "use plugin.oidc, or forwardAuth with oauth2-proxy"),
    ("keycloak", "use plugin.oidc, or forwardAuth with oauth2-proxy"),
    ("cache", "let the backend send Cache-Control, and browsers keep the answers"),
)
"""What part of a plugin's name tells about what its users want, and where they get it."""


def plugin(given: Mapping[str, Any], draft: Draft) -> Middleware | None:
    if len(given) != 1:
        draft.refuse(
            "", "names exactly one plugin" if not given else "names several plugins: make a Middleware of each"
        )
        return None
    (name, options) = next(iter(given.items()))
    kind = _kind(name, options)
    family = BUILT_IN.get(kind)
    if family is None:
        draft.refuse(name, _unknown(name), Reason.UNSUPPORTED)
        return None
    own = Draft(draft.ref, draft.path(name), draft.secret, draft.links)
    value = family(options, own)
    draft.problems.extend(own.problems)
    return value


def _kind(name: str, options: object) -> str:
    """The built-in plugin. Users of Traefik name plugins as they like, so CrowdSec's is known by its options."""
    if isinstance(options, Mapping) and any(str(key).lower().startswith("crowdsec") for key in options):
        return "crowdsec-bouncer"
    return name.lower()


def _unknown(name: str) -> str:
    for part, way_out in _WAYS_OUT:
        if part in name.lower():
            return f"plugins are not loaded: {way_out}"
    known = ", ".join(sorted(BUILT_IN))
    return f"plugins are not loaded; built in are {known}{did_you_mean(name, BUILT_IN)}"
