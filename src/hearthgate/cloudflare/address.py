"""Where Cloudflare's API is: elsewhere for proxies and stand-ins, by the variable that their own tools read."""

from collections.abc import Mapping
from typing import Final

from hearthgate.cloudflare.transport import API, checked_url

VARIABLE: Final = "CLOUDFLARE_BASE_URL"


def base_url(environment: Mapping[str, str]) -> str:
    """Raises Permanent for what is neither HTTPS nor on this machine."""
    return checked_url(environment.get(VARIABLE) or API)
