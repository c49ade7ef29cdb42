"""Decisions of CrowdSec as they come and go."""

import pytest

from hearthgate.ingress.guards.decisions import Decisions, parse_changes, parse_decisions
from hearthgate.ingress.middlewares.ranges import Ranges
from hearthgate.model.errors import WireError

HOUR = 3600.0


def told(*new: tuple[str, str], deleted: tuple[str, ...] = ()) -> bytes:
    def one(value: str, duration: str) -> str:
        return f'{{"id":1,"type":"ban","scope":"Ip","value":"{value}","duration":"{duration}","origin":"x"}}'

    gone = ",".join(one(value, "-1s") for value in deleted) or ""
    come = ",".join(one(*pair) for pair in new)
    return f'{{"new":[{come}],"deleted":[{gone}]}}'.encode()


def test_decisions_come_and_go() -> None:
    decisions = Decisions()
    decisions.apply(parse_changes(told(("192.0.2.1", "1h"), ("192.0.2.2", "2h0m0.5s"))), 0.0, anew=True)
    assert decisions.ranges == Ranges(((0xC0000201, 0xC0000202),), ())
    decisions.apply(parse_changes(told(deleted=("192.0.2.1",))), 1.0, anew=False)
    assert decisions.ranges == Ranges(((0xC0000202, 0xC0000202),), ())
    assert not decisions.expire(2 * HOUR)
    assert decisions.expire(2 * HOUR + 1)
    assert len(decisions) == 0


def test_a_longer_decision_takes_the_place_of_a_deleted_one() -> None:
    decisions = Decisions()
    decisions.apply(parse_changes(told(("192.0.2.1", "1h"))), 0.0, anew=True)
    decisions.apply(parse_changes(told(("192.0.2.1", "4h"), deleted=("192.0.2.1",))), 1.0, anew=False)
    assert not decisions.expire(2 * HOUR)
    decisions.apply(parse_changes(told(("192.0.2.1", "1m"))), 2.0, anew=False)
    assert not decisions.expire(HOUR)


def test_all_anew_forgets_the_rest() -> None:
    decisions = Decisions()
    decisions.apply(parse_changes(told(("192.0.2.1", "1h"))), 0.0, anew=True)
    decisions.apply(parse_changes(b'{"new":null,"deleted":null}'), 0.0, anew=True)
    assert decisions.ranges == Ranges()


def test_what_is_not_about_addresses_is_skipped() -> None:
    decisions = Decisions()
    body = b"""{"new": [
        {"type": "ban", "scope": "Country", "value": "SE", "duration": "1h"},
        {"type": "log", "scope": "Ip", "value": "192.0.2.1", "duration": "1h"},
        {"type": "ban", "scope": "Ip", "value": "somebody", "duration": "1h"},
        {"type": "captcha", "scope": "range", "value": "192.0.2.9/24", "duration": "?"}
    ]}"""
    decisions.apply(parse_changes(body), 0.0, anew=True)
    assert decisions.skipped == 3
    assert decisions.ranges == Ranges(((0xC0000200, 0xC00002FF),), ())


@pytest.mark.parametrize("body", [b"", b"[]", b'{"new": 1}', b'{"new": [{"type": 1}]}', b"\xff"])
def test_answers_that_are_none(body: bytes) -> None:
    with pytest.raises(WireError):
        parse_changes(body)


def test_answers_about_one_address() -> None:
    assert parse_decisions(b"null") == ()
    assert [one.value for one in parse_decisions(b'[{"type":"log"},{"type":"ban","value":"a"}]')] == ["a"]
    with pytest.raises(WireError):
        parse_decisions(b"{}")
