"""Go's replacements, and how often a pattern can match."""

import pytest

from hearthgate.ingress.middlewares.regexes import Template, matches_once, parse_template


@pytest.mark.parametrize(
    ("pattern", "replacement", "expected"),
    [
        ("(a)(b)", "x${1}y$2/z", ("x", 1, "y", 2, "/z")),
        ("(a)", "$0$$1", (0, "$1")),
        ("(a)", "$1x", ()),
        ("(a)", "${1}x", (1, "x")),
        ("(a)", "$2-$9", ("-",)),
        ("(?P<host>a)", "$host/${host}s$hosts", (1, "/", 1, "s")),
        ("a", "", ()),
        ("a", "100% \\1 $ ${ $!", ("100% \\1 $ ${ $!",)),
    ],
)
def test_templates(pattern: str, replacement: str, expected: Template) -> None:
    assert parse_template(pattern, replacement) == expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("^a", True),
        (r"\Aa", True),
        ("(?i)^a", True),
        ("a$", True),
        ("a(.*)", True),
        ("a.+", True),
        ("https?://x/(a|b)/.*", True),
        ("a", False),
        ("^a|b", False),
        ("a|b$", False),
        (r"a\$", False),
        (r"a\.*", False),
        (r"a\\$", True),
        ("a.*?", False),
        ("[^a]", False),
        ("a[.*", False),
        ("a[.*]", False),
        ("[|]a$", True),
        ("(?m)^a", False),
        (r"\Qa|b\E$", True),
        ("a(?:.*)", False),
    ],
)
def test_how_often_a_pattern_matches(pattern: str, expected: bool) -> None:
    assert matches_once(pattern) is expected
