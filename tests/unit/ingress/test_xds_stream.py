"""The stream's state machine, with both sides of the protocol played out in plain values."""

from typing import Any, NamedTuple

import pytest

from hearthgate.ingress.envoy.schema import message
from hearthgate.ingress.proxy.descriptors import ensure_schema
from hearthgate.ingress.xds.resources import CLUSTER, ENDPOINT, LISTENER, ROUTE, SECRET, Versioned, versioned
from hearthgate.ingress.xds.stream import Reaction, Refused, Stream, Verdict
from hearthgate.ingress.xds.view import View
from hearthgate.ingress.xds.wire import Request

ensure_schema()
ONE, TWO, THREE = versioned(b"1"), versioned(b"2"), versioned(b"3")


class Sent(NamedTuple):
    nonce: str
    type_url: str
    resources: dict[str, str]
    removed: list[str]


def read(data: bytes) -> Sent:
    parsed = message("envoy.service.discovery.v3.DeltaDiscoveryResponse").FromString(data)
    versions = {resource.name: resource.version for resource in parsed.resources}
    return Sent(parsed.nonce, parsed.type_url, versions, list(parsed.removed_resources))


class Lab:
    """A view, a stream on it, and shorthand for what a client says."""

    def __init__(self, secrets: dict[str, Versioned] | None = None, *, limit: int = 3) -> None:
        self.secrets = secrets or {}
        self.view = View(self.secrets.get, lambda name: name.startswith("known"))
        self.stream = Stream(self.view, on_demand_limit=limit)

    def says(self, type_url: str, **fields: Any) -> tuple[list[Sent], Reaction]:
        reaction = self.stream.receive(Request(type_url, **fields))
        return list(map(read, reaction.responses)), reaction

    def sent(self, type_url: str, **fields: Any) -> list[Sent]:
        return self.says(type_url, **fields)[0]

    def pushed(self, type_url: str, *names: str) -> list[Sent]:
        return list(map(read, self.stream.push(type_url, names)))


def test_first_wildcard_request_is_answered_with_everything() -> None:
    lab = Lab()
    lab.view.replace(CLUSTER, {"b": TWO, "a": ONE})
    assert lab.sent(CLUSTER) == [Sent("1", CLUSTER, {"a": ONE.version, "b": TWO.version}, [])]


def test_first_wildcard_request_is_answered_even_with_nothing() -> None:
    assert Lab().sent(LISTENER) == [Sent("1", LISTENER, {}, [])]


@pytest.mark.parametrize("names", [(), ("*",)], ids=["legacy", "star"])
def test_wildcard_is_told_of_changes_and_removals(names: tuple[str, ...]) -> None:
    lab = Lab()
    lab.view.replace(CLUSTER, {"a": ONE, "b": ONE})
    lab.sent(CLUSTER, subscribe=names)
    lab.view.replace(CLUSTER, {"a": TWO, "c": ONE})
    assert lab.pushed(CLUSTER, "a", "b", "c") == [Sent("2", CLUSTER, {"a": TWO.version, "c": ONE.version}, ["b"])]
    assert lab.pushed(CLUSTER, "a", "b", "c") == [], "nothing is sent twice"


def test_names_are_told_of_themselves_only() -> None:
    lab = Lab()
    lab.view.replace(ROUTE, {"a": ONE, "b": ONE})
    assert lab.sent(ROUTE, subscribe=("a",)) == [Sent("1", ROUTE, {"a": ONE.version}, [])]
    lab.view.replace(ROUTE, {"a": TWO, "b": TWO})
    assert lab.pushed(ROUTE, "a", "b") == [Sent("2", ROUTE, {"a": TWO.version}, [])]
    lab.sent(ROUTE, unsubscribe=("a",))
    lab.view.replace(ROUTE, {"a": THREE})
    assert lab.pushed(ROUTE, "a") == []


def test_unknown_name_is_answered_as_removed_at_once_and_sent_when_it_appears() -> None:
    lab = Lab()
    assert lab.sent(ENDPOINT, subscribe=("a",)) == [Sent("1", ENDPOINT, {}, ["a"])]
    lab.view.replace(ENDPOINT, {"a": ONE})
    assert lab.pushed(ENDPOINT, "a") == [Sent("2", ENDPOINT, {"a": ONE.version}, [])]


def test_name_that_is_subscribed_again_is_answered_again() -> None:
    lab = Lab()
    lab.view.replace(ENDPOINT, {"a": ONE})
    first = lab.sent(ENDPOINT, subscribe=("a",))
    again = lab.sent(ENDPOINT, subscribe=("a",))
    assert [sent.resources for sent in (*first, *again)] == [{"a": ONE.version}] * 2


def test_cluster_that_changes_is_followed_by_its_endpoints() -> None:
    lab = Lab()
    lab.view.replace(CLUSTER, {"a": ONE, "b": ONE})
    lab.view.replace(ENDPOINT, {"a": ONE, "b": ONE, "c": ONE})
    lab.sent(CLUSTER)
    lab.sent(ENDPOINT, subscribe=("a", "b"))
    lab.view.replace(CLUSTER, {"a": TWO, "b": ONE, "c": ONE})
    assert lab.pushed(CLUSTER, "a", "b", "c") == [
        Sent("3", CLUSTER, {"a": TWO.version, "c": ONE.version}, []),
        Sent("4", ENDPOINT, {"a": ONE.version}, []),
    ]


def test_returning_client_is_left_to_be_brought_up_to_date() -> None:
    lab = Lab()
    lab.view.replace(CLUSTER, {"same": ONE, "changed": TWO, "new": ONE})
    sent, reaction = lab.says(CLUSTER, held={"same": ONE.version, "changed": ONE.version, "gone": ONE.version})
    assert sent == []
    assert reaction.started
    assert list(map(read, lab.stream.push_all(CLUSTER))) == [
        Sent("1", CLUSTER, {"changed": TWO.version, "new": ONE.version}, [])
    ]
    assert lab.stream.excess(CLUSTER) == ("gone",)
    assert lab.pushed(CLUSTER, "gone") == [Sent("2", CLUSTER, {}, ["gone"])]


def test_returning_client_with_everything_is_sent_nothing() -> None:
    lab = Lab()
    lab.view.replace(CLUSTER, {"a": ONE})
    lab.view.replace(ROUTE, {"r": ONE})
    lab.sent(CLUSTER, held={"a": ONE.version})
    lab.sent(ROUTE, subscribe=("r",), held={"r": ONE.version})
    assert lab.stream.push_all(CLUSTER) == ()
    assert lab.stream.push_all(ROUTE) == ()
    assert lab.stream.up_to_date(CLUSTER)
    assert lab.stream.up_to_date(ROUTE)


def test_returning_client_that_waits_for_a_name_gets_its_answer() -> None:
    lab = Lab()
    lab.view.replace(ENDPOINT, {"a": ONE})
    lab.sent(ENDPOINT, subscribe=("a", "missing"), held={"a": ONE.version})
    assert list(map(read, lab.stream.push_all(ENDPOINT))) == [Sent("1", ENDPOINT, {}, ["missing"])]


def test_confirmation_is_awaited_and_reported() -> None:
    lab = Lab()
    lab.view.replace(CLUSTER, {"a": ONE})
    lab.sent(CLUSTER)
    assert lab.stream.waiting((CLUSTER, ENDPOINT))
    assert not lab.stream.waiting((ENDPOINT,))
    assert not lab.stream.up_to_date(CLUSTER)
    _, reaction = lab.says(CLUSTER, nonce="1")
    assert reaction.verdict == Verdict(CLUSTER, {"a": ONE.version})
    assert not lab.stream.waiting((CLUSTER,))
    assert lab.stream.up_to_date(CLUSTER)


@pytest.mark.parametrize("nonce", ["1", "99"], ids=["twice", "invented"])
def test_unexpected_nonces_mean_nothing(nonce: str) -> None:
    lab = Lab()
    lab.sent(CLUSTER)
    lab.sent(CLUSTER, nonce="1")
    assert lab.says(CLUSTER, nonce=nonce, error="no") == ([], Reaction())


def test_waiting_ends_when_given_up_and_a_late_confirmation_still_counts() -> None:
    lab = Lab()
    lab.view.replace(CLUSTER, {"a": ONE})
    lab.sent(CLUSTER)
    assert lab.stream.give_up((CLUSTER, ROUTE)) == {CLUSTER}
    assert not lab.stream.waiting((CLUSTER,))
    assert not lab.stream.up_to_date(CLUSTER)
    lab.sent(CLUSTER, nonce="1")
    assert lab.stream.up_to_date(CLUSTER)


def test_named_culprits_are_refused_and_the_rest_counts_as_taken() -> None:
    lab = Lab()
    lab.view.replace(CLUSTER, {"a": ONE, "aa": ONE, "b.c": TWO, "d": ONE})
    lab.sent(CLUSTER)
    error = "Error adding/updating cluster(s) aa: no, with d in it, b.c: neither"
    sent, reaction = lab.says(CLUSTER, nonce="1", error=error)
    assert sent == []
    assert reaction.verdict == Verdict(
        CLUSTER,
        {"a": ONE.version, "d": ONE.version},
        (Refused("aa", ONE.version, error), Refused("b.c", TWO.version, error)),
    )
    assert lab.pushed(CLUSTER, "a", "d") == []


def test_unnamed_culprit_is_found_by_halving() -> None:
    lab = Lab()
    names = [f"cluster-{number}" for number in range(16)]
    lab.view.replace(CLUSTER, dict.fromkeys(names, ONE))
    open_responses = lab.sent(CLUSTER)
    refused: list[str] = []
    taken: list[str] = []
    rounds = 0
    while open_responses:
        rounds += 1
        response = open_responses.pop()
        error = "constraint" if "cluster-11" in response.resources else None
        more, reaction = lab.says(CLUSTER, nonce=response.nonce, error=error)
        open_responses += more
        if reaction.verdict is not None:
            refused += [entry.name for entry in reaction.verdict.refused]
            taken += reaction.verdict.accepted
    assert refused == ["cluster-11"]
    assert sorted(taken) == sorted(set(names) - {"cluster-11"})
    assert rounds == 9, "two for each halving of 16, and the first"


def test_refused_resource_is_removed_or_put_back() -> None:
    lab = Lab()
    lab.view.replace(ROUTE, {"r": ONE})
    lab.sent(ROUTE, subscribe=("r",))
    lab.sent(ROUTE, nonce="1")
    lab.view.accept(ROUTE, {"r": ONE.version})
    lab.view.replace(ROUTE, {"r": TWO})
    lab.pushed(ROUTE, "r")
    _, reaction = lab.says(ROUTE, nonce="2", error="bad regex")
    assert reaction.verdict is not None
    lab.view.refuse(ROUTE, *reaction.verdict.refused[0])
    assert lab.pushed(ROUTE, "r") == [Sent("3", ROUTE, {"r": ONE.version}, [])]


def test_late_refusal_of_what_was_replaced_does_not_send_it_again() -> None:
    lab = Lab()
    lab.view.replace(ROUTE, {"r": ONE, "s": ONE})
    lab.sent(ROUTE, subscribe=("r", "s"))
    lab.view.replace(ROUTE, {"r": TWO, "s": TWO})
    lab.pushed(ROUTE, "r", "s")
    assert lab.sent(ROUTE, nonce="1", error="bad") == []
    assert lab.pushed(ROUTE, "r", "s") == []


def test_revert_takes_back_what_is_unconfirmed() -> None:
    lab = Lab()
    lab.view.replace(CLUSTER, {"a": ONE})
    lab.view.replace(ENDPOINT, {"a": ONE})
    lab.sent(CLUSTER)
    lab.sent(CLUSTER, nonce="1")
    lab.sent(ENDPOINT, subscribe=("a",))
    lab.view.accept(CLUSTER, {"a": ONE.version})
    lab.view.replace(CLUSTER, {"a": TWO, "b": ONE})
    lab.pushed(CLUSTER, "a", "b")
    assert lab.stream.unconfirmed(CLUSTER) == {"a", "b"}
    reverted = list(map(read, lab.stream.revert(CLUSTER)))
    assert [(sent.type_url, sent.resources, sent.removed) for sent in reverted] == [
        (CLUSTER, {"a": ONE.version}, ["b"]),
        (ENDPOINT, {"a": ONE.version}, []),
    ]
    again = list(map(read, lab.stream.push_all(CLUSTER)))
    assert [sent.resources for sent in again if sent.type_url == CLUSTER] == [{"a": TWO.version, "b": ONE.version}]


def test_secrets_on_demand_are_bounded_and_the_oldest_goes() -> None:
    lab = Lab({**dict.fromkeys("abcde", ONE), "known": TWO})
    lab.view.replace(SECRET, {"fixed": TWO})
    lab.sent(SECRET, subscribe=("fixed", "known"))
    for name in "abc":
        assert [sent.removed for sent in lab.sent(SECRET, subscribe=(name,))] == [[]]
    assert [(sent.resources, sent.removed) for sent in lab.sent(SECRET, subscribe=("d",))] == [
        ({"d": ONE.version}, ["a"])
    ]
    lab.sent(SECRET, subscribe=("b",))
    assert [sent.removed for sent in lab.sent(SECRET, subscribe=("e",))] == [["c"]], "b was asked for since"
    assert lab.stream.subscribed(SECRET) == ("b", "d", "e", "fixed", "known")


def test_refused_names_are_bounded_too_and_forgotten_silently() -> None:
    lab = Lab()
    for number in range(10):
        name = f"refused-{number}"
        assert [sent.removed for sent in lab.sent(SECRET, subscribe=(name,))] == [[name]]
    assert lab.stream.subscribed(SECRET) == ("refused-7", "refused-8", "refused-9")


def test_more_names_at_once_than_the_bound_are_not_sent_to_be_removed() -> None:
    lab = Lab(dict.fromkeys("abcde", ONE))
    (sent,) = lab.sent(SECRET, subscribe=tuple("abcde"))
    assert sent.resources == dict.fromkeys("cde", ONE.version)
    assert sent.removed == ["a", "b"]


def test_renewed_secrets_are_sent_to_those_that_hold_the_old_one() -> None:
    lab = Lab({"a": ONE, "b": ONE})
    lab.sent(SECRET, subscribe=("a", "b"))
    lab.secrets["b"] = TWO
    assert lab.pushed(SECRET, *lab.stream.subscribed(SECRET)) == [Sent("2", SECRET, {"b": TWO.version}, [])]
    del lab.secrets["a"]
    assert lab.pushed(SECRET, *lab.stream.subscribed(SECRET)) == [Sent("3", SECRET, {}, ["a"])]


@pytest.mark.parametrize(
    ("type_url", "wanted", "expected"),
    [(CLUSTER, {}, False), (LISTENER, {}, False), (ROUTE, {}, True), (ROUTE, {"r": ONE}, False)],
    ids=["clusters not asked for", "listeners not asked for", "no routes wanted", "routes wanted, not asked for"],
)
def test_types_that_were_not_asked_for(type_url: str, wanted: dict[str, Versioned], expected: bool) -> None:
    lab = Lab()
    lab.view.replace(type_url, wanted)
    assert lab.stream.up_to_date(type_url) is expected
    assert lab.pushed(type_url, "r") == []
