"""Which Challenges an Order gets, and whose turn it is."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from hearthgate.certificates.acme.account_key import AccountKey
from hearthgate.certificates.acme.errors import AcmeProblem, Kind, Limited, NetworkTrouble, Rejected
from hearthgate.certificates.orders.names import derived_name, identifiers
from hearthgate.certificates.orders.planning import Plan, plan
from hearthgate.certificates.orders.trouble import LIMITED_FOR, trouble_of
from hearthgate.certificates.orders.turns import Turns
from hearthgate.cluster.snapshot import Collection
from hearthgate.resources.certmanager import Challenge, Order
from hearthgate.resources.certmanager.orders import OrderSpec
from hearthgate.resources.certmanager.solvers import Solver

KEY = AccountKey.generate()
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DNS = msgspec.convert({"dns01": {"rfc2136": {"nameserver": "192.0.2.1"}}}, Solver)
HTTP = msgspec.convert({"http01": {"ingress": {}}}, Solver)


def order(
    *names: str, state: str = "pending", initial: str = "pending", labels: Mapping[str, str] | None = None
) -> Order:
    authorizations = [
        {
            "url": f"https://ca.test/authz/{number}",
            "identifier": name.removeprefix("*."),
            "wildcard": name.startswith("*."),
            "initialState": initial,
            "challenges": [
                {"url": f"https://ca.test/{type_}/{number}", "token": f"token{number}", "type": type_}
                for type_ in ("http-01", "dns-01")
            ],
        }
        for number, name in enumerate(names)
    ]
    content = {
        "metadata": {"name": "web-1-7", "namespace": "default", "uid": "u", "labels": labels or {}},
        "spec": {"request": "", "issuerRef": {"name": "acme"}, "dnsNames": list(names)},
        "status": {"url": "https://ca.test/order/1", "state": state, "authorizations": authorizations},
    }
    return msgspec.convert(content, Order)


def made(found: Plan, state: str = "", **more: Any) -> list[Challenge]:
    """The Challenges that the plan creates, in this state."""
    status = {"state": state, **more}
    return [msgspec.convert({**content, "status": status}, Challenge) for content in found.create]


class TestPlan:
    def test_a_domain_and_its_wildcard_have_a_challenge_each(self) -> None:
        found = plan(order("a.test", "*.a.test"), [DNS], KEY, ())
        first, second = (content["spec"] for content in found.create)
        assert (first["dnsName"], first["wildcard"]) == ("a.test", False)
        assert (second["dnsName"], second["wildcard"]) == ("a.test", True)
        assert first["key"] != second["key"]
        assert len(first["key"]) == 43  # a digest of SHA-256 in base64url
        assert len({content["metadata"]["name"] for content in found.create}) == 2
        assert not found.settled

    def test_labels_come_along_but_for_the_mark_of_a_folder(self) -> None:
        """A Challenge with that mark would be taken for an object that left the folder, and deleted."""
        labels = {"team": "infra", "app.kubernetes.io/managed-by": "hearthgate-folder"}
        (challenge,) = made(plan(order("a.test", labels=labels), [DNS], KEY, ()))
        assert challenge.metadata.labels == {"team": "infra"}

    def test_the_key_of_http_is_the_key_authorization(self) -> None:
        (content,) = plan(order("a.test"), [HTTP], KEY, ()).create
        assert content["spec"]["key"] == f"token0.{KEY.thumbprint}"
        assert content["spec"]["type"] == "HTTP-01"
        assert content["spec"]["solver"] == {"http01": {"ingress": {}}}

    def test_the_same_comes_out_again(self) -> None:
        found = plan(order("a.test", "b.test"), [DNS], KEY, ())
        again = plan(order("a.test", "b.test"), [DNS], KEY, made(found))
        assert (again.create, again.surplus, again.settled) == ((), (), False)

    def test_what_is_proved_already_needs_none(self) -> None:
        found = plan(order("a.test", initial="valid"), [DNS], KEY, ())
        assert (found.create, found.settled) == ((), True)

    def test_all_decided(self) -> None:
        wanted = order("a.test", "b.test")
        assert plan(wanted, [DNS], KEY, made(plan(wanted, [DNS], KEY, ()), "valid")).settled

    def test_one_that_failed_decides_it_all(self) -> None:
        wanted = order("a.test", "b.test")
        failed, _ = made(plan(wanted, [DNS], KEY, ()), "invalid")
        assert plan(wanted, [DNS], KEY, [failed]).settled

    def test_another_solver_makes_others(self) -> None:
        wanted = order("a.test", "b.test")
        present = made(plan(wanted, [DNS], KEY, ()))
        found = plan(wanted, [HTTP], KEY, present)
        assert len(found.create) == 2
        assert found.surplus == tuple(present)

    def test_another_solver_changes_nothing_about_what_is_decided(self) -> None:
        wanted = order("a.test")
        present = made(plan(wanted, [DNS], KEY, ()), "valid")
        found = plan(wanted, [HTTP], KEY, present)
        assert (found.create, found.surplus, found.settled) == ((), (), True)

    def test_stuck(self) -> None:
        found = plan(order("a.test"), [], KEY, ())
        assert (found.create, found.settled) == ((), False)
        assert "no solver" in found.stuck[0]


class TestTurns:
    def challenge(self, name: str, *, type_: str = "DNS-01", running: bool = False, state: str = "") -> Challenge:
        content = {
            "metadata": {
                "name": name,
                "namespace": "default",
                "uid": name,
                "creationTimestamp": f"2026-01-0{name}",
            },
            "spec": {
                "url": "u",
                "authorizationURL": "a",
                "dnsName": "a.test",
                "type": type_,
                "token": "t",
                "key": "k",
                "solver": {},
                "issuerRef": {"name": "acme"},
            },
            "status": {"processing": running, "state": state},
        }
        return msgspec.convert(content, Challenge)

    def turns(self, *challenges: Challenge) -> Turns:
        found = Turns()
        self.show(found, challenges)
        return found

    def show(self, turns: Turns, challenges: Iterable[Challenge]) -> None:
        turns.follow(Collection({challenge.key: challenge for challenge in challenges}))

    def test_so_many_at_a_time(self) -> None:
        one, two, three = (self.challenge(name) for name in "123")
        turns = self.turns(one, two, three)
        assert [turns.take(challenge, 2) for challenge in (one, two, three)] == [True, True, False]

    def test_who_runs_goes_on(self) -> None:
        running = self.challenge("1", running=True)
        turns = self.turns(running, self.challenge("2", running=True))
        assert turns.take(running, 1)

    def test_a_snapshot_that_lags_frees_nothing(self) -> None:
        one, two = self.challenge("1"), self.challenge("2")
        turns = self.turns(one, two)
        assert turns.take(one, 1)
        self.show(turns, [one, two])
        assert not turns.take(two, 1)

    def test_who_is_decided_makes_room_for_the_oldest(self) -> None:
        done = self.challenge("9", state="valid")
        two, one = self.challenge("2"), self.challenge("1")
        turns = self.turns(done, two, one)
        assert list(turns.next(done, 1)) == [one.key]
        assert turns.take(one, 1)

    def test_who_is_gone_makes_room(self) -> None:
        one, two = self.challenge("1"), self.challenge("2")
        turns = self.turns(one, two)
        assert turns.take(one, 1)
        self.show(turns, [two])
        assert turns.take(two, 1)

    def test_one_handshake_for_each_host(self) -> None:
        """A server can show one certificate for a name (RFC 8737)."""
        one, two = self.challenge("1", type_="TLS-ALPN-01"), self.challenge("2", type_="TLS-ALPN-01")
        turns = self.turns(one, two)
        assert [turns.take(one, 60), turns.take(two, 60)] == [True, False]
        done = self.challenge("1", type_="TLS-ALPN-01", state="valid")
        self.show(turns, [done, two])
        assert two.key in turns.next(done, 60)
        assert turns.take(two, 60)


class TestNames:
    def test_derived(self) -> None:
        name = derived_name("a" * 80, {"b": 1, "a": 2})
        assert name == derived_name("a" * 80, {"a": 2, "b": 1})
        assert name != derived_name("a" * 80, {"a": 2, "b": 2})
        assert len(name) <= 63

    def test_identifiers_are_sorted_and_unique(self) -> None:
        spec = {
            "request": "",
            "issuerRef": {"name": "acme"},
            "commonName": "B.test",
            "dnsNames": ["b.test", "*.a.test", "b.test"],
            "ipAddresses": ["2001:DB8::1"],
        }
        assert identifiers(msgspec.convert(spec, OrderSpec)) == ("*.a.test", "2001:db8::1", "b.test")

    def test_a_common_name_that_is_no_host_is_not_ordered(self) -> None:
        spec = {"request": "", "issuerRef": {"name": "acme"}, "commonName": "My CA", "dnsNames": ["a.test"]}
        assert identifiers(msgspec.convert(spec, OrderSpec)) == ("a.test",)


class TestTrouble:
    def rejected(self, kind: Kind) -> Rejected:
        return Rejected(AcmeProblem(detail="no"), asked="newOrder at ca.test", kind=kind, status=400)

    def test_a_network_that_fails_ends_nothing(self) -> None:
        found = trouble_of(NetworkTrouble("no answer in time"), NOW)
        assert (found.state, found.after, found.words) == ("", None, "no answer in time")

    def test_a_limit_says_until_when(self) -> None:
        error = Limited(
            AcmeProblem(detail="slow down"), asked="x", kind=Kind.RATE_LIMITED, status=429, retry_after=90.0
        )
        found = trouble_of(error, NOW)
        assert (found.state, found.after) == ("", 90.0)
        assert found.words.endswith("tried again at 2026-03-01T12:01:30Z")

    def test_a_limit_without_a_time_is_not_tried_every_minute(self) -> None:
        error = Limited(AcmeProblem(), asked="x", kind=Kind.RATE_LIMITED, status=429)
        assert trouble_of(error, NOW).after == LIMITED_FOR

    def test_verdicts(self) -> None:
        assert trouble_of(self.rejected(Kind.NAME_REFUSED), NOW).state == "errored"
        assert trouble_of(self.rejected(Kind.GONE), NOW).state == "expired"
        missing = trouble_of(self.rejected(Kind.ACCOUNT_MISSING), NOW)
        assert (missing.state, missing.account_gone) == ("", True)
