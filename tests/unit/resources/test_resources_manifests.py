"""Manifest files: what is read, what is refused, and where it stands."""

import json
import time
from typing import Any

import pytest
import yaml

from hearthgate.model.problems import Reason
from hearthgate.model.refs import Source
from hearthgate.resources import manifests
from hearthgate.resources.manifests import Parsed, parse_manifests
from hearthgate.resources.tokens import resolve


def parse(text: str | bytes, path: str = "a.yaml") -> Parsed:
    return parse_manifests(text.encode() if isinstance(text, str) else text, path)


def only_problem(parsed: Parsed) -> tuple[Reason, int, str]:
    (found,) = parsed.problems
    assert found.source.path == found.problem.ref.name
    return found.problem.reason, found.source.line, found.problem.message


TWO = """\
# the blog
apiVersion: v1
kind: Service
metadata: {name: blog}
---
# only a comment
---
apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata:
  name: blog
  annotations:
    hearthgate.dev/endpoints: "a:1"
spec:
  routes:
    - match: Host(`a`)
      services:
        - name: blog
    -
      kind: Rule
"""


def test_documents_and_their_lines() -> None:
    service, route = parse(TWO).documents
    assert service.source == Source("a.yaml", 2)
    assert route.source == Source("a.yaml", 8)
    lines = {
        "": 8,
        "kind": 9,
        "metadata.annotations.hearthgate.dev/endpoints": 13,
        "spec.routes[0].match": 16,
        "spec.routes[0].services[0].name": 18,
        "spec.routes[1].kind": 20,
        # what is missing is where it should be
        "spec.routes[0].services[0].port": 18,
        "spec.routes[7].match": 15,
        "nothing.at.all": 8,
    }
    assert {field: route.line_of(field) for field in lines} == lines
    assert service.line_of("metadata.name") == 4


@pytest.mark.parametrize(
    ("text", "count"),
    [
        pytest.param("", 0, id="empty"),
        pytest.param("# nothing\n", 0, id="comment"),
        pytest.param("---\n---\n...\n", 0, id="only markers"),
        pytest.param("%YAML 1.1\n---\na: 1\n", 1, id="directive"),
        pytest.param("--- {a: 1}\n--- # comment\nb: 2\n", 2, id="content on the marker line"),
        pytest.param("a: 1\n...\n---\nb: 2\n", 2, id="end marker"),
        pytest.param("a: |\n  text\n  --- not a marker\nb: 1\n", 1, id="dashes in a block"),
        pytest.param("null\n---\n~\n", 0, id="null documents"),
        pytest.param("\ufeffa: 1\n", 1, id="byte order mark"),
        pytest.param("a: 1\r\n---\r\nb: 2\r\n", 2, id="windows line ends"),
    ],
)
def test_streams(text: str, count: int) -> None:
    parsed = parse(text)
    assert (len(parsed.documents), parsed.problems) == (count, ())


def test_utf16_is_text() -> None:
    assert parse("a: ü".encode("utf-16")).documents[0].data == {"a": "ü"}


@pytest.mark.parametrize("path", ["a.yaml", "a.json"])
def test_lists_are_taken_apart(path: str) -> None:
    inner = {"kind": "IngressRouteList", "items": [{"name": "c"}]}
    text = json.dumps(
        {"apiVersion": "v1", "kind": "List", "items": [{"name": "a"}, {"name": "b"}, inner]}, indent=1
    )
    parsed = parse(text, path)
    assert [document.data["name"] for document in parsed.documents] == ["a", "b", "c"]
    assert [document.source.line for document in parsed.documents] == [5, 8, 14]
    assert parsed.documents[2].line_of("name") == 15


def test_json_as_json_has_it() -> None:
    text = '{\n\t"a": "\\ud83d\\ude00\\/",\n\t"b": [1, -2.5, 1e3, true, null, {}]\n}\n{"c": 1}'
    first, second = parse(text, "a.json").documents
    assert first.data == {"a": "😀/", "b": [1, -2.5, 1000, True, None, {}]}
    assert first.line_of("b[2]") == 3
    assert second.source.line == 5


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", True),
        ("on", True),
        ("y", True),
        ("Off", False),
        ("", None),
        ("~", None),
        ("0755", 0o755),
        ("0o17", 0o17),
        ("0x1F", 31),
        ("1_000", 1000),
        ("-7", -7),
        ("1e3", 1000),
        ("80.0", 80),
        ("1.5", 1.5),
        ("2026-01-02", "2026-01-02"),
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
        ("22:22", "22:22"),
        ("1.2.3", "1.2.3"),
        ("08", 8),
        ("0x", "0x"),
        ("9" * 401, "9" * 401),
        ("-", "-"),
        ("=", "="),
    ],
)
def test_plain_scalars_as_kubernetes_reads_them(text: str, value: Any) -> None:
    found = resolve(text)
    assert (found, type(found)) == (value, type(value))


def test_quotes_and_tags_keep_strings() -> None:
    text = "a: 'yes'\nb: !!str 0755\nc: !!int 7\nd: \"1\"\ne: |\n  on\non: 1\n12: x\n"
    expected = {"a": "yes", "b": "0755", "c": 7, "d": "1", "e": "on\n", "true": 1, "12": "x"}
    assert parse(text).documents[0].data == expected


def test_anchors_and_merge_keys() -> None:
    text = "base: &base {a: 1, b: 2}\nlist: [*base]\nc:\n  <<: *base\n  b: 3\nd:\n  <<: [{a: 9}, *base]\n"
    data = parse(text).documents[0].data
    assert data["list"] == [{"a": 1, "b": 2}]
    assert data["c"] == {"a": 1, "b": 3}
    assert data["d"] == {"a": 9, "b": 2}


LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{','.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(9)
)
MERGES = "a: &a {" + ",".join(f"k{n}: 1" for n in range(500)) + "}\nb: {<<: [" + ",".join(["*a"] * 5000) + "]}\n"
LISTS = "kind: List\nx: &x {kind: List, items: [" + ",".join(["{}"] * 1000) + "]}\nitems: [" + "*x," * 100 + "]\n"


@pytest.mark.parametrize(
    ("text", "reason", "line", "words"),
    [
        pytest.param("a: 1\nb: : 2\n", Reason.SYNTAX_ERROR, 2, "", id="syntax"),
        pytest.param("a: 1\n---\n\nb:\n\tc: 1\n", Reason.SYNTAX_ERROR, 5, "no tabs", id="tab"),
        pytest.param("a: {{ .Values.a }}b\n", Reason.SYNTAX_ERROR, 1, "template", id="template"),
        pytest.param("a: 'open\n", Reason.SYNTAX_ERROR, 2, "quote is not closed", id="open quote"),
        pytest.param(
            "a: 1\nb: 2\na: 3\n", Reason.SYNTAX_ERROR, 3, "'a' is already set on line 1", id="duplicate key"
        ),
        pytest.param("- a\n- b\n", Reason.SYNTAX_ERROR, 1, "a list is not", id="not a mapping"),
        pytest.param("just words\n", Reason.SYNTAX_ERROR, 1, "a single value is not", id="scalar"),
        pytest.param("kind: List\nitems: 3\n", Reason.SYNTAX_ERROR, 1, "must be a list", id="items no list"),
        pytest.param(b"\x7fELF\x01\x80\xff", Reason.SYNTAX_ERROR, 1, "not a text file", id="binary"),
        pytest.param(b"a: \x00\n", Reason.SYNTAX_ERROR, 1, "U+0000", id="nul"),
        pytest.param("a: " + "[" * 100_000, Reason.SYNTAX_ERROR, 1, "deep", id="deep flow"),
        pytest.param("- " * 100_000, Reason.SYNTAX_ERROR, 1, "deep", id="deep block"),
        pytest.param("a: " + "[" * 200 + "]" * 200, Reason.SYNTAX_ERROR, 1, "100 deep", id="deep enough"),
        pytest.param(LAUGHS, Reason.TOO_LARGE, 6, "aliases", id="billion laughs"),
        pytest.param(MERGES, Reason.TOO_LARGE, 2, "larger", id="merge bomb"),
        pytest.param(LISTS, Reason.TOO_LARGE, 3, "items", id="list bomb"),
        pytest.param("a: &a [*a]\n", Reason.SYNTAX_ERROR, 1, "anchor", id="alias to itself"),
        pytest.param("? [a]\n: b\n", Reason.SYNTAX_ERROR, 1, "plain word", id="key is a list"),
        pytest.param("a: .inf\n", Reason.SYNTAX_ERROR, 1, "infinity", id="infinity"),
        pytest.param("a: 1e999\n", Reason.SYNTAX_ERROR, 1, "too large", id="huge number"),
        pytest.param("a: !!python/object:os.system x\n", Reason.SYNTAX_ERROR, 1, "tags", id="tag"),
        pytest.param("a: !!set {b}\n", Reason.SYNTAX_ERROR, 1, "tags", id="tag on a map"),
        pytest.param("a: {<<: 3}\n", Reason.SYNTAX_ERROR, 1, "<<", id="merge of a number"),
        pytest.param("a: " + "x" * 10_000_000, Reason.TOO_LARGE, 1, "9.5 MiB", id="ten megabytes"),
        pytest.param("#" * (manifests.MAX_FILE + 1), Reason.TOO_LARGE, 0, "split", id="file too large"),
        pytest.param("a: [" + "1," * 700_000 + "]", Reason.TOO_LARGE, 1, "more data", id="many small values"),
    ],
)
def test_bad_text_is_one_problem(text: str | bytes, reason: Reason, line: int, words: str) -> None:
    started = time.process_time()
    found = only_problem(parse(text))
    assert time.process_time() - started < 5
    assert found[:2] == (reason, line)
    assert words in found[2]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a" 1}', "a colon"),
        ('{"a": 1,}', "a key in double quotes"),
        ("[1 2]", "a comma or the closing bracket"),
        ('{"a": [1}', "closing bracket"),
        ("]", "a value comes here"),
        ('{"a": 1', "too early"),
        ('{"a": "x\ny"}', "not closed"),
        ('{"a": tru}', "unexpected U+0074"),
        ('{"a": "\\ud83d"}', "surrogate"),
        ('{"a": "\\x"}', "escape"),
        ('{"a": 1e999}', "too large"),
        ('{"a": 1, "a": 2}', "already set"),
        ("{'a': 1}", "unexpected U+0027"),
        ("[" * 100_000, "deep"),
    ],
)
def test_bad_json_is_one_problem(text: str, words: str) -> None:
    reason, _line, message = only_problem(parse(text, "a.json"))
    assert reason is Reason.SYNTAX_ERROR
    assert words in message


def test_a_bad_document_leaves_its_neighbours() -> None:
    parsed = parse("a: 1\n---\nb: [\n---\nc: 1\n")
    assert [document.data for document in parsed.documents] == [{"a": 1}, {"c": 1}]
    (found,) = parsed.problems
    assert found.problem.field == "documents[1]"


@pytest.mark.parametrize("path", ["a.json", "a.yaml"])
def test_a_large_list_of_small_objects_is_fine(path: str) -> None:
    items = [{"kind": "ConfigMap", "data": {"x": "y" * size}} for size in (400_000, 400_000, 400_000, 1_600_000)]
    text = json.dumps({"kind": "List", "items": items}, indent=1)
    if path == "a.yaml":
        text = yaml.dump({"kind": "List", "items": items}, Dumper=yaml.CSafeDumper)
    parsed = parse(text, path)
    assert len(parsed.documents) == 3
    assert only_problem(parsed)[0] is Reason.TOO_LARGE


@pytest.mark.parametrize(
    "secret", ["*hunter2", "!hunter2", "{hunter2", "'hunter2", '"\\hunter2"', "[hunter2: ]}", "hunter2: 1"]
)
def test_messages_hold_nothing_of_the_text(secret: str) -> None:
    parsed = parse(f"kind: Secret\nstringData:\n  password: {secret}\n")
    assert len(parsed.problems) == 1
    assert "hunter2" not in str(parsed.problems)


def test_repr_of_a_document_is_blank() -> None:
    (document,) = parse("stringData: {password: hunter2}").documents
    assert repr(document) == "Document(a.yaml:1)"
