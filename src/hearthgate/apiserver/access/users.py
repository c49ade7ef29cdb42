"""The users of one state folder: `users.json`, written by commands and read by the running server.

It holds hashes of tokens and fingerprints of certificates, so that the file gives nobody access.
"""

import contextlib
import fcntl
import hashlib
import hmac
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
import structlog

from hearthgate.apiserver.access.identity import AUTHENTICATED, Identity, PeerCertificate
from hearthgate.apiserver.access.roles import Role, role_group
from hearthgate.disk.atomic import write_atomically
from hearthgate.model.errors import Permanent

USERS_FILE: Final = "users.json"
_LOCK_FILE: Final = "users.lock"
_LOCK_DEADLINE: Final = 10.0
_LOCK_PAUSE: Final = 0.05

_log = structlog.get_logger(__name__)


class User(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """token: SHA-256 of the bearer token; certificate: of the client certificate. One of them is set; both in
    hexadecimal. namespaces: the only ones the user may enter; empty for all. created: RFC 3339."""

    name: str
    role: Role
    created: str
    namespaces: tuple[str, ...] = ()
    token: str = ""
    certificate: str = ""

    @property
    def identity(self) -> Identity:
        return Identity(self.name, (role_group(self.role), AUTHENTICATED), self.namespaces)


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of the file, in the order of names."""

    users: tuple[User, ...] = ()

    def find(self, name: str) -> User | None:
        return next((user for user in self.users if user.name == name), None)

    def without(self, name: str) -> "Table":
        return Table(users=tuple(user for user in self.users if user.name != name))

    def having(self, user: User) -> "Table":
        """`user` takes the place of one with the same name."""
        others = self.without(user.name).users
        return Table(users=tuple(sorted((*others, user), key=lambda one: one.name)))

    def by_token(self, token: str) -> Identity | None:
        """Takes the same time for every wrong token."""
        found = find_hash(token_hash(token), [user.token for user in self.users])
        return None if found is None else self.users[found].identity

    def by_certificate(self, certificate: PeerCertificate) -> Identity | None:
        for user in self.users:
            if user.certificate and user.certificate == certificate.fingerprint:
                return user.identity if user.name == certificate.user else None
        return None

    def by_name(self, name: str) -> Identity | None:
        found = self.find(name)
        return None if found is None else found.identity


class UserFile:
    """Reads and changes the file of one state folder."""

    def __init__(self, state: Path) -> None:
        self._path = state / USERS_FILE
        self._lock = state / _LOCK_FILE

    def read(self) -> Table:
        """Raises Permanent when the file cannot be read."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Table)
        except FileNotFoundError:
            return Table()
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            message = f"{self._path} is damaged: restore it, or remove it and add the users again"
            raise Permanent(message) from error
        except OSError as error:
            raise Permanent(f"{self._path} cannot be read: {error.strerror}") from error

    def mark(self) -> tuple[int, int, int]:
        """Differs after every change: each is a new file."""
        try:
            status = self._path.stat()
        except OSError:
            return (0, 0, 0)
        return (status.st_mtime_ns, status.st_ino, status.st_size)

    @contextlib.contextmanager
    def changing(self) -> Iterator["Draft"]:
        """Nobody else changes the file until the end, when the draft is written unless something was raised.
        Raises Permanent."""
        with _locked(self._lock):
            draft = Draft(self.read())
            before = draft.table
            yield draft
            if draft.table == before:
                return
            try:
                write_atomically(self._path, msgspec.json.format(msgspec.json.encode(draft.table)) + b"\n")
            except OSError as error:
                raise Permanent(f"{self._path} cannot be written: {error.strerror}") from error


class Draft:
    """What the file shall hold."""

    def __init__(self, table: Table) -> None:
        self.table = table


class Users:
    """The users as the file says now: it is looked at again at each call of `current`. A damaged file lets no
    user in; the first administrator's certificate does not depend on it."""

    def __init__(self, state: Path) -> None:
        self._file = UserFile(state)
        self._mark = (-1, 0, 0)
        self._table = Table()

    def current(self) -> Table:
        mark = self._file.mark()
        if mark != self._mark:
            self._mark = mark
            try:
                self._table = self._file.read()
            except Permanent as error:
                self._table = Table()
                _log.error("nobody but the first administrator gets in", error=str(error))
        return self._table


def token_hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def find_hash(given: str, kept: Sequence[str]) -> int | None:
    """The index of `given` among `kept`, in a time that does not tell where it differs."""
    found = None
    for index, one in enumerate(kept):
        if hmac.compare_digest(given, one):
            found = index
    return found


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """The kernel drops the lock when its holder dies."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Permanent(f"{path} cannot be opened: {error.strerror}") from error
    try:
        deadline = time.monotonic() + _LOCK_DEADLINE
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise Permanent(f"another command holds {path}: try again") from error
                time.sleep(_LOCK_PAUSE)
        yield
    finally:
        os.close(descriptor)
