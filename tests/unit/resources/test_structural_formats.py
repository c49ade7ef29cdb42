"""String formats: what each takes and what it does not."""

import pytest

from hearthgate.resources.structural.formats import FORMATS

CASES: dict[str, tuple[list[str], list[str]]] = {
    "bsonobjectid": (["507f1f77bcf86cd799439011"], ["507f"]),
    "byte": (["", "aGk=", "aGk\n="], ["a", "ä"]),
    "cidr": (["10.0.0.0/8", "10.1.2.3/8", "::/0"], ["10.0.0.0", "10.0.0.0/33", "10.0.0.0/255.0.0.0", "a/8"]),
    "creditcard": (["4111 1111 1111 1111"], ["4111111111111112", "1"]),
    "date": (["2024-02-29"], ["2023-02-29", "2024-2-1", "20240229"]),
    "date-time": (
        ["2024-02-29T12:00:00Z", "2024-02-29T12:00:00.123456789+02:00", "2024-02-29"],
        ["2024-02-29T25:00:00Z", "2024-02-30T12:00:00Z", "yesterday"],
    ),
    "duration": (["1h30m", "-1.5s", "0", "3 days", "1week"], ["", "1", "1y", "h"]),
    "email": (["a@b.c", "Ann <a@b.c>"], ["a", "a@", "@b", "a b@c"]),
    "hexcolor": (["#fff", "A0B1C2"], ["#ff", "red"]),
    "hostname": (["a", "a.b.example", "1.2"], ["", "-a", "a..b", "a_b", "a" * 256]),
    "ipv4": (["1.2.3.4"], ["1.2.3", "01.2.3.4", "::1", ""]),
    "ipv6": (["::1", "fe80::1"], ["1.2.3.4", "fe80::1%eth0", ":::"]),
    "isbn": (["0-306-40615-2", "978-0-306-40615-7"], ["0-306-40615-3", "978-0-306-40615-8", "x"]),
    "k8s-long-name": (["a.b-c"], ["A", "a..b", "a" * 254]),
    "k8s-short-name": (["a-b"], ["a.b", "-a", "a" * 64]),
    "mac": (["01:23:45:67:89:ab", "01-23-45-67-89-AB", "0123.4567.89ab"], ["01:23:45:67:89", "01:23:45-67:89:ab"]),
    "rgbcolor": (["rgb(1, 20,255)"], ["rgb(1,2,256)", "1,2,3"]),
    "ssn": (["111-22-3333", "111223333"], ["111-2-3333"]),
    "uri": (["http://a/b?c", "/a", "mailto:x"], ["a", "", "http://a b", "http://a:b"]),
    "uuid": (["123e4567-e89b-12d3-a456-426614174000"], ["123e4567"]),
    "uuid3": (["123e4567-e89b-32d3-a456-426614174000"], ["123e4567-e89b-42d3-a456-426614174000"]),
    "uuid4": (["123e4567-e89b-42d3-a456-426614174000"], ["123e4567-e89b-42d3-c456-426614174000"]),
    "uuid5": (["123e4567-e89b-52d3-a456-426614174000"], ["123e4567-e89b-42d3-a456-426614174000"]),
}


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, (good, _) in CASES.items() for text in good])
def test_takes(name: str, text: str) -> None:
    assert FORMATS[name](text)


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, (_, bad) in CASES.items() for text in bad])
def test_refuses_text(name: str, text: str) -> None:
    assert not FORMATS[name](text)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("unit", ["1", "a", "a.", "1:", ":", " ", "@", "<", "9h"])
def test_long_text_is_answered_at_once(name: str, unit: str) -> None:
    """A pattern that backtracks would take minutes for a megabyte."""
    FORMATS[name](unit * (1_000_000 // len(unit)))
