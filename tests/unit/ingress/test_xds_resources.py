from hearthgate.ingress.xds.resources import (
    CLUSTER,
    LISTENER,
    ROUTE,
    SECRET,
    Difference,
    Resources,
    Versioned,
    diff,
    versioned,
)


def test_equal_content_has_equal_versions_and_no_other() -> None:
    assert versioned(b"one") == versioned(b"one")
    assert versioned(b"one").version != versioned(b"two").version


def test_repr_shows_no_content() -> None:
    secret = versioned(b"PRIVATE KEY")
    assert "PRIVATE" not in repr(secret)
    assert "PRIVATE" not in repr(Resources({SECRET: {"a": secret}}))
    assert "PRIVATE" not in f"{secret}"


def test_absent_types_are_empty() -> None:
    resources = Resources({CLUSTER: {"a": versioned(b"a")}, ROUTE: {}})
    assert list(resources) == [CLUSTER]
    assert resources[ROUTE] == {}
    assert LISTENER not in resources
    assert resources == Resources({CLUSTER: {"a": versioned(b"a")}})


def test_later_changes_of_the_source_do_not_show() -> None:
    source = {"a": versioned(b"a")}
    resources = Resources({CLUSTER: source})
    source["b"] = versioned(b"b")
    assert list(resources[CLUSTER]) == ["a"]


def test_updated_leaves_the_original() -> None:
    old = Resources({CLUSTER: {"a": versioned(b"a"), "b": versioned(b"b")}})
    new = old.updated(CLUSTER, {"a": versioned(b"A")}).updated(ROUTE, {"r": versioned(b"r")})
    assert new[CLUSTER] == {"a": versioned(b"A"), "b": versioned(b"b")}
    assert old[CLUSTER]["a"] == versioned(b"a")
    assert diff(old, new) == {CLUSTER: Difference(("a",)), ROUTE: Difference(("r",))}
    assert list(old.updated(ROUTE, {})) == [CLUSTER]


def test_diff_is_sorted_and_goes_by_version() -> None:
    old = Resources({CLUSTER: {"c": Versioned("1", b""), "b": Versioned("1", b""), "a": Versioned("1", b"")}})
    new = Resources({CLUSTER: {"z": Versioned("1", b""), "b": Versioned("2", b""), "a": Versioned("1", b"other")}})
    assert diff(old, new) == {CLUSTER: Difference(changed=("b", "z"), removed=("c",))}
    assert diff(new, new) == {}
