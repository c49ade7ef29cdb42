"""What must happen to the Certificates of one object. Pure."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from hearthgate.certificates.shim.asked import Ask, Asked
from hearthgate.certificates.shim.owned import names_host
from hearthgate.resources.certmanager import Certificate
from hearthgate.resources.certmanager.certificate import CertificateSpec


class Write(NamedTuple):
    """A Certificate that is missing, or not what is asked for."""

    ask: Ask
    present: Certificate | None


class Remove(NamedTuple):
    """A Certificate that the object asked for once, and whose Secret it does not name any more."""

    certificate: Certificate


class Foreign(NamedTuple):
    """The Secret is another Certificate's, which lacks these hosts."""

    certificate: Certificate
    hosts: tuple[str, ...]


Step = Write | Remove | Foreign


def plan(
    asked: Asked,
    owned: Iterable[Certificate],
    present: Mapping[str, Certificate],
    secrets: frozenset[str],
) -> tuple[Step, ...]:
    """owned: Certificates of the object. present: all of the namespace that its asks name. secrets: those that the
    object names now: their Certificates stay, even if it does not ask for them."""
    mine = {certificate.metadata.name: certificate for certificate in owned}
    steps: list[Step] = []
    for ask in asked.asks:
        known = mine.get(ask.secret_name)
        if known is not None:
            if differs(ask, known):
                steps.append(Write(ask, known))
        elif (other := present.get(ask.secret_name)) is None:
            steps.append(Write(ask, None))
        elif lacking := _lacking(ask, other):
            steps.append(Foreign(other, lacking))
    wanted = secrets | {ask.secret_name for ask in asked.asks}
    if not asked.mistakes:
        steps.extend(Remove(certificate) for name, certificate in mine.items() if name not in wanted)
    return tuple(steps)


def differs(ask: Ask, certificate: Certificate) -> bool:
    """In anything that the ask says; further annotations and labels are others' business."""
    metadata = certificate.metadata
    return (
        msgspec.convert(ask.spec, CertificateSpec) != certificate.spec
        or any(metadata.labels.get(name) != value for name, value in ask.labels.items())
        or any(metadata.annotations.get(name) != value for name, value in ask.annotations.items())
    )


def _lacking(ask: Ask, other: Certificate) -> tuple[str, ...]:
    return tuple(host for host in ask.spec.get("dnsNames", ()) if not names_host(other.spec.dns_names, host))
