"""Whether routes let anybody from outside in: middlewares with lists of addresses decide. Pure."""

import ipaddress
from collections.abc import Iterable
from typing import Final

from hearthgate.cluster.snapshot import Snapshot
from hearthgate.resources.traefik.middleware import Middleware
from hearthgate.resources.traefik.service import ObjectReference

_PRIVATE: Final = "private"
"""Stands for all private networks wherever addresses are listed."""


def keeps_out(snapshot: Snapshot, namespace: str, references: Iterable[ObjectReference]) -> bool:
    """Whether one of the middlewares lets only private addresses in."""
    return any(_keeps_out(snapshot, namespace, one, frozenset()) for one in references)


def _keeps_out(
    snapshot: Snapshot, namespace: str, reference: ObjectReference, seen: frozenset[tuple[str, str]]
) -> bool:
    key = (reference.namespace or namespace, reference.name)
    middleware = snapshot.get(Middleware, *key)
    if middleware is None or key in seen:
        return False
    spec = middleware.spec
    listed = spec.ip_allow_list or spec.ip_white_list
    if listed is not None and listed.source_range and all(map(_is_private, listed.source_range)):
        return True
    inner = spec.chain.middlewares if spec.chain is not None else ()
    return any(_keeps_out(snapshot, key[0], one, seen | {key}) for one in inner)


def _is_private(text: str) -> bool:
    if text == _PRIVATE:
        return True
    try:
        return ipaddress.ip_network(text.strip(), strict=False).is_private
    except ValueError:
        return False
