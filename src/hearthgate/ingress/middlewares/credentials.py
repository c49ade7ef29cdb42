"""basicAuth (traefik.io Middleware): users from a Secret, in either format.

A Secret of type `kubernetes.io/basic-auth` holds one user (`username`, `password`); any other holds htpasswd
lines under its only key. Messages name lines by number: a line may hold a password that went astray.
"""

import base64
import binascii
import hashlib
import re
from enum import StrEnum
from typing import Final

import msgspec

from hearthgate.ingress.middlewares.draft import Draft
from hearthgate.ingress.middlewares.header_fields import check_name, check_value
from hearthgate.ingress.middlewares.middleware import Middleware
from hearthgate.model.problems import Reason, shorten
from hearthgate.model.secret import SecretBytes
from hearthgate.resources.core import Secret
from hearthgate.resources.traefik import access as spec

DEFAULT_REALM: Final = "traefik"
_BASIC_AUTH: Final = "kubernetes.io/basic-auth"
_BCRYPT: Final = re.compile(r"\$2[abxy]\$(\d\d)\$[./A-Za-z0-9]{53}")
_MD5: Final = re.compile(r"\$(?:apr1|1)\$[^$]{0,8}\$[./A-Za-z0-9]{22}")
_MAX_COST: Final = 17
"""A bcrypt check at this cost takes eight seconds: more than any client waits."""


class HashKind(StrEnum):
    """How a password is hashed."""

    BCRYPT = "bcrypt"
    MD5 = "md5"
    SHA = "sha"


class User(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One entry `name:hash`."""

    name: str
    kind: HashKind
    hash: SecretBytes


class BasicAuth(Middleware, frozen=True, kw_only=True):
    """Asks for a password. `header_field` (lower case, may be empty) gets the user's name."""

    users: tuple[User, ...]
    realm: str = DEFAULT_REALM
    header_field: str = ""
    remove_header: bool = False


def basic_auth(options: spec.BasicAuth, draft: Draft) -> BasicAuth:
    return BasicAuth(
        name=draft.name,
        users=_users(options.secret, draft),
        realm=checked_realm(options.realm, draft),
        header_field=checked_header_field(options.header_field, draft),
        remove_header=options.remove_header,
    )


def checked_realm(realm: str, draft: Draft) -> str:
    realm = realm or DEFAULT_REALM
    check_value(draft, "realm", realm)
    return realm


def checked_header_field(field: str, draft: Draft) -> str:
    """The header that shall carry the user's name, in lower case; may be empty."""
    if field and check_name(draft, "headerField", field) and field.lower() == "host":
        draft.refuse("headerField", "Host names the site and cannot carry the user: choose another header")
    return field.lower()


def secret_of_users(name: str, lines: str, draft: Draft) -> Secret | None:
    """The Secret that holds the users. `lines`: what is expected in it, for the message that none is named."""
    if not name:
        draft.refuse("secret", f"is required: the name of a Secret with {lines} lines", Reason.MISSING_FIELD)
        return None
    secret = draft.secret(name)
    if secret is None:
        message = f"Secret {draft.ref.namespace}/{name} does not exist (it must be in the Middleware's namespace)"
        draft.refuse("secret", message, Reason.SECRET_NOT_FOUND)
    return secret


def _users(name: str, draft: Draft) -> tuple[User, ...]:
    secret = secret_of_users(name, "htpasswd", draft)
    if secret is None:
        return ()
    return _single_user(secret, draft) if secret.type == _BASIC_AUTH else _htpasswd(secret, draft)


def _single_user(secret: Secret, draft: Draft) -> tuple[User, ...]:
    username, password = secret.value("username"), secret.value("password")
    if not username or not password:
        message = f"{secret.ref}: type {_BASIC_AUTH} needs username and password, neither of them empty"
        draft.refuse("secret", message, Reason.SECRET_INVALID)
        return ()
    name = _name(username.reveal())
    if name is None:
        message = f"{secret.ref}: username must be UTF-8 text without colon and control characters"
        draft.refuse("secret", message, Reason.SECRET_INVALID)
        return ()
    digest = base64.b64encode(hashlib.sha1(password.reveal()).digest())  # noqa: S324 - htpasswd's {SHA}
    return (User(name=name, kind=HashKind.SHA, hash=SecretBytes(b"{SHA}" + digest)),)


def _htpasswd(secret: Secret, draft: Draft) -> tuple[User, ...]:
    keys = secret.keys()
    if len(keys) != 1:
        found = f"has {len(keys)}: {shorten(', '.join(keys))}" if keys else "has none"
        message = f"{secret.ref}: must have exactly one key, with htpasswd lines; it {found}"
        draft.refuse("secret", message, Reason.SECRET_INVALID)
        return ()
    value = secret.value(keys[0])
    users: dict[str, User] = {}
    complaints = []
    for number, line in enumerate((value.reveal() if value else b"").splitlines(), start=1):
        entry = line.strip()
        if not entry or entry.startswith(b"#"):
            continue
        user = parse_entry(entry)
        if isinstance(user, User):
            users[user.name] = user
        else:
            complaints.append(f"line {number}: {user}")
    if complaints:
        report = draft.warn if users else draft.refuse
        report("secret", f"{secret.ref}: {'; '.join(complaints[:5])}", Reason.SECRET_INVALID)
    elif not users:
        message = f"{secret.ref}: holds no user (make one with: htpasswd -nB NAME)"
        draft.refuse("secret", message, Reason.SECRET_INVALID)
    return tuple(sorted(users.values(), key=lambda user: user.name))


def parse_entry(entry: bytes) -> User | str:
    """The user of one htpasswd line, or what is wrong with it in words that reveal nothing of it."""
    raw_name, colon, value = entry.partition(b":")
    name = _name(raw_name)
    if not colon:
        return "is not name:hash"
    if name is None:
        return "the name is empty, not UTF-8 or holds control characters"
    text = value.decode("ascii", "replace")
    if match := _BCRYPT.fullmatch(text):
        cost = int(match[1])
        if not 4 <= cost <= _MAX_COST:
            return f"bcrypt cost {cost} is not between 4 and {_MAX_COST}"
        return User(name=name, kind=HashKind.BCRYPT, hash=SecretBytes(value))
    if _MD5.fullmatch(text):
        return User(name=name, kind=HashKind.MD5, hash=SecretBytes(value))
    if _is_sha(value):
        return User(name=name, kind=HashKind.SHA, hash=SecretBytes(value))
    return f"{_format(text)} (use bcrypt: htpasswd -nB NAME)"


def _name(raw: bytes) -> str | None:
    try:
        name = raw.decode()
    except UnicodeDecodeError:
        return None
    return name if name and name.isprintable() and ":" not in name else None


def _is_sha(value: bytes) -> bool:
    if not value.startswith(b"{SHA}") or len(value) != 33:
        return False
    try:
        return len(base64.b64decode(value[5:], validate=True)) == 20
    except binascii.Error:
        return False


def _format(text: str) -> str:
    """What an unusable hash looks like, by its prefix alone."""
    for prefix, words in (
        ("$2", "a bcrypt hash that is cut off or damaged"),
        ("$apr1$", "an apr1 hash that is cut off or damaged"),
        ("{SHA}", "a {SHA} hash that is cut off or damaged"),
        ("$5$", "a SHA-256 crypt hash, which is not supported"),
        ("$6$", "a SHA-512 crypt hash, which is not supported"),
        ("$argon2", "an argon2 hash, which is not supported"),
        ("{", "a hash of an unknown kind"),
        ("$", "a hash of an unknown kind"),
    ):
        if text.startswith(prefix):
            return words
    return "no hash but plain text or an old crypt hash, which are never accepted"
