"""Whatever a collection went through, its changes are those that a look at every object finds."""

from hypothesis import given
from hypothesis import strategies as st

from hearthgate.cluster.changes import changes
from hearthgate.cluster.snapshot import Collection, Key
from hearthgate.resources.core import ConfigMap
from hearthgate.resources.meta import ObjectMeta, Resource

NAMES = [f"n{number}" for number in range(6)]
POOL = [
    ConfigMap(metadata=ObjectMeta(name=name, namespace="default"), data={"turn": turn})
    for name in NAMES
    for turn in "12"
]
STEP = st.dictionaries(
    st.sampled_from(POOL).map(lambda one: one.key), st.sampled_from([None, 0, 1]), min_size=1, max_size=4
)


def _step(chosen: dict[Key, int | None]) -> dict[Key, Resource | None]:
    at = {key: [one for one in POOL if one.key == key] for key in chosen}
    return {key: None if turn is None else at[key][turn] for key, turn in chosen.items()}


@given(st.lists(st.tuples(STEP, st.integers(0, 100)), min_size=1, max_size=80), st.data())
def test_changes_are_those_that_comparing_finds(
    steps: list[tuple[dict[Key, int | None], int]], data: st.DataObject
) -> None:
    """A tree of collections: each made from an earlier one."""
    known = [Collection({})]
    for chosen, parent in steps:
        known.append(known[parent % len(known) if parent < 20 else -1].changed(_step(chosen)))
    old, new = data.draw(st.sampled_from(known)), data.draw(st.sampled_from(known))
    found = changes(old, new)
    assert {key: tuple(change) for key, change in found.items()} == {
        key: (old.objects.get(key), new.objects.get(key))
        for key in sorted(old.objects.keys() | new.objects.keys())
        if old.objects.get(key) is not new.objects.get(key)
    }
