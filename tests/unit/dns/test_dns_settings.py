"""Settings of the name server, and what is said of those that make no sense."""

from typing import Any

import pytest

from hearthgate.app.settings import SettingsError, decode_settings
from hearthgate.dns.nameserver.settings import Place, read_place
from hearthgate.model.refs import ObjectRef

REF = ObjectRef("Settings", "", "hearthgate.yaml")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("192.0.2.1", Place("192.0.2.1", 53)),
        ("192.0.2.1:5353", Place("192.0.2.1", 5353)),
        ("2001:db8::1", Place("2001:db8::1", 53)),
        ("[2001:db8::1]:5353", Place("2001:db8::1", 5353)),
    ],
)
def test_places(text: str, place: Place) -> None:
    assert read_place(text) == place


@pytest.mark.parametrize(
    ("local", "field"),
    [
        ({"listen": [":53"]}, "dns.local.listen[0]"),
        ({"listen": ["0.0.0.0"]}, "dns.local.listen[0]"),
        ({"listen": ["name:53"]}, "dns.local.listen[0]"),
        ({"forward": ["1.1.1.1:0"]}, "dns.local.forward[0]"),
        ({"zones": ["a..b"]}, "dns.local.zones[0]"),
        ({"zones": ["*.b"]}, "dns.local.zones[0]"),
        ({"addresses": ["1.2.3"]}, "dns.local.addresses[0]"),
        ({"allow": ["1.2.3.4/33"]}, "dns.local.allow[0]"),
        ({"ttl": 0}, "dns.local.ttl"),
        ({"unknown": "forward"}, "dns.local.unknown"),
    ],
)
def test_mistakes(local: dict[str, Any], field: str) -> None:
    with pytest.raises(SettingsError) as raised:
        decode_settings({"dns": {"local": local}}, REF, privileged=False)
    (problem,) = raised.value.problems
    assert problem.field == field
