"""Annotations of external-dns, under its new prefix and its old one. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from hearthgate.dns.names.model import Hints
from hearthgate.model.durations import parse_duration
from hearthgate.model.problems import shorten

PREFIXES: Final = ("external-dns.kubernetes.io/", "external-dns.alpha.kubernetes.io/")
"""The first wins where both stand."""
_CONTROLLER: Final = "dns-controller"
"""Whom the annotation `controller` must name, if it stands."""
_HOST: Final = re.compile(r"(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_LONGEST_TTL: Final = 604_800


class Mistake(ValueError):
    """key: of the annotation."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


def annotation(annotations: Mapping[str, str], key: str) -> str:
    return next((annotations[f"{prefix}{key}"] for prefix in PREFIXES if f"{prefix}{key}" in annotations), "")


def hosts_said(annotations: Mapping[str, str], key: str = "hostname") -> tuple[str, ...]:
    """Raises Mistake."""
    return tuple(_hosts(key, annotation(annotations, key)))


def hints_of(annotations: Mapping[str, str]) -> Hints:
    """Raises Mistake."""
    targets = tuple(part.strip() for part in annotation(annotations, "target").split(",") if part.strip())
    access = annotation(annotations, "access")
    if access not in {"", "public", "private"}:
        raise Mistake("access", f"{shorten(access)} is none of public, private")
    controller = annotation(annotations, "controller")
    return Hints(
        targets=targets,
        ttl=_ttl(annotation(annotations, "ttl")),
        proxied=_proxied(annotation(annotations, "cloudflare-proxied")),
        comment=annotation(annotations, "cloudflare-record-comment"),
        is_foreign=controller not in {"", _CONTROLLER},
        access=access,
    )


def is_host(text: str) -> bool:
    """Whether a name can stand in DNS: lower case, labels of up to 63 characters, 253 in all."""
    return len(text) <= 253 and _HOST.fullmatch(text) is not None


def _hosts(key: str, text: str) -> Iterator[str]:
    for part in text.split(","):
        host = part.strip().lower().removesuffix(".")
        if not host:
            continue
        if not is_host(host):
            raise Mistake(key, f"{shorten(part.strip())} is no host name")
        yield host


def _ttl(text: str) -> int:
    if not text:
        return 0
    try:
        seconds = int(text) if text.isdigit() else int(parse_duration(text))
    except ValueError:
        seconds = -1
    if not 1 <= seconds <= _LONGEST_TTL:
        raise Mistake("ttl", f"{shorten(text)} is no time from 1s to {_LONGEST_TTL}s")
    return seconds


def _proxied(text: str) -> bool | None:
    if text not in {"", "true", "false"}:
        raise Mistake("cloudflare-proxied", f"{shorten(text)} is neither true nor false")
    return None if not text else text == "true"
