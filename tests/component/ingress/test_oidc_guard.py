"""Logins as time goes by: sessions end, are renewed, and keys rotate. A provider stand-in, and a clock of ours."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from hearthgate.ingress.auth.wire import Answer, Request
from hearthgate.ingress.guards.oidc.login import Guard
from hearthgate.ingress.middlewares.plugins.oidc import Oidc
from tests.component.ingress import openid_provider
from tests.component.ingress.openid_provider import CLIENT, SECRET, Key, Provider
from tests.unit.ingress.middleware_values import secret, value


@pytest.fixture
def provider() -> Iterator[Provider]:
    with openid_provider.running() as running:
        yield running


class Time:
    """Monotonic and since 1970 alike. The provider's tokens say when they end by the true clock."""

    def __init__(self, start: float) -> None:
        self.now = start

    def __call__(self) -> float:
        return self.now


def run(provider: Provider, story: Callable[["Visitor", Time], Awaitable[None]], **options: Any) -> None:
    async def main() -> None:
        clock = Time(1_000_000.0)  # long ago: tokens that the provider makes now are still good
        made = value(
            "plugin",
            {
                "oidc": {
                    "providerUrl": provider.issuer,
                    "clientId": CLIENT,
                    "clientSecret": "urn:k8s:secret:users:key",
                    **options,
                }
            },
            {"users": secret(key=SECRET.encode())},
        )
        assert isinstance(made, Oidc)
        guard = Guard(made, changed=lambda: None, now=clock, clock=clock)
        try:
            await story(Visitor(guard), clock)
        finally:
            await guard.provider.close()

    asyncio.run(main())


class Visitor:
    def __init__(self, guard: Guard) -> None:
        self.guard = guard
        self.cookies: dict[str, str] = {}

    def with_cookies(self, cookies: dict[str, str]) -> "Visitor":
        self.cookies = dict(cookies)
        return self

    def another(self) -> "Visitor":
        """Another browser at the same guard."""
        return Visitor(self.guard)

    async def ask(self, target: str = "/", **more: str) -> Answer:
        cookie = "; ".join(f"{name}={text}" for name, text in self.cookies.items())
        headers = {"host": "a.test", "accept": "text/html", "cookie": cookie, "x-forwarded-proto": "https", **more}
        answer = await self.guard.answer(Request("GET", "", headers), target)
        for name, line in answer.headers:
            if name == "set-cookie":
                key, _, text = line.partition(";")[0].partition("=")
                self.cookies.pop(key, None) if "Max-Age=0" in line else self.cookies.update({key: text})
        return answer

    async def log_in(self, target: str = "/") -> Answer:
        sent = dict((await self.ask(target)).headers)
        query = {name: found[0] for name, found in parse_qs(urlsplit(sent["location"]).query).items()}
        code = f"code-{query['state']}"
        provider = PROVIDERS[query["client_id"]]
        provider.codes[code] = query
        return await self.ask(f"/oauth2/callback?code={code}&state={query['state']}")


PROVIDERS: dict[str, Provider] = {}


@pytest.fixture(autouse=True)
def _known(provider: Provider) -> None:
    provider.spoil = {"nbf": 0}
    PROVIDERS[CLIENT] = provider


def test_a_session_ends(provider: Provider) -> None:
    async def story(visitor: Visitor, clock: Time) -> None:
        assert (await visitor.log_in()).status == 302
        clock.now += 59
        assert (await visitor.ask()).status == 200
        clock.now += 2
        assert (await visitor.ask()).status == 302

    run(provider, story, sessionSeconds=60)


def test_a_session_is_renewed_once_for_all_requests_of_a_page(provider: Provider) -> None:
    async def story(visitor: Visitor, clock: Time) -> None:
        await visitor.log_in()
        old = dict(visitor.cookies)
        clock.now += 301
        answers = await asyncio.gather(*(Visitor(visitor.guard).with_cookies(old).ask() for _ in range(5)))
        assert [answer.status for answer in answers] == [200] * 5
        assert all("set-cookie" in dict(answer.headers) for answer in answers)
        assert provider.refreshes == 1
        assert (await visitor.ask()).status == 200  # the old cookie, a moment later
        assert provider.refreshes == 1
        clock.now += 301
        assert (await visitor.ask()).status == 200
        assert provider.refreshes == 2

    run(provider, story)


def test_who_may_no_longer_log_in_is_out_at_the_next_renewal(provider: Provider) -> None:
    async def story(visitor: Visitor, clock: Time) -> None:
        await visitor.log_in()
        clock.now += 301
        provider.user["groups"] = []
        assert (await visitor.ask()).status == 302

    provider.user["groups"] = ["admins"]
    run(provider, story, allowedGroups=["admins"])


def test_a_refused_renewal_is_a_new_login_and_another_user_is_none(provider: Provider) -> None:
    async def story(visitor: Visitor, clock: Time) -> None:
        await visitor.log_in()
        clock.now += 301
        provider.refuses_refresh = True
        assert (await visitor.ask()).status == 302
        provider.refuses_refresh = False
        await visitor.log_in()
        clock.now += 301
        provider.user["sub"] = "u2"
        assert (await visitor.ask()).status == 302

    run(provider, story)


def test_a_provider_that_is_away_at_a_renewal_ends_no_session(provider: Provider) -> None:
    async def story(visitor: Visitor, clock: Time) -> None:
        await visitor.log_in()
        clock.now += 301
        provider.down = True
        assert (await visitor.ask()).status == 503
        assert visitor.guard.fault
        provider.down = False
        assert (await visitor.ask()).status == 200
        assert not visitor.guard.fault

    run(provider, story)


def test_keys_rotate(provider: Provider) -> None:
    async def story(visitor: Visitor, clock: Time) -> None:
        assert (await visitor.log_in()).status == 302
        provider.key = Key("two", elliptic=True)
        assert (await visitor.another().log_in()).status == 403  # the keys were fetched a moment ago
        clock.now += 11
        assert (await visitor.another().log_in()).status == 302

    run(provider, story)


def test_a_login_answers_its_own_state_alone(provider: Provider) -> None:
    async def story(visitor: Visitor, _: Time) -> None:
        await visitor.ask()
        (sealed,) = visitor.cookies.values()
        sent = dict((await visitor.ask()).headers)
        visitor.cookies = dict.fromkeys(visitor.cookies, sealed)
        state = parse_qs(urlsplit(sent["location"]).query)["state"][0]
        assert (await visitor.ask(f"/oauth2/callback?code=a&state={state}")).status == 400

    run(provider, story)


def test_a_login_takes_ten_minutes_at_most(provider: Provider) -> None:
    async def story(visitor: Visitor, clock: Time) -> None:
        sent = dict((await visitor.ask()).headers)
        state = parse_qs(urlsplit(sent["location"]).query)["state"][0]
        clock.now += 601
        assert (await visitor.ask(f"/oauth2/callback?code=a&state={state}")).status == 400

    run(provider, story)


@pytest.mark.parametrize("target", ["//evil.example", "/\\evil.example", "http://evil.example", "/a b", "/\n"])
def test_it_leads_nowhere_else(provider: Provider, target: str) -> None:
    async def story(visitor: Visitor, _: Time) -> None:
        assert dict((await visitor.log_in(target)).headers)["location"] == "/"

    run(provider, story)


def test_a_session_too_long_for_a_cookie_goes_without_renewal(provider: Provider) -> None:
    async def story(visitor: Visitor, _: Time) -> None:
        await visitor.log_in()
        assert all(len(text) < 4000 for text in visitor.cookies.values())
        assert dict((await visitor.ask()).headers)["x-forwarded-groups"] == "admins"

    provider.user["groups"] = [*(f"group-{number}" for number in range(900)), "admins"]
    run(provider, story, allowedGroups=["admins"])


def test_secrets_do_not_show(provider: Provider) -> None:
    async def story(visitor: Visitor, _: Time) -> None:
        assert SECRET not in repr(visitor.guard.middleware)
        assert SECRET not in str(msgspec.structs.asdict(visitor.guard.middleware))

    run(provider, story)
