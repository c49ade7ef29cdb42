"""What the proxy cannot decide alone, and the names under which it asks the auth service.

A question is named after its content: equal middlewares share it, and an answer is never about an old list.
"""

from hashlib import blake2b

import msgspec

from hearthgate.ingress.middlewares.access import IPAllowList
from hearthgate.ingress.middlewares.credentials import BasicAuth, HashKind
from hearthgate.ingress.middlewares.middleware import Middleware


def is_answered_by_proxy(middleware: Middleware) -> bool:
    """Whether the proxy needs no service for it."""
    match middleware:
        case BasicAuth():
            return all(user.kind is HashKind.SHA for user in middleware.users)
        case IPAllowList():
            return middleware.strategy is None
        case _:
            return True


def question(middleware: BasicAuth | IPAllowList) -> str:
    """The path of the request to the service."""
    if isinstance(middleware, BasicAuth):
        users = [(user.name, user.hash.fingerprint()) for user in middleware.users]
        return _path("basic", [users, middleware.realm, middleware.header_field])
    return _path("address", [middleware.ranges, middleware.status, middleware.strategy])


def _path(kind: str, content: object) -> str:
    digest = blake2b(msgspec.json.encode(content), digest_size=15, person=b"hg-question")
    return f"/{kind}/{digest.hexdigest()}"
