"""ipAllowList and basicAuth, asked of a real Envoy with the auth service, and what happens without it."""

import base64
import hashlib
from collections.abc import Iterator, Mapping

import bcrypt
import pytest

from hearthgate.ingress.auth.passwords import md5_crypt
from hearthgate.model.secret import SecretBytes
from hearthgate.resources.core import Secret
from hearthgate.resources.meta import ObjectMeta
from tests.component.ingress.middleware_lab import Lab, Reply, Spec, lab


def secret(**values: bytes) -> Secret:
    return Secret(
        metadata=ObjectMeta(name="users", namespace="default"),
        string_data={key: SecretBytes(value) for key, value in values.items()},
    )


SHA = b"{SHA}" + base64.b64encode(hashlib.sha1(b"sha-pass").digest())
SECRETS = {
    "mixed": secret(
        users=b"\n".join(
            (
                b"# people",
                b"bcrypt:" + bcrypt.hashpw(b"bcrypt-pass", bcrypt.gensalt(4, prefix=b"2a")),
                b"apr1:" + md5_crypt(b"apr1-pass", b"saltsalt", b"$apr1$"),
                b"sha:" + SHA,
            )
        )
    ),
    "sha": secret(users=b"sha:" + SHA + b"\nother:" + SHA + b"\n"),
    "kubernetes": Secret(
        type="kubernetes.io/basic-auth",
        metadata=ObjectMeta(name="kubernetes", namespace="default"),
        string_data={"username": SecretBytes(b"admin"), "password": SecretBytes(b"p:w")},
    ),
}
FRAME: Spec = ("headers", {"frameDeny": True, "customResponseHeaders": {"X-Mine": "1"}})
NOBODY: Spec = ("ipAllowList", {"sourceRange": ["203.0.113.0/24"]})
LOOPBACK: Spec = ("ipAllowList", {"sourceRange": ["127.0.0.0/8", "::1"]})
DEPTH: Spec = (
    "ipAllowList",
    {"sourceRange": ["10.0.0.0/8", "fd00::/64"], "ipStrategy": {"depth": 2, "ipv6Subnet": 64}},
)
MIXED: Spec = ("basicAuth", {"secret": "mixed"})
OWN: Spec = ("basicAuth", {"secret": "sha"})
FIELD = {"headerField": "X-User", "removeHeader": True}
CROSS: Spec = ("headers", {"accessControlAllowOriginList": ["https://a.test"], "addVaryHeader": True})
GO: Spec = ("redirectRegex", {"regex": "^http://([^/]+)/go$", "replacement": "http://$1/gone"})
CASES: dict[str, list[Spec]] = {
    "loopback": [LOOPBACK],
    "nobody": [NOBODY],
    "teapot": [("ipAllowList", {"sourceRange": ["203.0.113.0/24"], "rejectStatusCode": 404})],
    "white": [("ipWhiteList", {"sourceRange": ["203.0.113.0/24"]})],
    "both": [LOOPBACK, NOBODY],
    "depth": [
        ("ipAllowList", {"sourceRange": ["10.0.0.0/8", "fd00::/64"], "ipStrategy": {"depth": 2, "ipv6Subnet": 64}})
    ],
    "excluded": [
        (
            "ipAllowList",
            {
                "sourceRange": ["10.0.0.1"],
                "rejectStatusCode": 418,
                "ipStrategy": {"excludedIPs": ["192.168.0.0/16"]},
            },
        )
    ],
    "headers-ip": [FRAME, NOBODY],
    "ip-headers": [NOBODY, FRAME],
    "mixed": [MIXED],
    "own": [OWN],
    "kubernetes": [("basicAuth", {"secret": "kubernetes", "realm": 'a "realm"'})],
    "mixed-field": [
        ("basicAuth", {"secret": "mixed", "headerField": "X-User", "removeHeader": True, "realm": 'a "r"'})
    ],
    "own-field": [("basicAuth", {"secret": "sha", "headerField": "X-User", "removeHeader": True})],
    "mixed-go": [MIXED, GO],
    "go-mixed": [GO, MIXED],
    "mixed-https": [MIXED, ("redirectScheme", {"scheme": "https"})],
    "mixed-headers": [MIXED, FRAME],
    "own-headers": [
        OWN,
        FRAME,
        ("headers", {"accessControlAllowOriginList": ["https://a.test"], "addVaryHeader": True}),
    ],
    "headers-mixed": [FRAME, MIXED],
    "mixed-nobody": [MIXED, NOBODY],
    "forwarded-headers": [
        ("ipAllowList", {"sourceRange": ["10.0.0.1"], "ipStrategy": {"depth": 1}}),
        FRAME,
    ],
}


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("access"), CASES, SECRETS) as running:
        yield running


def login(name: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def is_refused(reply: Reply, status: int, body: bytes) -> bool:
    return (reply.status, reply.body, reply.seen) == (status, body, None)


def test_addresses_of_peers(proxy: Lab) -> None:
    assert proxy.ask("loopback").status == 200
    assert is_refused(proxy.ask("nobody"), 403, b"Forbidden")
    assert is_refused(proxy.ask("teapot"), 404, b"Not Found")
    assert is_refused(proxy.ask("white"), 403, b"Forbidden")
    assert is_refused(proxy.ask("both"), 403, b"Forbidden")


def test_a_header_does_not_change_the_peer(proxy: Lab) -> None:
    headers = {"X-Forwarded-For": "203.0.113.5", "X-Real-Ip": "203.0.113.5"}
    assert proxy.ask("nobody", scope="trusted", headers=headers).status == 403


@pytest.mark.parametrize(
    ("case", "forwarded", "status"),
    [
        ("depth", "10.1.2.3, 1.1.1.1", 200),
        ("depth", "9.9.9.9,10.1.2.3,1.1.1.1", 200),
        ("depth", "10.1.2.3, 9.9.9.9, 1.1.1.1", 403),
        ("depth", "10.1.2.3", 403),
        ("depth", None, 403),
        ("depth", "fd00::1:2:3:4, 1.1.1.1", 200),
        ("depth", "fd00:0:0:1::1, 1.1.1.1", 403),
        ("depth", "junk, 1.1.1.1", 403),
        ("excluded", "10.0.0.1, 192.168.1.1, 192.168.1.2", 200),
        ("excluded", "10.0.0.1, 8.8.8.8, 192.168.1.2", 418),
        ("excluded", "192.168.1.2", 418),
        ("excluded", None, 418),
    ],
)
def test_addresses_of_forwarded_clients(proxy: Lab, case: str, forwarded: str | None, status: int) -> None:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    assert proxy.ask(case, scope="trusted", headers=headers).status == status


def test_untrusted_clients_cannot_forward_an_address(proxy: Lab) -> None:
    assert is_refused(proxy.ask("depth", headers={"X-Forwarded-For": "10.1.2.3, 1.1.1.1"}), 403, b"Forbidden")


def test_several_forwarded_lines_count_as_one(proxy: Lab) -> None:
    lines = [("X-Forwarded-For", "10.1.2.3"), ("X-Forwarded-For", "1.1.1.1")]
    assert proxy.ask("depth", scope="trusted", headers=lines).status == 200


@pytest.mark.parametrize("user", ["bcrypt", "apr1", "sha"])
def test_each_kind_of_hash_lets_its_user_in(proxy: Lab, user: str) -> None:
    passed = proxy.ask("mixed", headers=login(user, f"{user}-pass"))
    assert passed.status == 200
    assert passed.sent("authorization") is not None
    assert proxy.ask("mixed", headers=login(user, f"{user}-pass2")).status == 401


@pytest.mark.parametrize("case", ["mixed", "own"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer abc"},
        {"Authorization": "Basic ???"},
        {"Authorization": "Basic " + base64.b64encode(b"no-colon").decode()},
        login("nobody", "x"),
        login("sha", ""),
        login("sha", "sha-pass "),
    ],
    ids=["none", "bearer", "broken", "no-colon", "unknown", "empty", "wrong"],
)
def test_everybody_else_is_asked_for_a_password(proxy: Lab, case: str, headers: Mapping[str, str]) -> None:
    reply = proxy.ask(case, headers=headers)
    assert is_refused(reply, 401, b"401 Unauthorized")
    assert reply.headers.get_all("www-authenticate") == ['Basic realm="traefik"']


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PROPFIND"])
def test_the_method_does_not_matter(proxy: Lab, method: str) -> None:
    assert proxy.ask("mixed", method=method).status == 401
    assert proxy.ask("mixed", method=method, headers=login("sha", "sha-pass")).status == 200


def test_a_basic_auth_secret_of_kubernetes(proxy: Lab) -> None:
    assert proxy.ask("kubernetes", headers=login("admin", "p:w")).status == 200
    reply = proxy.ask("kubernetes", headers=login("admin", "p"))
    assert (reply.status, reply.headers["www-authenticate"]) == (401, 'Basic realm="a \\"realm\\""')


@pytest.mark.parametrize("case", ["mixed-field", "own-field"])
def test_the_user_replaces_what_the_client_says(proxy: Lab, case: str) -> None:
    lies = [("X-User", "root"), ("x-user", "admin"), ("X_User", "root"), *login("sha", "sha-pass").items()]
    reply = proxy.ask(case, headers=lies)
    assert reply.sent("x-user") == "sha"
    assert reply.sent("x_user") is None
    assert reply.sent("authorization") is None


def test_realm_is_quoted(proxy: Lab) -> None:
    assert proxy.ask("mixed-field").headers["www-authenticate"] == 'Basic realm="a \\"r\\""'


def test_order_decides_who_answers_first(proxy: Lab) -> None:
    known = login("sha", "sha-pass")
    assert proxy.ask("mixed-go", "/go").status == 401
    assert proxy.ask("mixed-go", "/go", headers=known).headers["location"] == "http://mixed-go.test/gone"
    assert proxy.ask("go-mixed", "/go").status == 302
    assert proxy.ask("go-mixed", "/stay").status == 401
    assert proxy.ask("mixed-https").status == 401
    assert proxy.ask("mixed-https", headers=known).status == 302
    assert proxy.ask("mixed-nobody").status == 401
    assert proxy.ask("mixed-nobody", headers=known).status == 403


@pytest.mark.parametrize(
    ("case", "status", "marked"),
    [
        ("headers-ip", 403, True),
        ("ip-headers", 403, False),
        ("headers-mixed", 401, True),
        ("mixed-headers", 401, False),
        ("own-headers", 401, False),
        ("forwarded-headers", 403, False),
    ],
)
def test_only_what_stands_before_a_refusal_works_on_it(proxy: Lab, case: str, status: int, marked: bool) -> None:
    reply = proxy.ask(case, headers={"Origin": "https://a.test"})
    assert reply.status == status
    names = ("x-frame-options", "x-mine", "access-control-allow-origin", "vary")
    found = [reply.headers.get(name) for name in names]
    assert found == (["DENY", "1", None, None] if marked else [None] * 4)


def test_what_stands_behind_works_on_answers(proxy: Lab) -> None:
    reply = proxy.ask("own-headers", headers={"Origin": "https://a.test", **login("sha", "sha-pass")})
    names = ("x-frame-options", "x-mine", "access-control-allow-origin", "vary")
    assert [reply.headers.get(name) for name in names] == ["DENY", "1", "https://a.test", "Origin"]


def test_without_the_service_nobody_passes(tmp_path_factory: pytest.TempPathFactory) -> None:
    cases = {name: CASES[name] for name in ("mixed", "depth", "own")}
    with lab(tmp_path_factory.mktemp("down"), cases, SECRETS, auth=False) as alone:
        assert alone.ask("mixed", headers=login("sha", "sha-pass")).status == 503
        assert alone.ask("depth", scope="trusted", headers={"X-Forwarded-For": "10.0.0.1, 1.1.1.1"}).status == 503
        assert alone.ask("own", headers=login("sha", "sha-pass")).status == 200
