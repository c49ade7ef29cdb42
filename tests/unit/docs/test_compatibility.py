"""The compatibility page: what it calls supported is set by some test of the data plane, what it calls absent does
not exist. Whoever adds an option adds a golden case or a wire test that sets it."""

import re
from collections.abc import Iterator

import msgspec
import pytest

from docs.annotations import ingress_rows, service_rows
from docs.compatibility import PLUGINS, VOCABULARIES, is_refused, state, traefik_kinds, traefik_settings
from docs.fields import Row, rows
from docs.upstream import ABSENT_SETTINGS, MATCHER_DIFFERENCES
from hearthgate.app.settings import SettingsError, decode_settings
from hearthgate.ingress.middlewares.plugins.build import BUILT_IN
from hearthgate.ingress.routing.entrypoints import SETTINGS_REF
from hearthgate.resources.traefik.middleware import MiddlewareSpec
from tests.unit.docs.mentions import Mentions, mentions, rules_of

MIDDLEWARES = frozenset(field.encode_name for field in msgspec.structs.fields(MiddlewareSpec))
TESTED = mentions(MIDDLEWARES)


def supported() -> Iterator[tuple[str, Row]]:
    """(kind, row) of every field that acts; those that several kinds share once."""
    told = dict[type, str]()
    for kind in traefik_kinds():
        assert kind.resource_type is not None
        yield from ((kind.kind, row) for row in acting(rows(kind.resource_type, told=told, where=kind.kind)))


def acting(found: Iterator[Row]) -> Iterator[Row]:
    """Without what is refused or has no effect, and what is below that."""
    idle = ""
    for row in found:
        if {"unsupported", "deprecated", "idle"} & row.marks.keys() or is_refused(row):
            idle = row.path
        elif not (idle and row.path.startswith(f"{idle}.")) and not row.same_as:
            yield row


def is_tested(kind: str, row: Row, tested: Mentions) -> bool:
    """An option of a Middleware must be set where it belongs; of other kinds a key of that name is enough."""
    path = re.sub(r"\[\]|\.\*.*", "", row.path)
    return (kind, path) in tested.paths or (kind != "Middleware" and has_key(path, tested.wire_keys))


def has_key(path: str, keys: frozenset[str]) -> bool:
    """The last part of the path, as manifests or as the model spell it."""
    name = path.rpartition(".")[2]
    return name in keys or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower() in keys


def test_every_supported_option_is_set_by_a_golden_case_or_a_wire_test() -> None:
    untested = [f"{kind} {row.path}" for kind, row in supported() if not is_tested(kind, row, TESTED)]
    assert untested == [], "add a golden case or a wire test, or mark the field as unsupported"


def test_every_supported_setting_is_set_by_a_test() -> None:
    keys = TESTED.wire_keys | TESTED.golden_keys | TESTED.unit_keys
    untested = [row.path for row in acting(traefik_settings()) if not has_key(row.path.removesuffix("[]"), keys)]
    assert untested == []


def test_every_annotation_is_set_by_a_test() -> None:
    written = {key.lower() for key in TESTED.golden_keys | TESTED.wire_keys | TESTED.unit_keys}
    untested = [
        row.name
        for row in (*ingress_rows(), *service_rows())
        if row.accepted and f"traefik.ingress.kubernetes.io/{row.name}" not in written
    ]
    assert untested == []


@pytest.mark.parametrize("title", VOCABULARIES)
def test_every_matcher_is_in_a_rule_of_a_test(title: str) -> None:
    written = rules_of("v2" if "v2" in title else "v3")
    untested = [name for name in VOCABULARIES[title].names if not re.search(rf"\b{name}\(", written)]
    assert untested == []


def test_an_option_that_nobody_sets_is_found() -> None:
    (row,) = (row for kind, row in supported() if (kind, row.path) == ("Middleware", "spec.rateLimit.burst"))
    assert is_tested("Middleware", row, TESTED)
    without = TESTED._replace(paths=TESTED.paths - {("Middleware", "spec.rateLimit.burst")})
    assert not is_tested("Middleware", row, without)
    assert not has_key("entryPoints.*.nobodySetsThis", TESTED.wire_keys)


def test_every_plugin_that_is_built_in_is_listed_and_each_of_its_options_set_by_a_test() -> None:
    assert set(PLUGINS) == set(BUILT_IN)
    keys = TESTED.wire_keys | TESTED.golden_keys | TESTED.unit_keys
    untested = [row.path for options in PLUGINS.values() for row in acting(rows(options, "plugin."))
                if not has_key(row.path, keys)]  # fmt: skip
    assert untested == []


@pytest.mark.parametrize("name", ABSENT_SETTINGS)
def test_absent_setting_is_refused(name: str) -> None:
    given: object = {}
    for part in reversed(name.split(".")):
        given = {part: given}
    assert isinstance(given, dict)
    with pytest.raises(SettingsError, match=re.escape(name.rpartition(".")[2])):
        decode_settings(given, SETTINGS_REF, privileged=True)


def test_differences_of_matchers_are_about_matchers() -> None:
    assert [key for key in MATCHER_DIFFERENCES if key[1] not in VOCABULARIES[key[0]].names] == []


@pytest.mark.parametrize(
    ("marks", "words"),
    [
        ({}, "supported"),
        ({"differs": "x"}, "supported, with a difference: x"),
        ({"unsupported": "use y"}, "**refused**: use y"),
        ({"unsupported": ""}, "**refused**"),
        ({"differs": "refused: use v"}, "**refused**: use v"),
        ({"idle": "it goes with w"}, "no effect: it goes with w, which is refused"),
        ({"deprecated": "z"}, "no effect, a warning: z"),
    ],
)
def test_state_of_a_field(marks: dict[str, str], words: str) -> None:
    row = next(rows(MiddlewareSpec, "spec."))
    assert state(row._replace(marks=marks)) == words
