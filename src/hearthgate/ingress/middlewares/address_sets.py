"""Names that stand for networks wherever addresses are listed: `cloudflare`, `private`. Pure."""

from collections.abc import Iterable, Iterator
from typing import Final

from hearthgate.cloudflare.networks import NETWORKS

CLOUDFLARE: Final = "cloudflare"
_SETS: Final[dict[str, tuple[str, ...]]] = {
    CLOUDFLARE: NETWORKS,
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
