"""Names that stand for networks wherever addresses are listed: `cloudflare`, `private`.

Cloudflare publishes its networks at https://www.cloudflare.com/ips/; they changed last in 2021. Pure.
"""

from collections.abc import Iterable, Iterator
from typing import Final

CLOUDFLARE: Final = "cloudflare"
_SETS: Final[dict[str, tuple[str, ...]]] = {
    CLOUDFLARE: (
        "103.21.244.0/22",
        "103.22.200.0/22",
        "103.31.4.0/22",
        "104.16.0.0/13",
        "104.24.0.0/14",
        "108.162.192.0/18",
        "131.0.72.0/22",
        "141.101.64.0/18",
        "162.158.0.0/15",
        "172.64.0.0/13",
        "173.245.48.0/20",
        "188.114.96.0/20",
        "190.93.240.0/20",
        "197.234.240.0/22",
        "198.41.128.0/17",
        "2400:cb00::/32",
        "2606:4700::/32",
        "2803:f800::/32",
        "2405:b500::/32",
        "2405:8100::/32",
        "2a06:98c0::/29",
        "2c0f:f248::/32",
    ),
    "private": (
        "10.0.0.0/8",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::1/128",
        "fc00::/7",
        "fe80::/10",
    ),
}
NAMES: Final = tuple(sorted(_SETS))


def expanded(texts: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Each text with its place in the list; a name gives all its networks."""
    for index, text in enumerate(texts):
        for one in _SETS.get(text.strip().lower(), (text,)):
            yield index, one
