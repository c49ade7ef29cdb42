"""Expressions of the Common Expression Language inside Envoy's format strings.

Envoy compiles them when it loads its configuration; one that fails on a request (a missing header, a pattern
that does not match) gives an empty text, and an empty text leaves a header alone. Envoy's dialect cannot join
texts: a rewrite does it.
"""

from typing import Final

from hearthgate.ingress.middlewares.regexes import Template, count_groups

HOST: Final = "request.host"
PATH: Final = "request.url_path"

_PLAIN: Final = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 -_.,:;/?!=*+<>()[]{}^$|&~@#"
)


def quote(text: str) -> str:
    """`text` as a string literal. It holds no `%`, which would end the format string's command."""
    return '"' + "".join(_character(character) for character in text) + '"'


def _character(character: str) -> str:
    if character in _PLAIN:
        return character
    code = ord(character)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def command(expression: str) -> str:
    """The format string that gives the value of an expression."""
    return f"%CEL({expression})%"


def header(name: str) -> str:
    """The value of a request header. Fails when there is none."""
    return f"request.headers[{quote(name)}]"


def has_header(name: str) -> str:
    return f"({quote(name)} in request.headers)"


def matches(text: str, pattern: str) -> str:
    """Whether a pattern is found in the value of an expression, which is not empty.

    CEL's own `matches` takes only patterns of at most 100 instructions; a rewrite has no such limit. It gives
    all of the text where the pattern is not found, and nothing where it is.
    """
    rest = f"^(?:(?s:.*?)(?:{pattern})(?s:.*)|((?s:.+)))$"
    return f"({text} != '' && {extract(text, rest, rewrite((count_groups(pattern) + 1,)))} == '')"


def extract(text: str, pattern: str, rewrite: str) -> str:
    """What RE2's `rewrite` (`\\1`) makes of the first match. Fails when there is none."""
    return f"re.extract({text}, {quote(pattern)}, {quote(rewrite)})"


def around(before: str, text: str, after: str = "") -> str:
    """The value of an expression between two literals."""
    return extract(text, "^((?s:.*))$", rewrite((before, 1, after)))


def query() -> str:
    """The query with its question mark; empty when there is none."""
    return extract("request.path", r"^[^?]*(\?.*)?$", r"\1")


def either(condition: str, yes: str, no: str) -> str:
    return f"({condition} ? {yes} : {no})"


def rewrite(template: Template, *, first_group: int = 0) -> str:
    """A replacement as RE2 writes it. `first_group`: how many groups stand before those of the template."""
    return "".join(
        part.replace("\\", "\\\\") if isinstance(part, str) else f"\\{part + first_group}" for part in template
    )


def replace(text: str, pattern: str, template: Template) -> str:
    """All of `text` with the first match replaced. Fails when there is none."""
    whole = f"^((?s:.*?))({pattern})((?s:.*))$"
    return extract(text, whole, f"\\1{rewrite(template, first_group=2)}\\{count_groups(pattern) + 3}")
