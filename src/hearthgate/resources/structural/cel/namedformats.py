"""The named formats of Kubernetes (`format.dns1123Label().validate(x)`): an optional list of what is wrong."""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from hearthgate.resources.structural.cel.values import NONE, Optional, no_such_overload
from hearthgate.resources.structural.formats import FORMATS

_LABEL: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN: Final = rf"{_LABEL}(\.{_LABEL})*"
_NAME: Final = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"


class NamedFormat(NamedTuple):
    """check: what is wrong with a string, or nothing."""

    name: str
    check: Callable[[str], str]


def _pattern(name: str, regex: str, most: int) -> NamedFormat:
    compiled = re.compile(regex, re.ASCII)

    def check(text: str) -> str:
        if len(text) > most:
            return f"must be no more than {most} characters"
        return "" if compiled.fullmatch(text) else f"must match the pattern of {name}"

    return NamedFormat(name, check)


def _like(name: str, format_name: str) -> NamedFormat:
    fits = FORMATS[format_name]
    return NamedFormat(name, lambda text: "" if fits(text) else f"must be a {format_name}")


def _qualified(text: str) -> str:
    prefix, slash, name = text.rpartition("/")
    if slash and (len(prefix) > 253 or not re.fullmatch(_SUBDOMAIN, prefix)):
        return "prefix part must be a DNS subdomain"
    if len(name) > 63 or not re.fullmatch(_NAME, name):
        return "name part must consist of alphanumeric characters, '-', '_' or '.'"
    return ""


_ALL: Final = (
    _pattern("dns1123Label", _LABEL, 63),
    _pattern("dns1123Subdomain", _SUBDOMAIN, 253),
    _pattern("dns1035Label", r"[a-z]([-a-z0-9]*[a-z0-9])?", 63),
    _pattern("dns1123LabelPrefix", rf"{_LABEL}-?", 63),
    _pattern("dns1123SubdomainPrefix", rf"{_SUBDOMAIN}[-.]?", 253),
    _pattern("dns1035LabelPrefix", r"[a-z]([-a-z0-9]*[a-z0-9])?-?", 63),
    _pattern("labelValue", rf"({_NAME})?", 63),
    NamedFormat("qualifiedName", _qualified),
    _like("uri", "uri"),
    _like("uuid", "uuid"),
    _like("byte", "byte"),
    _like("date", "date"),
    _like("datetime", "date-time"),
)
_BY_NAME: Final = MappingProxyType({found.name: found for found in _ALL})


def _named(name: Any) -> Optional:
    if type(name) is not str:
        raise no_such_overload()
    return Optional(_BY_NAME[name], present=True) if name in _BY_NAME else NONE


def _validate(found: NamedFormat, text: Any) -> Optional:
    if type(text) is not str:
        raise no_such_overload()
    wrong = found.check(text)
    return Optional([wrong], present=True) if wrong else NONE


def _constant(found: NamedFormat) -> Callable[[], NamedFormat]:
    return lambda: found


FORMAT_FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = MappingProxyType(
    {"format.named": _named, **{f"format.{found.name}": _constant(found) for found in _ALL}}
)
FORMAT_METHODS: Final[Mapping[str, Callable[..., Any]]] = MappingProxyType({"validate": _validate})
