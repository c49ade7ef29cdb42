"""Objects as YAML that every reader takes for the same values. Pure.

YAML 1.1, 1.2 and kubectl's reader differ in which plain words are numbers, times or truth values (`1e3`, `0o7`,
`on`); so a text is left plain only where none of them could doubt it.
"""

import re
from typing import Any, Final

import yaml

_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*(?: [A-Za-z0-9_./-]+)*")
_TAKEN: Final = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null", "nan", "inf"})


class _Dumper(yaml.CSafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.CSafeDumper, text: str) -> yaml.ScalarNode:
    style: str | None = '"'
    if _PLAIN.fullmatch(text) and text.lower() not in _TAKEN:
        style = None
    elif _is_block(text):
        style = "|"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _is_block(text: str) -> bool:
    """Whether it may stand in lines of its own, as it is."""
    if "\n" not in text or text[0] in " \n\t" or not text.strip():
        return False
    return all(line == line.rstrip() and (line.isprintable() or not line) for line in text.split("\n"))


_Dumper.add_representer(str, _text)


def to_yaml(obj: dict[str, Any]) -> str:
    """One document, ending in a newline."""
    text: str = yaml.dump(
        obj, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000, default_flow_style=False
    )
    return text
