"""The journal of records: what it keeps, for whom, and what becomes of entries that cannot be read."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from hearthgate.certificates.dns01.journal import Entry, Journal, from_json
from hearthgate.certificates.dns01.provider import Record, challenge_name
from hearthgate.resources.certmanager.references import SecretKeyRef
from hearthgate.resources.certmanager.solvers import DNS01, Cloudflare, ExecSolver

BY_TOKEN = DNS01(cloudflare=Cloudflare(api_token_secret_ref=SecretKeyRef(name="cf", key="token")))
BY_PROGRAM = DNS01(cname_strategy="Follow", exec_=ExecSolver(command=("/bin/x", "y")))


def entry(challenge: str = "web-1", value: str = "v", *, name: str = "a.test", solver: DNS01 = BY_TOKEN) -> Entry:
    return Entry(
        namespace="infra",
        challenge=challenge,
        uid="u",
        host="a.test",
        name=name,
        value=value,
        ttl=60,
        solver=solver,
        secrets="infra",
        since=datetime(2026, 11, 25, tzinfo=UTC),
    )


entries = st.builds(
    entry,
    st.sampled_from(["web-1", "web-2", "web-3"]),
    st.sampled_from(["v", "w"]),
    name=st.sampled_from(["a.test", "b.test"]),
    solver=st.sampled_from([BY_TOKEN, BY_PROGRAM]),
)


@given(st.lists(entries))
def test_what_is_written_reads_as_before(added: list[Entry]) -> None:
    journal = Journal()
    for one in added:
        journal = journal.with_entry(one).with_entry(one)
    assert from_json(journal.to_json()) == (journal, 0)
    records = [(one.key, one.name, one.value) for one in journal.entries]
    assert len(records) == len(set(records))
    for one in added:
        journal = journal.without(one)
    assert journal == Journal()


def test_entries_of_a_challenge() -> None:
    journal = Journal().with_entry(entry("web-1")).with_entry(entry("web-2", "w")).with_entry(entry("web-1", "x"))
    assert [one.record for one in journal.of(("infra", "web-1"))] == [
        Record("a.test", "v", 60),
        Record("a.test", "x", 60),
    ]
    assert journal.left_over([("infra", "web-2")]) == (("infra", "web-1"),)
    assert journal.left_over([]) == (("infra", "web-1"), ("infra", "web-2"))


def test_the_solver_that_wrote_a_record_removes_it() -> None:
    journal = Journal().with_entry(entry(solver=BY_PROGRAM)).with_entry(entry(solver=BY_TOKEN))
    assert [one.solver for one in journal.entries] == [BY_PROGRAM]


def test_a_record_that_two_challenges_want() -> None:
    mine, yours = entry("web-1"), entry("web-2")
    assert not Journal().with_entry(mine).is_shared(mine)
    assert Journal().with_entry(mine).with_entry(yours).is_shared(mine)
    assert not Journal().with_entry(mine).with_entry(entry("web-2", "other")).is_shared(mine)
    assert not Journal().with_entry(mine).with_entry(entry("web-1", "v", name="b.test")).is_shared(mine)


def test_what_cannot_be_read_is_counted_and_the_rest_kept() -> None:
    good = Journal().with_entry(entry()).to_json()
    bad = good.replace(b'"entries":[', b'"entries":[{"namespace":"infra"},7,')
    assert from_json(bad) == (Journal(entries=(entry(),)), 2)
    assert from_json(b"") == (Journal(), 0)
    for text in (b"nonsense", b"{}", b"[]", b"\xff"):
        assert from_json(text) == (Journal(), 1)


def test_where_the_ca_looks() -> None:
    assert challenge_name("Home.Test.") == "_acme-challenge.home.test"
