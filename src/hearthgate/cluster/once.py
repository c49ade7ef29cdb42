"""Reads an API server once, for commands: no watch, no cache."""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from hearthgate.cluster.cache import read_item
from hearthgate.cluster.client import Client
from hearthgate.cluster.errors import Forbidden, NotFound
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.model.problems import Problem
from hearthgate.resources.kinds import Kind
from hearthgate.resources.meta import Resource


class Once(NamedTuple):
    """hidden: kinds that the user may not read. absent: kinds that the server does not know."""

    snapshot: Snapshot
    hidden: tuple[Kind, ...]
    absent: tuple[Kind, ...]


async def read_once(client: Client, kinds: Iterable[Kind]) -> Once:
    """All objects of these kinds, in all namespaces. Raises Transient when the server cannot be reached."""
    resources: list[Resource] = []
    problems: list[Problem] = []
    hidden, absent = [], []
    for kind in kinds:
        try:
            items = await _all(client, kind)
        except Forbidden:
            hidden.append(kind)
            continue
        except NotFound:
            absent.append(kind)
            continue
        for raw in items:
            item = read_item(kind, raw)
            problems.extend(item.problems)
            if item.resource is not None:
                resources.append(item.resource)
    return Once(Snapshot.of(resources, problems), tuple(hidden), tuple(absent))


async def _all(client: Client, kind: Kind) -> list[msgspec.Raw]:
    found: list[msgspec.Raw] = []
    token = ""
    while True:
        page = await client.list_page(kind, token=token)
        found.extend(page.items)
        token = page.token
        if not token:
            return found
