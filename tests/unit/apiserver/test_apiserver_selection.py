"""Selections: which objects they take, how watches see objects enter and leave them, how lists are paged."""

from typing import Any

import msgspec
import pytest

from hearthgate.apiserver.errors import ApiError
from hearthgate.apiserver.semantics.selection import Selection
from hearthgate.apiserver.store.collection import Entry
from hearthgate.apiserver.store.history import UNKNOWN, Event
from hearthgate.apiserver.web.changes import seen
from hearthgate.apiserver.web.pages import Pages
from hearthgate.resources.registry import KINDS
from hearthgate.resources.versions import EVENTS

KIND = {kind.kind: kind for kind in KINDS}


def raw(revision: int = 1, name: str = "x", **parts: Any) -> bytes:
    labels = parts.pop("labels", None)
    metadata = {"name": name, "namespace": "a", "resourceVersion": str(revision)}
    return msgspec.json.encode({"metadata": metadata | ({"labels": labels} if labels else {}), **parts})


MATCHES: dict[str, tuple[str, str, str, bytes, bool]] = {
    "everything": ("Service", "", "", raw(), True),
    "a label": ("Service", "app=x", "", raw(labels={"app": "x"}), True),
    "another label": ("Service", "app=y", "", raw(labels={"app": "x"}), False),
    "a label that is missing": ("Service", "app", "", raw(), False),
    "no such label": ("Service", "!app", "", raw(), True),
    "the name": ("Service", "", "metadata.name=x", raw(), True),
    "another name": ("Service", "", "metadata.name!=x", raw(), False),
    "the namespace": ("Service", "", "metadata.namespace==a", raw(), True),
    "the type of a secret": ("Secret", "", "type=kubernetes.io/tls", raw(type="kubernetes.io/tls"), True),
    "what an event is about": (
        "Event",
        "",
        "involvedObject.name=b,involvedObject.uid=1",
        raw(involvedObject={"name": "b", "uid": "1"}),
        True,
    ),
    "what an event is not about": (
        "Event",
        "",
        "involvedObject.name=b,type!=Normal",
        raw(involvedObject={"name": "b"}, type="Normal"),
        False,
    ),
    "a field that is absent": ("Pod", "", "spec.nodeName=", raw(), True),
    "the issuer of a certificate": (
        "Certificate",
        "",
        "spec.issuerRef.name=ca,spec.issuerRef.kind!=Issuer",
        raw(spec={"issuerRef": {"name": "ca", "kind": "ClusterIssuer"}}),
        True,
    ),
    "another issuer": (
        "Challenge",
        "",
        "spec.issuerRef.name=ca",
        raw(spec={"issuerRef": {"name": "x"}}),
        False,
    ),
    "both must hold": ("Service", "app=x", "metadata.name=y", raw(labels={"app": "x"}), False),
}


@pytest.mark.parametrize("case", MATCHES)
def test_selects(case: str) -> None:
    kind, labels, fields, stored, expected = MATCHES[case]
    assert Selection.parse(KIND[kind], None, labels, fields).matches("a", "x", stored) is expected


def test_an_event_is_selected_by_its_names_in_either_version() -> None:
    stored = raw(involvedObject={"name": "b"}, reportingComponent="c")
    fields = "regarding.name=b,reportingController=c"
    assert Selection.parse(EVENTS.kind, None, "", fields).matches("a", "x", stored)
    assert not Selection.parse(EVENTS.kind, None, "", "regarding.name=x").matches("a", "x", stored)
    with pytest.raises(ApiError, match=r"regarding\.name"):
        Selection.parse(EVENTS.storage, None, "", fields)


def test_another_namespace_is_not_selected() -> None:
    assert not Selection.parse(KIND["Service"], "b", "", "").matches("a", "x", raw())


@pytest.mark.parametrize(
    ("labels", "fields"),
    [("a=b,,", ""), ("a in b", ""), ("", "spec.foo=1"), ("", "metadata.name"), ("", "status.phase=x")],
)
def test_refuses_a_selector(labels: str, fields: str) -> None:
    with pytest.raises(ApiError) as refused:
        Selection.parse(KIND["Service"], None, labels, fields)
    assert refused.value.status == 400


IN, OUT = raw(1, labels={"app": "x"}), raw(1, labels={"app": "y"})

CHANGES: dict[str, tuple[str, bytes, bytes | None, str | None]] = {
    "created inside": ("ADDED", IN, None, "ADDED"),
    "created outside": ("ADDED", OUT, None, None),
    "changed inside": ("MODIFIED", IN, IN, "MODIFIED"),
    "changed outside": ("MODIFIED", OUT, OUT, None),
    "enters": ("MODIFIED", IN, OUT, "ADDED"),
    "leaves": ("MODIFIED", OUT, IN, "DELETED"),
    "deleted inside": ("DELETED", IN, IN, "DELETED"),
    "deleted outside": ("DELETED", OUT, OUT, None),
    "changed inside, before unknown": ("MODIFIED", IN, UNKNOWN, "MODIFIED"),
    "changed outside, before unknown": ("MODIFIED", OUT, UNKNOWN, "DELETED"),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_watch_sees(case: str) -> None:
    kind, after, before, expected = CHANGES[case]
    selection = Selection.parse(KIND["Service"], None, "app=x", "")
    change = seen(Event(7, kind, "a", "x", after, before), selection)
    assert (change and change.type) == expected


def test_what_leaves_is_shown_as_it_was_with_the_new_revision() -> None:
    selection = Selection.parse(KIND["Service"], None, "app=x", "")
    change = seen(Event(7, "MODIFIED", "a", "x", OUT, IN), selection)
    assert change is not None
    metadata = msgspec.json.decode(change.raw)["metadata"]
    assert (metadata["labels"], metadata["resourceVersion"]) == ({"app": "x"}, "7")


def entries(count: int) -> list[Entry]:
    return [Entry("a", f"x{number}", number, b"") for number in range(count)]


def test_pages_join_to_the_list_as_it_was() -> None:
    stored = entries(5)
    pages = Pages(lambda: 0.0)
    page = pages.first("services", "a", list(stored), 9, 2)
    found, remaining = list(page.entries), [page.remaining]
    stored.pop(3)
    while page.token:
        page = pages.next("services", "a", page.token, 2)
        found += page.entries
        remaining.append(page.remaining)
    assert (found, remaining, page.revision) == (entries(5), [3, 1, 0], 9)


def test_a_page_can_be_asked_for_again() -> None:
    pages = Pages(lambda: 0.0)
    token = pages.first("services", "a", entries(5), 9, 2).token
    assert pages.next("services", "a", token, 2) == pages.next("services", "a", token, 2)


@pytest.mark.parametrize(
    "how", ["junk", "too late", "another resource", "another namespace", "too many lists since"]
)
def test_an_old_token_is_refused(how: str) -> None:
    time = 0.0
    pages = Pages(lambda: time)
    token = pages.first("services", "a", entries(5), 9, 2).token
    if how == "too late":
        time = 301.0
    if how == "too many lists since":
        for _ in range(40):
            pages.first("services", "a", entries(5), 9, 2)
    resource = "secrets" if how == "another resource" else "services"
    namespace = "b" if how == "another namespace" else "a"
    with pytest.raises(ApiError) as refused:
        pages.next(resource, namespace, "x.y" if how == "junk" else token, 2)
    assert refused.value.status == (400 if how == "junk" else 410)


def test_a_list_that_fits_has_no_token() -> None:
    assert Pages(lambda: 0.0).first("services", "a", entries(2), 9, 2).token == ""
