"""Adding, changing and removing users of a state folder, whether the server runs or not."""

import hashlib
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from hearthgate.apiserver.access.authority import Authority, KeyPair
from hearthgate.apiserver.access.certificates import PKI_FOLDER
from hearthgate.apiserver.access.kubeconfig import ADMIN_USER, kubeconfig, server_of
from hearthgate.apiserver.access.roles import Role, role_group
from hearthgate.apiserver.access.tokens import new_token
from hearthgate.apiserver.access.users import Table, User, UserFile, token_hash
from hearthgate.model.errors import Permanent
from hearthgate.model.secret import SecretBytes

# A colon would make it one of Kubernetes' own names (system:...); a common name has 64 characters at most.
_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._@-]{0,61}[A-Za-z0-9])?")
_NAMESPACE: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


class CredentialKind(StrEnum):
    TOKEN = "token"  # noqa: S105 - its name
    CERTIFICATE = "certificate"


class NewUser(NamedTuple):
    """`server`: the URL for the kubeconfig; empty for the one that the server had last. `replace`: a user of this
    name loses its credential, role and namespaces."""

    name: str
    role: Role
    namespaces: Sequence[str] = ()
    credential: CredentialKind = CredentialKind.TOKEN
    server: str = ""
    replace: bool = False


class Accounts:
    """The users of one state folder. Every method raises Permanent."""

    def __init__(self, state: Path) -> None:
        if not (state / PKI_FOLDER / "ca.crt").exists():
            message = f"{state} is no state folder: start `hearthgate up` once, or name the folder with --state"
            raise Permanent(message)
        self._state = state
        self._file = UserFile(state)

    def list(self) -> tuple[User, ...]:
        """By name."""
        return self._file.read().users

    def add(self, wanted: NewUser, now: datetime, deliver: Callable[[bytes], None]) -> User:
        """Makes a credential and gives the kubeconfig with it to `deliver`; it exists nowhere else. When that
        raises there is no such user."""
        _check(wanted)
        url = wanted.server or server_of(self._state / "kubeconfig")
        authority = Authority.kept(self._state / PKI_FOLDER)
        with self._file.changing() as draft:
            if draft.table.find(wanted.name) is not None and not wanted.replace:
                message = (
                    f"there is a user {wanted.name!r} already: change it with `hearthgate user role`, give it a"
                    " new credential with --replace, or remove it"
                )
                raise Permanent(message)
            user = User(
                name=wanted.name,
                role=wanted.role,
                namespaces=tuple(sorted(set(wanted.namespaces))),
                created=now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            )
            credential: KeyPair | SecretBytes
            if wanted.credential is CredentialKind.TOKEN:
                credential = new_token()
                user = msgspec.structs.replace(user, token=token_hash(credential.reveal().decode()))
            else:
                credential = authority.client(wanted.name, role_group(wanted.role), now)
                user = msgspec.structs.replace(user, certificate=fingerprint(credential.certificate))
            namespace = user.namespaces[0] if user.namespaces else "default"
            deliver(kubeconfig(url, authority.certificate, wanted.name, credential, namespace=namespace))
            draft.table = draft.table.having(user)
        return user

    def remove(self, name: str) -> None:
        """Its credentials stop working at once, in a running server too."""
        with self._file.changing() as draft:
            _known(draft.table, name)
            draft.table = draft.table.without(name)

    def set_role(self, name: str, role: Role) -> User:
        """The credential stays as it is: the role that counts is the one in the list."""
        with self._file.changing() as draft:
            user = msgspec.structs.replace(_known(draft.table, name), role=role)
            _check_bounds(role, user.namespaces)
            draft.table = draft.table.having(user)
        return user


def fingerprint(certificate: bytes) -> str:
    """SHA-256 of the DER form of a PEM certificate."""
    der = x509.load_pem_x509_certificate(certificate).public_bytes(serialization.Encoding.DER)
    return hashlib.sha256(der).hexdigest()


def _known(table: Table, name: str) -> User:
    user = table.find(name)
    if user is None:
        known = ", ".join(one.name for one in table.users) or "there is none yet"
        raise Permanent(f"there is no user {name!r} (users: {known})")
    return user


def _check(wanted: NewUser) -> None:
    if not _NAME.fullmatch(wanted.name):
        message = (
            f"{wanted.name!r} cannot be the name of a user: up to 63 letters, digits, dots, dashes, underscores"
            " and @, with a letter or digit at both ends"
        )
        raise Permanent(message)
    if wanted.name == ADMIN_USER:
        raise Permanent(f"{ADMIN_USER} is the administrator of the kubeconfig in the state folder")
    for namespace in wanted.namespaces:
        if not _NAMESPACE.fullmatch(namespace):
            raise Permanent(f"{namespace!r} is not the name of a namespace")
    if wanted.server and not re.fullmatch(r"https://[^\s/?#]+/?", wanted.server):
        raise Permanent(f"{wanted.server!r} is not the URL of the API: https://HOST:PORT")
    _check_bounds(wanted.role, wanted.namespaces)


def _check_bounds(role: Role, namespaces: Sequence[str]) -> None:
    if role is Role.ADMIN and namespaces:
        message = "an admin is not bound to namespaces: make it an editor, or add it anew without --namespace"
        raise Permanent(message)
