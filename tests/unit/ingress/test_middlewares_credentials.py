"""basicAuth: users from Secrets, and what is said of lines that cannot be used: never the line."""

import pytest

from hearthgate.ingress.middlewares.credentials import BasicAuth, HashKind
from hearthgate.model.problems import Severity
from hearthgate.resources.core import Secret
from tests.unit.ingress.middleware_values import attempt, secret, value

BCRYPT = b"$2y$05$" + b"a" * 53
APR1 = b"$apr1$saltsalt$" + b"a" * 22
SHA = b"{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g="
CANARY = b"hunter2canary"


def users(text: bytes) -> BasicAuth:
    built = value("basicAuth", {"secret": "users"}, {"users": secret(file=text)})
    assert isinstance(built, BasicAuth)
    return built


def test_lines() -> None:
    text = b"\n# comment\nzoe:" + BCRYPT + b"\r\n  amy:" + APR1 + b"  \n\nbob:" + SHA + b"\namy:" + SHA + b"\n"
    found = [(user.name, user.kind, user.hash.reveal()) for user in users(text).users]
    assert found == [("amy", HashKind.SHA, SHA), ("bob", HashKind.SHA, SHA), ("zoe", HashKind.BCRYPT, BCRYPT)]


def test_defaults_and_options() -> None:
    assert users(b"a:" + SHA).realm == "traefik"
    options = {"secret": "users", "realm": "r", "headerField": "X-User", "removeHeader": True}
    built = value("basicAuth", options, {"users": secret(u=b"a:" + SHA)})
    assert isinstance(built, BasicAuth)
    assert (built.realm, built.header_field, built.remove_header) == ("r", "x-user", True)


def test_a_secret_of_type_basic_auth() -> None:
    kubernetes = secret(type="kubernetes.io/basic-auth", username=b"admin", password=b"password")
    built = value("basicAuth", {"secret": "users"}, {"users": kubernetes})
    assert isinstance(built, BasicAuth)
    assert [(user.name, user.hash.reveal()) for user in built.users] == [("admin", SHA)]


@pytest.mark.parametrize(
    ("given", "reason", "words"),
    [
        (None, "SecretNotFound", "default/users does not exist"),
        (secret(), "SecretInvalid", "exactly one key, with htpasswd lines; it has none"),
        (secret(a=b"x", b=b"y"), "SecretInvalid", "it has 2: 'a, b'"),
        (secret(u=b"# nothing\n\n"), "SecretInvalid", "holds no user"),
        (secret(u=CANARY), "SecretInvalid", "line 1: is not name:hash"),
        (secret(u=b"\n:" + SHA), "SecretInvalid", "line 2: the name is empty"),
        (secret(u=b"\xff:" + SHA), "SecretInvalid", "not UTF-8"),
        (secret(u=b"a:" + CANARY), "SecretInvalid", "line 1: no hash but plain text"),
        (secret(u=b"a:$2y$05$" + CANARY), "SecretInvalid", "bcrypt hash that is cut off"),
        (secret(u=b"a:$2y$31$" + b"a" * 53), "SecretInvalid", "bcrypt cost 31"),
        (secret(u=b"a:$apr1$" + CANARY), "SecretInvalid", "apr1 hash that is cut off"),
        (secret(u=b"a:{SHA}" + CANARY), "SecretInvalid", "{SHA} hash that is cut off"),
        (secret(u=b"a:$6$s$" + CANARY), "SecretInvalid", "SHA-512"),
        (secret(u=b"a:$argon2id$" + CANARY), "SecretInvalid", "argon2"),
        (secret(u=b"a:$y$" + CANARY), "SecretInvalid", "unknown kind"),
        (secret(type="kubernetes.io/basic-auth", username=b"a"), "SecretInvalid", "username and password"),
        (secret(type="kubernetes.io/basic-auth", username=b"a:b", password=CANARY), "SecretInvalid", "colon"),
    ],
)
def test_unusable_secrets(given: Secret | None, reason: str, words: str) -> None:
    secrets = {} if given is None else {"users": given}
    built, problems = attempt({"basicAuth": {"secret": "users"}}, secrets)
    assert built is None
    assert [(problem.field, problem.reason) for problem in problems] == [("spec.basicAuth.secret", reason)]
    assert words in problems[0].message
    assert CANARY.decode() not in str(problems)


def test_a_bad_line_costs_only_itself() -> None:
    given = {"users": secret(u=b"good:" + SHA + b"\nbad:" + CANARY + b"\n")}
    built, problems = attempt({"basicAuth": {"secret": "users"}}, given)
    assert isinstance(built, BasicAuth)
    assert [user.name for user in built.users] == ["good"]
    assert [(problem.severity, problem.reason) for problem in problems] == [(Severity.WARNING, "SecretInvalid")]
    assert "line 2" in problems[0].message
    assert CANARY.decode() not in str(problems)


@pytest.mark.parametrize(
    ("options", "field", "reason"),
    [
        ({}, "spec.basicAuth.secret", "MissingField"),
        ({"secret": "users", "headerField": "a b"}, "spec.basicAuth.headerField", "InvalidValue"),
        ({"secret": "users", "headerField": "Host"}, "spec.basicAuth.headerField", "InvalidValue"),
        ({"secret": "users", "realm": "a\nb"}, "spec.basicAuth.realm", "InvalidValue"),
    ],
)
def test_mistakes_in_options(options: dict[str, str], field: str, reason: str) -> None:
    built, problems = attempt({"basicAuth": options}, {"users": secret(u=b"a:" + SHA)})
    assert built is None
    assert [(problem.field, problem.reason) for problem in problems] == [(field, reason)]


def test_hashes_are_not_printed() -> None:
    assert "W6ph5" not in repr(users(b"a:" + SHA))
