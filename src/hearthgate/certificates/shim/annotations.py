"""cert-manager's annotations on objects that serve hosts, as fields of the Certificate. Pure."""

import csv
import ipaddress
import json
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, get_args

from hearthgate.certificates.shim.asked import PREFIX
from hearthgate.model.durations import parse_duration
from hearthgate.model.problems import did_you_mean, shorten
from hearthgate.resources.certmanager.references import Usage

ACME_PREFIX: Final = "acme.cert-manager.io/"
TEMPORARY: Final = f"{PREFIX}issue-temporary-certificate"
_PASSED_ON: Final = ("http01-ingress-class", "http01-ingress-ingressclassname")
_SIZES: Final = {"RSA": range(2048, 8193), "ECDSA": (256, 384, 521)}
_HOUR: Final = 3600.0
_FIVE_MINUTES: Final = 300.0


class Refused(Exception):
    """A value that cannot be. Its text says why, without the annotation's name."""


class Fields(NamedTuple):
    """spec: fields of the Certificate in camelCase. names: further names by their list in the spec.
    annotations: those of the Certificate. mistakes: one for each value that cannot be."""

    spec: Mapping[str, Any]
    names: Mapping[str, tuple[str, ...]]
    annotations: Mapping[str, str]
    mistakes: tuple[str, ...]


def read_annotations(annotations: Mapping[str, str], name: str) -> Fields:
    """name: of the object, for the annotations that refer to it."""
    spec: dict[str, Any] = {}
    names: dict[str, tuple[str, ...]] = {}
    mistakes: list[str] = []
    for annotation, (place, read) in _FIELDS.items():
        text = annotations.get(f"{PREFIX}{annotation}", "").strip()
        if not text:
            continue
        try:
            value = read(text)
        except Refused as refused:
            mistakes.append(f"{PREFIX}{annotation}: {refused}")
            continue
        if place in _NAME_LISTS:
            names[place] = value
        else:
            _put(spec, place, value)
    mistakes.extend(_contradictions(spec))
    return Fields(spec, names, _acme(annotations, name), tuple(mistakes))


def _acme(annotations: Mapping[str, str], name: str) -> dict[str, str]:
    """How HTTP-01 shall be done, for the Order to read."""
    found = {}
    for known in _PASSED_ON:
        if value := annotations.get(f"{ACME_PREFIX}{known}", ""):
            found[f"{ACME_PREFIX}{known.replace('http01-', 'http01-override-')}"] = value
    if annotations.get(f"{ACME_PREFIX}http01-edit-in-place", "").strip().lower() == "true":
        found[f"{ACME_PREFIX}http01-override-ingress-name"] = name
        found[TEMPORARY] = "true"
    return found


def _put(spec: dict[str, Any], place: str, value: Any) -> None:
    *parents, last = place.split(".")
    for parent in parents:
        spec = spec.setdefault(parent, {})
    spec[last] = value


def _contradictions(spec: Mapping[str, Any]) -> list[str]:
    found = []
    key = spec.get("privateKey", {})
    algorithm, size = key.get("algorithm", "RSA"), key.get("size")
    if size is not None and algorithm in _SIZES and size not in _SIZES[algorithm]:
        sizes = "2048 to 8192" if algorithm == "RSA" else "256, 384 or 521"
        found.append(f"{PREFIX}private-key-size: {size} is no size of {algorithm} keys ({sizes})")
    if "renewBefore" in spec and "renewBeforePercentage" in spec:
        found.append(f"{PREFIX}renew-before and {PREFIX}renew-before-percentage exclude each other: keep one")
    return found


def _text(text: str) -> str:
    return text


def _short(text: str) -> str:
    if len(text.encode()) > 64:
        raise Refused(f"{shorten(text)} is longer than 64 bytes")
    return text


def _comma(text: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in text.split(",") if item.strip())


def _addresses(text: str) -> tuple[str, ...]:
    found = _comma(text)
    for item in found:
        try:
            ipaddress.ip_address(item)
        except ValueError:
            raise Refused(f"{shorten(item)} is no IP address") from None
    return found


def _mails(text: str) -> tuple[str, ...]:
    found = _comma(text)
    for item in found:
        local, at, domain = item.rpartition("@")
        if not at or not local or not domain or any(character in item for character in " <>\t"):
            raise Refused(f"{shorten(item)} is no plain e-mail address such as ops@example.org")
    return found


def _quoted(text: str) -> tuple[str, ...]:
    """Comma-separated, a value with a comma in double quotes."""
    try:
        (row,) = csv.reader([text], strict=True, skipinitialspace=True)
    except (csv.Error, ValueError):
        raise Refused(
            f"{shorten(text)} is no list: separate by commas, values with one in double quotes"
        ) from None
    return tuple(row)


def _duration(least: float) -> Callable[[str], str]:
    def read(text: str) -> str:
        try:
            seconds = parse_duration(text)
        except ValueError:
            seconds = -1.0
        if seconds < least or text.strip("+-").isdecimal():
            raise Refused(f"{shorten(text)} is no duration of at least {least / 60:g} minutes, such as 720h")
        return text

    return read


def _number(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise Refused(f"{shorten(text)} is no number from {least} to {most}")
        return int(text)

    return read


def _word(*known: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in known:
            raise Refused(f"{shorten(text)} is none of {', '.join(known)}{did_you_mean(text, known)}")
        return text

    return read


def _usages(text: str) -> tuple[str, ...]:
    known = get_args(Usage)
    return tuple(_word(*known)(item) for item in _comma(text))


def _template(text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except ValueError:
        raise Refused('not JSON: write {"annotations": {…}, "labels": {…}}') from None
    if not isinstance(content, dict) or not content.keys() <= {"annotations", "labels"}:
        raise Refused("only the keys annotations and labels can stand in it")
    for part in content.values():
        if not isinstance(part, dict) or not all(isinstance(value, str) for value in part.values()):
            raise Refused("annotations and labels must map text to text")
    for key in content.get("annotations", {}):
        if key.startswith(PREFIX) and key != f"{PREFIX}allow-direct-injection":
            raise Refused(f"the annotation {shorten(key)} is written by the program itself: take it out")
    return content


_NAME_LISTS: Final = ("dnsNames", "ipAddresses", "emailAddresses")
_FIELDS: Final[Mapping[str, tuple[str, Callable[[str], Any]]]] = {
    "common-name": ("commonName", _short),
    "alt-names": ("dnsNames", _comma),
    "ip-sans": ("ipAddresses", _addresses),
    "email-sans": ("emailAddresses", _mails),
    "subject-organizations": ("subject.organizations", _quoted),
    "subject-organizationalunits": ("subject.organizationalUnits", _quoted),
    "subject-countries": ("subject.countries", _quoted),
    "subject-provinces": ("subject.provinces", _quoted),
    "subject-localities": ("subject.localities", _quoted),
    "subject-postalcodes": ("subject.postalCodes", _quoted),
    "subject-streetaddresses": ("subject.streetAddresses", _quoted),
    "subject-serialnumber": ("subject.serialNumber", _text),
    "duration": ("duration", _duration(_HOUR)),
    "renew-before": ("renewBefore", _duration(_FIVE_MINUTES)),
    "renew-before-percentage": ("renewBeforePercentage", _number(1, 99)),
    "usages": ("usages", _usages),
    "revision-history-limit": ("revisionHistoryLimit", _number(1, 2**31 - 1)),
    "private-key-algorithm": ("privateKey.algorithm", _word("RSA", "ECDSA", "Ed25519")),
    "private-key-encoding": ("privateKey.encoding", _word("PKCS1", "PKCS8")),
    "private-key-size": ("privateKey.size", _number(1, 16384)),
    "private-key-rotation-policy": ("privateKey.rotationPolicy", _word("Always", "Never")),
    "secret-template": ("secretTemplate", _template),
}
"""By annotation: where in the spec its value goes, and how it is read."""
