"""What is copied where, by reflector's annotations."""

from collections.abc import Iterable, Mapping

import pytest

from hearthgate.certificates.mirrors.index import MirrorIndex
from hearthgate.certificates.mirrors.plan import Around, Blocked, Create, Delete, Step, Update, plan
from hearthgate.certificates.mirrors.rules import AUTO_REFLECTS, PREFIX, REFLECTS, Mirrored, rules_of
from hearthgate.cluster.snapshot import Collection
from hearthgate.resources.core import Base64Secret, ConfigMap, Namespace, Secret
from hearthgate.resources.meta import ObjectMeta

TLS = "kubernetes.io/tls"
EVERYWHERE = {"reflection-allowed": "true", "reflection-auto-enabled": "true"}
NAMESPACES = ("argocd", "htpc", "infra", "media", "utils")


def secret(
    namespace: str,
    annotations: Mapping[str, str] = {},
    *,
    name: str = "cert",
    value: bytes = b"1",
    type_: str = TLS,
) -> Secret:
    metadata = ObjectMeta(name=name, namespace=namespace, annotations=annotations)
    return Secret(metadata=metadata, type=type_, data={"tls.crt": Base64Secret(value)})


def source(**annotations: str) -> Secret:
    """In the namespace infra. Names of annotations without prefix, `_` for `-`."""
    given = {PREFIX + name.replace("_", "-"): value for name, value in annotations.items()}
    return secret("infra", {**{PREFIX + name: value for name, value in EVERYWHERE.items()}, **given})


def mirror(namespace: str, *, automatic: bool = True, **content: bytes | str) -> Secret:
    return secret(namespace, {REFLECTS: "infra/cert", AUTO_REFLECTS: str(automatic)}, **content)  # type: ignore[arg-type]


def steps(wanted: Mirrored | None, *others: Mirrored, namespaces: Iterable[Namespace] = ()) -> tuple[Step, ...]:
    known = [*others, *([] if wanted is None else [wanted])]
    collection = Collection({each.key: each for each in known})
    index = MirrorIndex()
    index.follow(collection)
    around = Around(
        list(namespaces) or [Namespace(metadata=ObjectMeta(name=name)) for name in NAMESPACES],
        index.mirrors(("infra", "cert")),
        {each.key: each for each in known},
    )
    return plan(wanted, around)


def created(*namespaces: str) -> tuple[Create, ...]:
    return tuple(Create(namespace) for namespace in namespaces)


def test_copies_to_every_other_namespace_unless_some_are_named() -> None:
    assert steps(source()) == created("argocd", "htpc", "media", "utils")


def test_patterns_match_whole_names() -> None:
    named = source(reflection_auto_namespaces="argocd, ut.*,htp")
    assert steps(named) == created("argocd", "utils")


def test_what_is_not_allowed_is_not_copied() -> None:
    named = source(reflection_auto_namespaces="argocd,htpc", reflection_allowed_namespaces="htpc,media")
    assert steps(named) == created("htpc")


def test_selectors_add_to_names() -> None:
    spaces = [
        Namespace(metadata=ObjectMeta(name="a", labels={"tls": "yes"})),
        Namespace(metadata=ObjectMeta(name="b")),
        Namespace(metadata=ObjectMeta(name="c")),
    ]
    named = source(reflection_auto_namespaces="b", reflection_auto_namespaces_selector="tls=yes")
    assert steps(named, namespaces=spaces) == created("a", "b")


@pytest.mark.parametrize(
    "annotation", [{"reflection_auto_namespaces": "("}, {"reflection_auto_namespaces_selector": "a in ("}]
)
def test_what_cannot_be_read_matches_nothing_and_is_told(annotation: dict[str, str]) -> None:
    broken = source(**annotation)
    assert steps(broken) == ()
    assert len(rules_of(broken).mistakes) == 1


def test_namespaces_that_are_going_away_get_nothing() -> None:
    leaving = Namespace(metadata=ObjectMeta(name="a", deletion_timestamp="2026-01-01T00:00:00Z"))
    assert steps(source(), namespaces=[leaving]) == ()


@pytest.mark.parametrize("missing", ["reflection_allowed", "reflection_auto_enabled"])
def test_nothing_is_copied_unasked(missing: str) -> None:
    assert steps(source(**{missing: "false"})) == ()


def test_edited_copies_are_put_right_and_good_ones_left_alone() -> None:
    only = source(reflection_auto_namespaces="argocd,htpc")
    edited = mirror("htpc", value=b"2")
    assert steps(only, mirror("argocd"), edited) == (Update(edited),)


def test_copies_go_with_their_source_and_its_permission() -> None:
    made, by_hand = mirror("htpc"), mirror("media", automatic=False)
    assert steps(None, made, by_hand) == (Delete(made),)
    withdrawn = source(reflection_allowed="false")
    assert steps(withdrawn, made) == (Delete(made),)


def test_copies_that_people_made_follow_when_they_may() -> None:
    asked = secret("media", {REFLECTS: "infra/cert"}, name="other", value=b"old")
    assert steps(source(reflection_auto_namespaces="infra"), asked) == (Update(asked),)
    refused = source(reflection_auto_namespaces="infra", reflection_allowed_namespaces="htpc")
    (step,) = steps(refused, asked)
    assert isinstance(step, Blocked)


def test_strangers_are_never_overwritten() -> None:
    only = source(reflection_auto_namespaces="htpc")
    (step,) = steps(only, secret("htpc"))
    assert isinstance(step, Blocked)


def test_a_copy_of_another_type_is_made_anew() -> None:
    only = source(reflection_auto_namespaces="htpc")
    wrong = mirror("htpc", type_="Opaque")
    assert steps(only, wrong) == (Delete(wrong),)


def test_copies_are_never_sources_by_rule() -> None:
    chained = secret("htpc", {**source().metadata.annotations, REFLECTS: "infra/cert", AUTO_REFLECTS: "True"})
    index = MirrorIndex()
    index.follow(Collection({chained.key: chained}))
    assert index.sources == set()


def test_the_index_follows_changes() -> None:
    first, second = mirror("htpc"), mirror("media")
    collection = Collection({first.key: first, second.key: second})
    index = MirrorIndex()
    index.follow(collection)
    assert index.mirrors(("infra", "cert")) == (first, second)
    index.follow(collection.changed({first.key: None, second.key: secret("media")}))
    assert index.mirrors(("infra", "cert")) == ()


def test_config_maps_are_copied_with_their_bytes() -> None:
    metadata = ObjectMeta(name="cert", namespace="infra", annotations=source().metadata.annotations)
    wanted = ConfigMap(metadata=metadata, data={"a": "1"}, binary_data={"b": Base64Secret(b"\xff")})
    copy = ConfigMap(
        metadata=ObjectMeta(name="cert", namespace="htpc", annotations=mirror("htpc").metadata.annotations),
        data={"a": "1"},
    )
    spaces = [Namespace(metadata=ObjectMeta(name="htpc"))]
    assert steps(wanted, copy, namespaces=spaces) == (Update(copy),)
