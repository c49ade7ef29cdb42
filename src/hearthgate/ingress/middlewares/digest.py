"""digestAuth (traefik.io Middleware): users from a Secret with htdigest lines, `name:realm:HA1`, under one key.

Messages name lines by number: a line may hold a password that went astray.
"""

import re
from typing import Final

import msgspec

from hearthgate.ingress.middlewares.credentials import (
    DEFAULT_REALM,
    checked_header_field,
    checked_realm,
    secret_of_users,
)
from hearthgate.ingress.middlewares.draft import Draft
from hearthgate.ingress.middlewares.middleware import Middleware
from hearthgate.model.problems import Reason, shorten
from hearthgate.model.secret import SecretBytes
from hearthgate.resources.traefik import access as spec

_HASH: Final = re.compile(rb"[0-9a-fA-F]{32}")


class DigestUser(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`hash`: HA1 of RFC 2617, 32 lower-case hexadecimal digits."""

    name: str
    hash: SecretBytes


class DigestAuth(Middleware, frozen=True, kw_only=True):
    """Asks for a password that is not sent. `header_field` (lower case, may be empty) gets the user's name."""

    users: tuple[DigestUser, ...]
    realm: str = DEFAULT_REALM
    header_field: str = ""
    remove_header: bool = False


def digest_auth(options: spec.DigestAuth, draft: Draft) -> DigestAuth:
    realm = checked_realm(options.realm, draft)
    return DigestAuth(
        name=draft.name,
        users=_users(options.secret, realm, draft),
        realm=realm,
        header_field=checked_header_field(options.header_field, draft),
        remove_header=options.remove_header,
    )


def _users(name: str, realm: str, draft: Draft) -> tuple[DigestUser, ...]:
    secret = secret_of_users(name, "htdigest", draft)
    if secret is None:
        return ()
    keys = secret.keys()
    value = secret.value(keys[0]) if len(keys) == 1 else None
    if value is None:
        message = f"{secret.ref}: must have exactly one key, with htdigest lines; it has {len(keys)}"
        draft.refuse("secret", message, Reason.SECRET_INVALID)
        return ()
    users: dict[str, DigestUser] = {}
    complaints = []
    for number, line in enumerate(value.reveal().splitlines(), start=1):
        entry = line.strip()
        if entry and not entry.startswith(b"#"):
            user = parse_entry(entry, realm)
            if isinstance(user, DigestUser):
                users[user.name] = user
            else:
                complaints.append(f"line {number}: {user}")
    if complaints:
        report = draft.warn if users else draft.refuse
        report("secret", f"{secret.ref}: {'; '.join(complaints[:5])}", Reason.SECRET_INVALID)
    elif not users:
        message = f"{secret.ref}: holds no user (make one with: htdigest -c FILE {realm} NAME)"
        draft.refuse("secret", message, Reason.SECRET_INVALID)
    return tuple(sorted(users.values(), key=lambda user: user.name))


def parse_entry(entry: bytes, realm: str) -> DigestUser | str:
    """The user of one htdigest line, or what is wrong with it in words that reveal nothing of it."""
    raw_name, _, rest = entry.partition(b":")
    raw_realm, colon, value = rest.rpartition(b":")
    try:
        name, own = raw_name.decode(), raw_realm.decode()
    except UnicodeDecodeError:
        return "is not UTF-8"
    if not colon or not name or not name.isprintable():
        return "is not name:realm:hash"
    if not _HASH.fullmatch(value):
        return "the hash is not 32 hexadecimal digits (htdigest makes one)"
    if own != realm:
        return f"is for another realm than {shorten(realm)}: the hash holds for its own only"
    return DigestUser(name=name, hash=SecretBytes(value.lower()))
