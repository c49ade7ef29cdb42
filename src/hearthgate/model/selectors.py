"""Label selectors in the query-string form of the Kubernetes API: `app=web,tier!=db,env in (a,b),!old`."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

_SET: Final = re.compile(r"\s*([^\s!=,()]+)\s+(in|notin)\s*\(([^()]*)\)\s*")
_EQUAL: Final = re.compile(r"\s*([^\s!=,()]+)\s*(==|=|!=)\s*([^\s!=,()]*)\s*")
_EXISTS: Final = re.compile(r"\s*(!?)\s*([^\s!=,()]+)\s*")


class Requirement(NamedTuple):
    """One condition on one label. `values` is empty for `exists` and `missing`."""

    key: str
    operator: str  # in, notin, exists, missing
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        match self.operator:
            case "in":
                return labels.get(self.key) in self.values
            case "notin":
                return labels.get(self.key) not in self.values
            case "exists":
                return self.key in labels
            case _:
                return self.key not in labels


class LabelSelector(NamedTuple):
    """All requirements must hold; none means everything."""

    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        return all(requirement.matches(labels) for requirement in self.requirements)


def parse_label_selector(text: str) -> LabelSelector:
    """Raises ValueError that shows the part that cannot be read."""
    requirements: list[Requirement] = []
    position = 0
    while position < len(text):
        if match := _SET.match(text, position):
            values = frozenset(value.strip() for value in match[3].split(","))
            requirements.append(Requirement(match[1], match[2], values))
        elif match := _EQUAL.match(text, position):
            operator = "notin" if match[2] == "!=" else "in"
            requirements.append(Requirement(match[1], operator, frozenset({match[3]})))
        elif match := _EXISTS.match(text, position):
            requirements.append(Requirement(match[2], "missing" if match[1] else "exists"))
        else:
            raise ValueError(f"label selector {text!r}: cannot read {text[position:]!r}")
        position = match.end()
        if position < len(text):
            if text[position] != ",":
                raise ValueError(f"label selector {text!r}: cannot read {text[position:]!r}")
            position += 1
            if not text[position:].strip():
                raise ValueError(f"label selector {text!r}: nothing after the last comma")
    return LabelSelector(tuple(requirements))
