"""Communities: numbers that a router's policy acts on, and names for them. Pure."""

import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from hearthgate.balancer.bgp.model import Communities
from hearthgate.model.problems import Problem, Reason, did_you_mean, shorten
from hearthgate.resources.metallb import Community

_NUMBER: Final = re.compile(r"\d{1,10}")


class Aliases(NamedTuple):
    """named: by alias, the value it stands for."""

    named: Mapping[str, Communities]
    problems: tuple[Problem, ...]


def read_community(text: str) -> Communities:
    """`a:b` of 16 bits each or `large:a:b:c` of 32 bits each. Raises ValueError with words and the way out."""
    is_large = text.startswith("large:")
    parts = text.removeprefix("large:").split(":")
    most = 0xFFFFFFFF if is_large else 0xFFFF
    if len(parts) != (3 if is_large else 2):
        raise ValueError(f"{shorten(text)} is neither a community (a:b) nor a large one (large:a:b:c)")
    for part in parts:
        if not _NUMBER.fullmatch(part, 0) or not part.isascii() or int(part) > most:
            raise ValueError(f"{shorten(text)}: {shorten(part)} is no number from 0 to {most}")
    numbers = [int(part) for part in parts]
    if is_large:
        return Communities(large=((numbers[0], numbers[1], numbers[2]),))
    return Communities(plain=(numbers[0] << 16 | numbers[1],))


def read_aliases(resources: Iterable[Community]) -> Aliases:
    """Of two aliases with one name the older object's counts, else the earlier by name."""
    named: dict[str, Communities] = {}
    owners: dict[str, Community] = {}
    problems: list[Problem] = []
    for resource in sorted(resources, key=lambda one: (one.metadata.creation_timestamp or "", *one.key)):
        for index, alias in enumerate(resource.spec.communities):
            field = f"spec.communities[{index}]"
            if alias.name in named:
                message = f"{alias.name} is defined by {owners[alias.name].ref} already: give it another name"
                problems.append(_problem(resource, f"{field}.name", message))
                continue
            try:
                named[alias.name] = read_community(alias.value)
                owners[alias.name] = resource
            except ValueError as error:
                problems.append(_problem(resource, f"{field}.value", str(error)))
    return Aliases(named, tuple(problems))


def resolve(texts: Iterable[str], aliases: Mapping[str, Communities]) -> Communities:
    """Values and aliases, together. Raises ValueError for one that is neither."""
    found = Communities()
    for text in texts:
        if text in aliases:
            found |= aliases[text]
        elif ":" in text:
            found |= read_community(text)
        else:
            hint = did_you_mean(text, aliases)
            raise ValueError(
                f"no Community defines {shorten(text)}{hint}: define it, or write a value such as 65000:1"
            )
    return found


def _problem(resource: Community, field: str, message: str) -> Problem:
    return Problem(ref=resource.ref, field=field, reason=Reason.INVALID_VALUE, message=message)
