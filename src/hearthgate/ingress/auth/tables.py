"""What the auth service must know for a set of routers, by the questions that the proxy asks. Pure."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from hearthgate.ingress.auth.addresses import AddressTable, address_table
from hearthgate.ingress.auth.digest import DigestTable, digest_table
from hearthgate.ingress.auth.passwords import cost
from hearthgate.ingress.middlewares.access import IPAllowList
from hearthgate.ingress.middlewares.credentials import BasicAuth, User
from hearthgate.ingress.middlewares.digest import DigestAuth
from hearthgate.ingress.middlewares.middleware import Middleware
from hearthgate.ingress.middlewares.questions import is_answered_by_proxy, question


class PasswordTable(NamedTuple):
    """The users of one basicAuth. decoy: whose hash is checked for an unknown name, the slowest of all.
    header: that of an answer that lets a request pass with the user's name, may be empty."""

    users: Mapping[str, User]
    decoy: User
    challenge: str
    header: str


Table = PasswordTable | AddressTable | DigestTable


def auth_tables(middlewares: Iterable[Middleware]) -> Mapping[str, Table]:
    """The tables for these middlewares, by the path of the question."""
    asked = (
        middleware
        for middleware in middlewares
        if isinstance(middleware, BasicAuth | DigestAuth | IPAllowList) and not is_answered_by_proxy(middleware)
    )
    return dict(_entry(middleware) for middleware in asked)


@lru_cache(maxsize=1024)
def _entry(middleware: BasicAuth | DigestAuth | IPAllowList) -> tuple[str, Table]:
    path = question(middleware)
    if isinstance(middleware, IPAllowList):
        return path, address_table(middleware)
    if isinstance(middleware, DigestAuth):
        return path, digest_table(middleware)
    realm = middleware.realm.replace("\\", "\\\\").replace('"', '\\"')
    return path, PasswordTable(
        users={user.name: user for user in middleware.users},
        decoy=max(middleware.users, key=cost),
        challenge=f'Basic realm="{realm}"',
        header=middleware.header_field,
    )
