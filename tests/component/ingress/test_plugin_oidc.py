"""plugin.oidc on a real Envoy, with a tiny OpenID provider and a browser that keeps cookies."""

import http.client
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from hearthgate.model.secret import SecretBytes
from hearthgate.resources.core import Secret
from hearthgate.resources.meta import ObjectMeta
from tests.component.ingress import openid_provider
from tests.component.ingress.middleware_lab import Lab, Reply, Spec, lab
from tests.component.ingress.openid_provider import CLIENT, SECRET, Provider

PAGE = {"Accept": "text/html,application/xhtml+xml"}


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with openid_provider.running() as running:
        yield running


@pytest.fixture(scope="module")
def site(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    def oidc(**more: Any) -> list[Spec]:
        options = {
            "providerUrl": f"{provider.issuer}/",
            "clientId": CLIENT,
            "clientSecret": "urn:k8s:secret:login:secret",
        }
        return [("plugin", {"oidc": {**options, **more}})]

    cases = {
        "app": oidc(),
        "emails": oidc(allowedEmails=["Ada@example.org"]),
        "domains": oidc(allowedDomains=["@example.org"]),
        "groups": oidc(allowedGroups=["admins"], groupsClaim="roles", scopes=["openid", "roles"]),
        "paths": oidc(cookieName="c", redirectPath="/back", logoutPath="/bye", postLogoutPath="/left"),
        "unknown": oidc(clientId=CLIENT, sessionSeconds=61),
        "other": oidc(cookieSecret="another secret of cookies"),
    }
    secret = Secret(
        metadata=ObjectMeta(name="login", namespace="default"),
        string_data={"secret": SecretBytes(SECRET.encode())},
    )
    with lab(tmp_path_factory.mktemp("oidc"), cases, {"login": secret}) as running:
        yield running


@pytest.fixture(autouse=True)
def _usual(provider: Provider) -> None:
    provider.user = {"sub": "u1", "email": "ada@example.org", "preferred_username": "ada", "roles": ["users"]}
    provider.spoil, provider.down, provider.refuses_refresh, provider.expires_in = {}, False, False, 300


class Browser:
    """Keeps cookies and follows redirections, to the provider and back."""

    def __init__(self, site: Lab, case: str, host: str = "") -> None:
        self.site, self.case = site, case
        self.cookies: dict[str, str] = {}

    def ask(self, path: str, **headers: str) -> Reply:
        cookie = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        sent = {**PAGE, **(cookie if self.cookies else {}), **headers}
        reply = self.site.ask(self.case, path, headers=sent)
        for line in reply.headers.get_all("set-cookie") or ():
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
            if "Max-Age=0" in line:
                del self.cookies[name]
        return reply

    def log_in(self, path: str = "/") -> Reply:
        """The answer to the return from the provider."""
        return self.ask(self.at_provider(self.ask(path)))

    def at_provider(self, reply: Reply) -> str:
        """Where the provider sends the browser, without scheme and host."""
        assert reply.status == 302, (reply.status, reply.body)
        parts = urlsplit(reply.headers["location"])
        connection = http.client.HTTPConnection(parts.netloc, timeout=10)
        connection.request("GET", f"{parts.path}?{parts.query}")
        back = urlsplit(connection.getresponse().headers["location"])
        connection.close()
        return f"{back.path}?{back.query}"


def test_a_login(site: Lab, provider: Provider) -> None:
    browser = Browser(site, "app")
    sent = browser.ask("/deep/page?a=1&b=2")
    assert (sent.status, sent.seen, sent.headers["cache-control"]) == (302, None, "no-store")
    query = parse_qs(urlsplit(sent.headers["location"]).query)
    assert query["redirect_uri"] == ["http://app.test/oauth2/callback"]
    assert query["scope"] == ["openid profile email"]
    assert len(query["nonce"][0]) >= 43
    back = browser.ask(browser.at_provider(sent))
    assert (back.status, back.headers["location"]) == (302, "/deep/page?a=1&b=2")
    lines = back.headers.get_all("set-cookie") or []
    assert len(lines) == 2
    assert all("HttpOnly" in line and "SameSite=Lax" in line and "Path=/" in line for line in lines)
    assert list(browser.cookies) == ["hearthgate_session"]
    page = browser.ask("/deep/page", **{"X-Forwarded-User": "root", "X_Forwarded-Groups": "admins"})
    assert page.sent("x_forwarded-groups") is None
    assert (page.status, page.sent("x-forwarded-user"), page.sent("x-forwarded-groups")) == (200, "u1", None)
    assert page.sent("x-forwarded-email") == "ada@example.org"
    assert page.sent("x-forwarded-preferred-username") == "ada"
    assert page.headers["set-cookie"] is None


def test_cookies_of_https_are_secure(site: Lab) -> None:
    reply = site.ask("app", headers={**PAGE, "X-Forwarded-Proto": "https"}, scope="trusted")
    assert "Secure" in reply.headers["set-cookie"]
    assert "redirect_uri=https%3A%2F%2Fapp.test" in reply.headers["location"]


def test_what_is_no_page_is_told_no(site: Lab) -> None:
    for method, accept in (("POST", "text/html"), ("GET", "application/json")):
        reply = site.ask("app", method=method, headers={"Accept": accept})
        assert (reply.status, reply.seen) == (401, None)


@pytest.mark.parametrize(
    ("case", "user", "status"),
    [
        ("emails", {}, 302),
        ("emails", {"email": "eve@example.org"}, 403),
        ("emails", {"email_verified": False}, 403),
        ("domains", {"email": "eve@EXAMPLE.org"}, 302),
        ("domains", {"email": "eve@notexample.org"}, 403),
        ("domains", {"email": "example.org"}, 403),
        ("groups", {"roles": ["users", "admins"]}, 302),
        ("groups", {"roles": "admins"}, 302),
        ("groups", {"groups": ["admins"]}, 403),
    ],
)
def test_who_may_log_in(site: Lab, provider: Provider, case: str, user: Mapping[str, Any], status: int) -> None:
    provider.user.update(user)
    assert Browser(site, case).log_in().status == status


@pytest.mark.parametrize(
    "spoilt",
    [
        {"iss": "https://else.where"},
        {"aud": "another"},
        {"aud": ["another", "third"]},
        {"azp": "another"},
        {"exp": 1},
        {"exp": None},
        {"nbf": 4_000_000_000},
        {"nonce": "x"},
        {"sub": ""},
    ],
)
def test_tokens_that_are_not_for_us(site: Lab, provider: Provider, spoilt: Mapping[str, Any]) -> None:
    browser = Browser(site, "app")
    provider.spoil = dict(spoilt)
    reply = browser.log_in()
    assert (reply.status, reply.body) == (403, b"The login could not be verified.")
    assert browser.cookies == {}


def test_several_audiences(site: Lab, provider: Provider) -> None:
    provider.spoil = {"aud": ["another", CLIENT], "azp": CLIENT}
    assert Browser(site, "app").log_in().status == 302


def test_logins_of_others_and_old_ones(site: Lab) -> None:
    victim, attacker = Browser(site, "app"), Browser(site, "app")
    back = attacker.at_provider(attacker.ask("/"))
    assert victim.ask(back).status == 400  # no cookie of this login
    assert attacker.ask(back.replace("state=", "state=x")).status == 400
    assert attacker.ask(back).status == 302
    assert attacker.ask(back).status == 400  # a code is good once
    refused = attacker.ask("/oauth2/callback?error=access_denied&state=x")
    assert refused.status == 400


def test_cookies_of_others_and_changed_ones(site: Lab) -> None:
    browser = Browser(site, "app")
    browser.log_in()
    good = browser.cookies["hearthgate_session"]
    assert browser.ask("/").status == 200
    other = Browser(site, "other")
    other.cookies["hearthgate_session"] = good
    assert other.ask("/").status == 302  # sealed with another key
    browser.cookies["hearthgate_session"] = good[:-2] + ("AA" if good[-2:] != "AA" else "BB")
    assert browser.ask("/").status == 302
    browser.cookies["hearthgate_session"] = "nonsense"
    assert browser.ask("/").status == 302


def test_sessions_of_one_middleware_hold_for_those_who_may(site: Lab, provider: Provider) -> None:
    """One client at two sites shares sessions, but each site asks for its own users."""
    browser = Browser(site, "app")
    browser.log_in()
    groups = Browser(site, "groups")
    groups.cookies.update(browser.cookies)
    assert groups.ask("/").status == 302


def test_names_and_paths(site: Lab, provider: Provider) -> None:
    browser = Browser(site, "paths")
    sent = browser.ask("/x")
    assert "redirect_uri=http%3A%2F%2Fpaths.test%2Fback" in sent.headers["location"]
    browser.ask(browser.at_provider(sent))
    assert list(browser.cookies) == ["c"]
    assert browser.ask("/x").status == 200
    gone = browser.ask("/bye")
    where = f"{provider.issuer}/logout?client_id={CLIENT}&post_logout_redirect_uri=http%3A%2F%2Fpaths.test%2Fleft"
    assert (gone.status, gone.headers["location"]) == (302, where)
    assert browser.cookies == {}
    assert browser.ask("/x").status == 302


def test_without_a_provider(site: Lab, provider: Provider) -> None:
    browser = Browser(site, "app")
    browser.log_in()
    provider.down = True
    assert browser.ask("/").status == 200  # who is in stays in
    reply = Browser(site, "unknown").ask("/")
    assert (reply.status, reply.seen) == (503, None)
    told = [problem.message for problem in site.guards.problems()]
    assert any("cannot be asked: it answers with status 500" in message for message in told)
    provider.down = False
    assert Browser(site, "unknown").log_in().status == 302
    assert list(site.guards.problems()) == []
