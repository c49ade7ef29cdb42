"""Settings of policies in force, and what is said of those that make no sense."""

from typing import Any

import pytest

from hearthgate.app.settings import SettingsError, decode_settings
from hearthgate.app.settings_use import settings_warnings
from hearthgate.model.refs import ObjectRef
from hearthgate.policy.settings import pods_of

REF = ObjectRef("Settings", "", "hearthgate.yaml")


def member(name: str, *addresses: str) -> dict[str, Any]:
    return {"namespace": "htpc", "name": name, "labels": {"app": name}, "addresses": list(addresses)}


def test_members_are_pods() -> None:
    settings = decode_settings(
        {"policy": {"members": [member("a", "10.0.0.1", "fd00::1")]}}, REF, privileged=False
    )
    (pod,) = pods_of(settings.policy)
    assert (str(pod), pod.labels, [str(one) for one in pod.addresses]) == (
        "htpc/a",
        {"app": "a"},
        ["10.0.0.1", "fd00::1"],
    )


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        ({"members": [member("a")]}, "policy.members[0].addresses"),
        ({"members": [member("a", "10.0.0")]}, "policy.members[0].addresses[0]"),
        ({"members": [member("a", "10.0.0.1"), member("b", "10.0.0.1")]}, "policy.members[1].addresses[0]"),
    ],
)
def test_mistakes(policy: dict[str, Any], field: str) -> None:
    with pytest.raises(SettingsError) as raised:
        decode_settings({"policy": policy}, REF, privileged=False)
    (problem,) = raised.value.problems
    assert problem.field == field


def test_nobody_is_kept_to_policies() -> None:
    settings = decode_settings({"policy": {"enforce": True}}, REF, privileged=False)
    assert [one.field for one in settings_warnings(settings, on_box=True)] == ["policy.members"]
    assert not settings_warnings(settings, on_box=False), "there it is for Pods"
