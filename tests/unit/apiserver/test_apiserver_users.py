"""The list of users: hashes only, whole at any moment, and read anew at each change."""

import base64
import hashlib
import json
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from hearthgate.apiserver.access.accounts import Accounts, CredentialKind, NewUser
from hearthgate.apiserver.access.authority import Authority
from hearthgate.apiserver.access.identity import ADMIN_GROUP, Identity, PeerCertificate, identify
from hearthgate.apiserver.access.kubeconfig import write_kubeconfig
from hearthgate.apiserver.access.roles import Role, role_of
from hearthgate.apiserver.access.tokens import Tokens
from hearthgate.apiserver.access.users import UserFile, Users
from hearthgate.model.errors import Permanent

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    authority = Authority.load(tmp_path / "pki", NOW)
    write_kubeconfig(tmp_path / "kubeconfig", "https://127.0.0.1:6443", authority, NOW)
    return tmp_path


def add(state: Path, name: str, role: Role, **more: Any) -> dict[str, Any]:
    """The kubeconfig that the new user gets."""
    written: list[bytes] = []
    Accounts(state).add(NewUser(name, role, **more), NOW, written.append)
    config: dict[str, Any] = json.loads(written[0])
    return config


def token_of(config: dict[str, Any]) -> str:
    return str(config["users"][0]["user"]["token"])


def by_token(users: Users, token: str) -> Identity | None:
    return identify(None, f"Bearer {token}", users.current())


def shown(config: dict[str, Any]) -> PeerCertificate:
    """As the server sees the certificate of a kubeconfig."""
    pem = base64.b64decode(config["users"][0]["user"]["client-certificate-data"])
    certificate = x509.load_pem_x509_certificate(pem)
    named = [(part.rfc4514_attribute_name, str(part.value)) for part in certificate.subject]
    names = {"CN": "commonName", "O": "organizationName"}
    subject = {"subject": tuple(((names[key], value),) for key, value in named)}
    der = certificate.public_bytes(serialization.Encoding.DER)
    return PeerCertificate.of(subject, hashlib.sha256(der).hexdigest())


def test_a_token_lets_in_with_the_role_of_now(state: Path) -> None:
    users = Users(state)
    config = add(state, "ann", Role.VIEWER, namespaces=("web", "web", "htpc"))
    token = token_of(config)
    assert token not in (state / "users.json").read_text()
    assert (state / "users.json").stat().st_mode & 0o777 == 0o600
    assert config["contexts"][0]["context"]["namespace"] == "htpc"
    found = by_token(users, token)
    assert found is not None
    assert (found.user, role_of(found), found.namespaces) == ("ann", Role.VIEWER, ("htpc", "web"))
    Accounts(state).set_role("ann", Role.EDITOR)
    found = by_token(users, token)
    assert found is not None
    assert role_of(found) is Role.EDITOR
    Accounts(state).remove("ann")
    assert by_token(users, token) is None


def test_a_certificate_counts_as_long_as_it_is_the_users(state: Path) -> None:
    users = Users(state)
    first = shown(add(state, "bob", Role.EDITOR, credential=CredentialKind.CERTIFICATE))
    assert (first.user, first.groups) == ("bob", ("hearthgate:editor",))
    found = identify(first, "", users.current())
    assert found is not None
    assert role_of(found) is Role.EDITOR
    Accounts(state).set_role("bob", Role.VIEWER)
    found = identify(first, "", users.current())
    assert found is not None
    assert role_of(found) is Role.VIEWER, "the role in the certificate is not believed"
    again = add(state, "bob", Role.EDITOR, credential=CredentialKind.CERTIFICATE, replace=True)
    second = shown(again)
    assert identify(first, "", users.current()) is None
    assert identify(second, "", users.current()) is not None
    assert identify(second._replace(user="mallory"), "", users.current()) is None


def test_strangers_have_no_identity(state: Path) -> None:
    table = UserFile(state).read()
    guest = PeerCertificate("root", ("guests",), "00")
    master = guest._replace(groups=(ADMIN_GROUP,))
    found = identify(master, "", table)
    assert found is not None
    assert role_of(found) is Role.ADMIN
    for certificate, authorization in ((guest, ""), (None, ""), (None, "Bearer wrong"), (None, "Bearer ")):
        assert identify(certificate, authorization, table) is None
    token = token_of(add(state, "ann", Role.VIEWER))
    assert identify(None, f"Basic {token}", UserFile(state).read()) is None
    assert identify(None, "Bearer \udcff", UserFile(state).read()) is None


def test_tokens_of_the_program_end_with_the_next() -> None:
    tokens = Tokens()
    first = tokens.issue("me").reveal().decode()
    second = tokens.issue("me").reveal().decode()
    assert (tokens.identity_of(first), tokens.identity_of("")) == (None, None)
    found = tokens.identity_of(second)
    assert found is not None
    assert (found.user, role_of(found)) == ("me", Role.ADMIN)


def test_what_is_refused_names_the_way_out(state: Path, tmp_path: Path) -> None:
    add(state, "ann", Role.VIEWER)
    before = (state / "users.json").read_bytes()
    cases: list[tuple[NewUser, str]] = [
        (NewUser("ann", Role.VIEWER), "already.*--replace"),
        (NewUser("system:admin", Role.VIEWER), "cannot be the name"),
        (NewUser("x" * 65, Role.VIEWER), "cannot be the name"),
        (NewUser("hearthgate-admin", Role.VIEWER), "administrator"),
        (NewUser("eve", Role.VIEWER, ("Web",)), "not the name of a namespace"),
        (NewUser("eve", Role.ADMIN, ("web",)), "not bound to namespaces"),
        (NewUser("eve", Role.VIEWER, server="http://x"), "https://HOST:PORT"),
    ]
    for wanted, message in cases:
        with pytest.raises(Permanent, match=message):
            Accounts(state).add(wanted, NOW, lambda content: None)
    with pytest.raises(Permanent, match=r"no user 'bob' \(users: ann\)"):
        Accounts(state).remove("bob")
    with pytest.raises(Permanent, match="--state"):
        Accounts(tmp_path / "nowhere")
    assert (state / "users.json").read_bytes() == before


def test_a_user_without_kubeconfig_is_no_user(state: Path) -> None:
    def full_disk(content: bytes) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        Accounts(state).add(NewUser("ann", Role.VIEWER), NOW, full_disk)
    assert Accounts(state).list() == ()


def test_a_damaged_list_lets_no_user_in(state: Path) -> None:
    users = Users(state)
    token = token_of(add(state, "ann", Role.ADMIN))
    (state / "users.json").write_text("{")
    assert by_token(users, token) is None
    with pytest.raises(Permanent, match="damaged"):
        Accounts(state).list()
    assert by_token(users, token) is None


def test_many_writers_lose_nothing(state: Path) -> None:
    def write(number: int) -> None:
        add(state, f"user{number}", Role.VIEWER)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(Accounts(state).list()) == 8
    assert msgspec.json.decode((state / "users.json").read_bytes())["users"][0]["name"] == "user0"
