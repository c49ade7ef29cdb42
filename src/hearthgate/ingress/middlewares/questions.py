"""What the proxy cannot decide alone, and the names under which it asks the auth service.

A question is named after its content: equal middlewares share it, and an answer is never about an old list.
"""

from hashlib import blake2b
from typing import Final

import msgspec

from hearthgate.ingress.middlewares.access import IPAllowList
from hearthgate.ingress.middlewares.credentials import BasicAuth, HashKind
from hearthgate.ingress.middlewares.digest import DigestAuth
from hearthgate.ingress.middlewares.middleware import Middleware

DIGEST: Final = "digest"
"""Questions of this kind are followed by the target of the request."""


def is_answered_by_proxy(middleware: Middleware) -> bool:
    """Whether the proxy needs no service for it."""
    match middleware:
        case BasicAuth():
            return all(user.kind is HashKind.SHA for user in middleware.users)
        case IPAllowList():
            return middleware.strategy is None
        case DigestAuth():
            return False
        case _:
            return True


def question(middleware: BasicAuth | DigestAuth | IPAllowList) -> str:
    """The path of the request to the service."""
    if isinstance(middleware, BasicAuth):
        users = [(user.name, user.hash.fingerprint()) for user in middleware.users]
        return _path("basic", [users, middleware.realm, middleware.header_field])
    if isinstance(middleware, DigestAuth):
        known = [(user.name, user.hash.fingerprint()) for user in middleware.users]
        return _path(DIGEST, [known, middleware.realm, middleware.header_field])
    return _path("address", [middleware.ranges, middleware.status, middleware.strategy])


def split_target(path: str) -> tuple[str, str]:
    """A question, and the target of the request that follows it."""
    if path.startswith(f"/{DIGEST}/"):
        end = path.find("/", len(DIGEST) + 2)
        if end > 0:
            return path[:end], path[end:]
    return path, ""


def _path(kind: str, content: object) -> str:
    digest = blake2b(msgspec.json.encode(content), digest_size=15, person=b"hg-question")
    return f"/{kind}/{digest.hexdigest()}"
