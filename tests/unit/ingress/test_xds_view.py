from hearthgate.ingress.xds.resources import CLUSTER, SECRET, Difference, Versioned, versioned
from hearthgate.ingress.xds.view import Rejection, View

ONE, TWO, THREE = versioned(b"1"), versioned(b"2"), versioned(b"3")


def view(**secrets: Versioned) -> View:
    return View(secrets.get, lambda name: name.startswith("known"))


def test_replacing_tells_what_changed() -> None:
    seen = view()
    assert seen.replace(CLUSTER, {"a": ONE, "b": ONE}) == Difference(("a", "b"))
    assert seen.replace(CLUSTER, {"b": TWO, "c": ONE}) == Difference(("b", "c"), ("a",))
    assert seen.put(CLUSTER, {"c": TWO}) == Difference(("c",))
    assert sorted(seen.names(CLUSTER)) == ["b", "c"]
    assert seen.put(CLUSTER, {"b": TWO}) == Difference()


def test_what_is_put_is_given_another_chance_alone() -> None:
    given = {"a": ONE, "b": ONE}
    seen = view()
    seen.replace(CLUSTER, given)
    for name in given:
        seen.refuse(CLUSTER, name, ONE.version, "bad")
    seen.put(CLUSTER, {"b": TWO})
    assert (seen.find(CLUSTER, "a"), seen.find(CLUSTER, "b")) == (None, TWO)
    assert seen.rejections() == (Rejection(CLUSTER, ("a",), "bad"),)
    assert given == {"a": ONE, "b": ONE}


def test_refused_change_falls_back_to_the_last_accepted_version() -> None:
    seen = view()
    seen.replace(CLUSTER, {"a": ONE})
    seen.accept(CLUSTER, {"a": ONE.version})
    seen.replace(CLUSTER, {"a": TWO})
    seen.refuse(CLUSTER, "a", TWO.version, "bad")
    assert seen.find(CLUSTER, "a") == ONE
    assert seen.rejections() == (Rejection(CLUSTER, ("a",), "bad"),)
    seen.accept(CLUSTER, {"a": ONE.version})
    assert seen.rejections() != (), "accepting the fallback does not lift the refusal"
    seen.replace(CLUSTER, {"a": THREE})
    assert seen.find(CLUSTER, "a") == THREE
    assert seen.rejections() == ()


def test_refused_for_the_first_time_is_absent_until_it_changes_or_is_forgiven() -> None:
    seen = view()
    seen.replace(CLUSTER, {"a": ONE})
    seen.refuse(CLUSTER, "a", ONE.version, "bad")
    seen.replace(CLUSTER, {"a": ONE, "b": ONE})
    assert seen.find(CLUSTER, "a") is None
    assert seen.find(CLUSTER, "b") == ONE
    seen.forgive(CLUSTER, "a")
    assert seen.find(CLUSTER, "a") == ONE


def test_refusing_the_fallback_too_leaves_nothing() -> None:
    seen = view()
    seen.replace(CLUSTER, {"a": ONE})
    seen.accept(CLUSTER, {"a": ONE.version})
    seen.replace(CLUSTER, {"a": TWO})
    seen.refuse(CLUSTER, "a", TWO.version, "bad")
    seen.refuse(CLUSTER, "a", ONE.version, "bad as well")
    assert seen.find(CLUSTER, "a") is None


def test_late_verdicts_on_what_was_replaced_change_nothing() -> None:
    seen = view()
    seen.replace(CLUSTER, {"a": ONE})
    seen.replace(CLUSTER, {"a": TWO})
    seen.accept(CLUSTER, {"a": ONE.version, "gone": ONE.version})
    seen.refuse(CLUSTER, "a", ONE.version, "bad")
    seen.refuse(CLUSTER, "gone", ONE.version, "bad")
    assert seen.find(CLUSTER, "a") == TWO
    assert seen.last_accepted(CLUSTER, "a") is None
    assert seen.rejections() == ()


def test_removing_forgets_verdicts() -> None:
    seen = view()
    seen.replace(CLUSTER, {"a": ONE})
    seen.refuse(CLUSTER, "a", ONE.version, "bad")
    seen.replace(CLUSTER, {})
    assert seen.rejections() == ()


def test_secrets_come_from_the_resources_first_then_from_the_resolver() -> None:
    seen = view(fixed=TWO, demand=TWO)
    seen.replace(SECRET, {"fixed": ONE})
    assert seen.find(SECRET, "fixed") == ONE
    assert seen.find(SECRET, "demand") == TWO
    assert seen.find(SECRET, "nobody") is None
    assert seen.find(CLUSTER, "demand") is None


def test_only_names_that_clients_make_up_are_on_demand() -> None:
    seen = view(demand=ONE)
    seen.replace(SECRET, {"fixed": ONE})
    found = {name: seen.is_on_demand(SECRET, name) for name in ("fixed", "known", "demand", "nobody")}
    assert found == {"fixed": False, "known": False, "demand": True, "nobody": True}
    assert not seen.is_on_demand(CLUSTER, "demand")


def test_secret_on_demand_is_refused_once_for_all_its_names() -> None:
    seen = view(a=ONE, b=ONE, c=TWO)
    seen.refuse(SECRET, "a", ONE.version, "bad pair")
    assert seen.find(SECRET, "b") is None
    assert seen.find(SECRET, "c") == TWO
    assert seen.rejections() == (Rejection(SECRET, ("a",), "bad pair"),)
    seen.forgive_secrets()
    assert seen.find(SECRET, "b") == ONE
