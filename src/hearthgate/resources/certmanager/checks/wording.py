"""Checks that several kinds share, each a generator of Mistakes."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from hearthgate.model.problems import Reason, did_you_mean, shorten
from hearthgate.resources.certmanager.references import ISSUER_GROUP, IssuerRef, SecretKeyRef
from hearthgate.resources.walk import Mistake

_SUBDOMAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_QUALIFIED: Final = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_LABEL_VALUE: Final = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_ISSUER_KINDS: Final = ("ClusterIssuer", "Issuer")


def invalid(field: str, message: str) -> Mistake:
    return Mistake(field, Reason.INVALID_VALUE, message)


def missing(field: str, message: str = "is required") -> Mistake:
    return Mistake(field, Reason.MISSING_FIELD, message)


def object_name(field: str, name: str) -> Iterator[Mistake]:
    if not name:
        yield missing(field)
    elif len(name) > 253 or not _SUBDOMAIN.fullmatch(name):
        yield invalid(
            field, f"{shorten(name)} is not a name of an object (lower case letters, digits, '-' and '.')"
        )


def issuer_ref(field: str, ref: IssuerRef) -> Iterator[Mistake]:
    """The kinds of other groups are theirs alone."""
    if not ref.name:
        yield missing(f"{field}.name")
    group, kind, _ = ref.identity
    if group == ISSUER_GROUP and kind not in _ISSUER_KINDS:
        hint = did_you_mean(kind, _ISSUER_KINDS) or " (use Issuer or ClusterIssuer)"
        yield invalid(f"{field}.kind", f"{shorten(kind)} is no kind of {ISSUER_GROUP}{hint}")


def secret_key(field: str, ref: SecretKeyRef, *, needs_key: bool = True) -> Iterator[Mistake]:
    if not ref.name:
        yield missing(f"{field}.name", "is required: the Secret")
    if needs_key and not ref.key:
        yield missing(f"{field}.key", "is required: the key in the Secret")


def exactly_one(field: str, given: Collection[str], known: Collection[str]) -> Iterator[Mistake]:
    """given: which of the known fields are set."""
    if not given:
        yield missing(field, f"needs one of {', '.join(known)}")
    elif len(given) > 1:
        yield invalid(field, f"has {' and '.join(given)}: only one of them may be set")


def labels(field: str, found: Mapping[str, str]) -> Iterator[Mistake]:
    for name, value in found.items():
        yield from qualified(f"{field}.{name}", name)
        if not _LABEL_VALUE.fullmatch(value):
            yield invalid(
                f"{field}.{name}", f"{shorten(value)} is not a value of a label (at most 63 of A-Z a-z 0-9 - _ .)"
            )


def qualified(field: str, name: str) -> Iterator[Mistake]:
    prefix, slash, rest = name.rpartition("/")
    is_prefix = len(prefix) <= 253 and _SUBDOMAIN.fullmatch(prefix)
    if not _QUALIFIED.fullmatch(rest) or (slash and not is_prefix):
        yield invalid(
            field, f"{shorten(name)} is not written [domain/]name, the name at most 63 of A-Z a-z 0-9 - _ ."
        )
