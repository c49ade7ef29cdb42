"""The names under which tables of refused addresses and questions about one address are known to proxy and guards.

A name covers all that its content depends on. Pure.
"""

from hashlib import blake2b

import msgspec

from hearthgate.ingress.middlewares.plugins.crowdsec import Bouncer, Lapi
from hearthgate.ingress.middlewares.plugins.geoblock import GeoBlock


def lapi_name(lapi: Lapi) -> str:
    """The same for bouncers that hear of the same decisions."""
    content = [
        lapi.scheme,
        lapi.host,
        lapi.port,
        lapi.endpoints,
        lapi.path,
        lapi.key.fingerprint(),
        lapi.verify,
        lapi.authority,
    ]
    return _digest(content)


def table_name(bouncer: Bouncer) -> str:
    """The file with the addresses that a stream refuses."""
    content = [lapi_name(bouncer.lapi), bouncer.trusted, bouncer.open_at_start, bouncer.max_failures]
    return f"refused-{_digest(content)}"


def geo_table_name(block: GeoBlock) -> str:
    """The file with the addresses that a database of countries refuses."""
    content = [block.database, block.countries, block.denies, block.unknown_passes, block.trusted]
    return f"countries-{_digest(content)}"


def live_question(bouncer: Bouncer) -> str:
    """The path of the question to the auth service about one address."""
    content = [
        lapi_name(bouncer.lapi),
        bouncer.mode,
        bouncer.keep,
        bouncer.client,
        bouncer.trusted,
        bouncer.refusal,
        bouncer.lapi.timeout,
    ]
    return f"/crowdsec/{_digest(content)}"


def _digest(content: object) -> str:
    return blake2b(msgspec.json.encode(content), digest_size=15, person=b"hg-guard").hexdigest()
