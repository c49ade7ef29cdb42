"""Scalars that upstream takes as text and reads by a notation of their own, and label selectors."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal

import msgspec

from hearthgate.resources.meta import Strict

WORDS: Final = "words"
"""Key in the extra of a Meta: what a value that does not fit the pattern or the length fails to be."""

Duration = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[-+]?(0|((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+)$",
        extra={WORDS: "a duration such as 1h30m (units: ns, us, ms, s, m, h)"},
    ),
]
"""Go's notation. Unlike Traefik's durations, a number without unit is none."""

Name64 = Annotated[str, msgspec.Meta(max_length=64, extra={WORDS: "at most 64 characters long"})]
PortNumber = Annotated[int, msgspec.Meta(ge=1, le=65535)]


class SelectorRequirement(Strict, frozen=True, kw_only=True):
    """One condition on a label.

    key: The label.
    operator: In and NotIn compare with the values; Exists and DoesNotExist take none.
    values: What the label is compared with.
    """

    key: str
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        match self.operator:
            case "In":
                return labels.get(self.key) in self.values
            case "NotIn":
                return labels.get(self.key) not in self.values
            case "Exists":
                return self.key in labels
            case "DoesNotExist":
                return self.key not in labels


class Selector(Strict, frozen=True, kw_only=True):
    """Selects by labels: all of it must hold, and an empty one selects everything.

    match_labels: Labels with the values they must have.
    match_expressions: Conditions on labels.
    """

    match_labels: Mapping[str, str] = {}
    match_expressions: tuple[SelectorRequirement, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        return all(labels.get(key) == value for key, value in self.match_labels.items()) and all(
            requirement.matches(labels) for requirement in self.match_expressions
        )
