"""plugin.cloudflare-real-ip: the client's address where Cloudflare stands before us, from CF-Connecting-IP.

It becomes X-Real-Ip and X-Forwarded-For, for the middlewares after it and for backends. From everybody else
CF-Connecting-IP is removed. Hearthgate's own; options of the plugin `cloudflarewarp` are read too.
"""

from typing import Annotated

from hearthgate.ingress.middlewares.access import networks
from hearthgate.ingress.middlewares.address_sets import CLOUDFLARE
from hearthgate.ingress.middlewares.draft import Draft
from hearthgate.ingress.middlewares.middleware import Middleware
from hearthgate.ingress.middlewares.plugins.options import read_options
from hearthgate.resources.meta import Strict, ignored


class CloudflareOptions(Strict, frozen=True, kw_only=True, rename="camel"):
    """trust_ip: more networks that CF-Connecting-IP is believed of, such as that of a cloudflared beside us.
    only_cloudflare: whether all others are refused."""

    trust_ip: tuple[str, ...] = ()
    disable_default: bool = False
    only_cloudflare: bool = False
    debug: Annotated[bool, ignored("the access log tells addresses")] = False


class RealAddress(Middleware, frozen=True, kw_only=True):
    """proxies: networks whose CF-Connecting-IP is believed. only: all others are refused."""

    proxies: tuple[str, ...]
    only: bool = False


def cloudflare(given: object, draft: Draft) -> Middleware | None:
    options = read_options(given, CloudflareOptions, draft)
    if options is None:
        return None
    own = () if options.disable_default else networks((CLOUDFLARE,), draft, "")
    if options.disable_default and not options.trust_ip:
        draft.refuse("trustIp", "is required beside disableDefault: networks that CF-Connecting-IP is believed of")
    proxies = {*own, *networks(options.trust_ip, draft, "trustIp")}
    return RealAddress(name=draft.name, proxies=tuple(sorted(proxies)), only=options.only_cloudflare)
