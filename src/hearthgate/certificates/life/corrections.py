"""What is wrong with the Secret beside key and certificate, and is put right without another certificate:
upstream's post-issuance checks."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from hearthgate.certificates.life.triggers import SECRET_MISMATCH, Violation, pair_of
from hearthgate.certificates.secrets.contents import LABELS, PREFIX, annotations, template
from hearthgate.certificates.secrets.formats import (
    COMBINED,
    DER_KEY,
    JKS_KEYSTORE,
    JKS_TRUSTSTORE,
    NO_PASSWORDS,
    PKCS12_KEYSTORE,
    PKCS12_TRUSTSTORE,
    Passwords,
    output_formats,
    unopened,
)
from hearthgate.certificates.secrets.managed import Managed, ManagedFieldsProblem
from hearthgate.model.secret import SecretBytes
from hearthgate.resources.certmanager.certificate import Certificate
from hearthgate.resources.certmanager.references import IssuerRef
from hearthgate.resources.core import Secret

METADATA_MISMATCH: Final = "SecretManagedMetadataMismatch"
TEMPLATE_MISMATCH: Final = "SecretTemplateMismatch"
FORMATS_MISMATCH: Final = "AdditionalOutputFormatsMismatch"
OWNER_MISMATCH: Final = "SecretOwnerRefMismatch"
UNREADABLE: Final = "ManagedFieldsParseError"


class Published(NamedTuple):
    """A Secret whose key and certificate are what the Certificate asks for.

    issuer: as its CertificateRequest names it, None without one: its marks are then left as they are.
    managed: what our field manager has put there; None when that is not known, and what is not wanted any more
    then stays.
    owned: whether the Secret shall go with the Certificate.
    """

    certificate: Certificate
    secret: Secret
    issuer: IssuerRef | None = None
    managed: Managed | ManagedFieldsProblem | None = None
    passwords: Passwords = NO_PASSWORDS
    owned: bool = False


def post_issuance(published: Published) -> Violation | None:
    """Why the Secret must be written again, with the same key and certificate; None when it is as it should be."""
    if isinstance(published.managed, ManagedFieldsProblem):
        return Violation(UNREADABLE, str(published.managed))
    for reason, found in (
        (METADATA_MISMATCH, _metadata(published)),
        (TEMPLATE_MISMATCH, _template(published)),
        (FORMATS_MISMATCH, _formats(published)),
        (OWNER_MISMATCH, _owner(published)),
        (SECRET_MISMATCH, _keystores(published)),
    ):
        if wrong := tuple(found):
            return Violation(
                reason, f"to be put right in Secret {published.secret.metadata.name!r}: {', '.join(wrong)}"
            )
    return None


def _metadata(published: Published) -> Iterator[str]:
    metadata = published.secret.metadata
    for label, value in LABELS.items():
        if metadata.labels.get(label) != value:
            yield f"label {label}"
    wanted = _wanted_annotations(published)
    for name, value in wanted.items():
        if metadata.annotations.get(name) != value:
            yield f"annotation {name}"
    if isinstance(published.managed, Managed):
        of_template, _ = template(published.certificate.spec)
        for name in sorted(published.managed.annotations - wanted.keys() - of_template.keys()):
            if name.startswith(PREFIX) and not (published.issuer is None and name.startswith(f"{PREFIX}issuer-")):
                yield f"annotation {name}, which is not wanted any more"


def _wanted_annotations(published: Published) -> dict[str, str]:
    held = pair_of(published.secret)
    leaf = None if isinstance(held, Violation) else held[1].leaf
    return annotations(published.certificate.metadata.name, published.issuer, leaf)


def _template(published: Published) -> Iterator[str]:
    metadata = published.secret.metadata
    annotations, labels = template(published.certificate.spec)
    for what, wanted, held in (
        ("annotation", annotations, metadata.annotations),
        ("label", {name: value for name, value in labels.items() if name not in LABELS}, metadata.labels),
    ):
        for name, value in sorted(wanted.items()):
            if held.get(name) != value:
                yield f"{what} {name}"
    if isinstance(published.managed, Managed):
        for name in sorted(published.managed.annotations - annotations.keys()):
            if not name.startswith(PREFIX):
                yield f"annotation {name}, which is not wanted any more"
        for name in sorted(published.managed.labels - labels.keys() - LABELS.keys()):
            yield f"label {name}, which is not wanted any more"


def _formats(published: Published) -> Iterator[str]:
    secret = published.secret
    key, chain = secret.value("tls.key"), secret.value("tls.crt")
    if key is None or chain is None:
        return
    wanted = output_formats(published.certificate.spec, key.reveal(), chain.reveal())
    for name, value in sorted(wanted.items()):
        held = secret.value(name)
        if held is None or held.reveal() != value:
            yield name
    yield from _leftovers(published, (DER_KEY, COMBINED), frozenset(wanted))


def _keystores(published: Published) -> Iterator[str]:
    secret, wanted = published.secret, published.certificate.spec.keystores
    data: dict[str, SecretBytes] = {**secret.data, **secret.string_data}
    yield from unopened(published.certificate.spec, data, published.passwords)
    jks = wanted is not None and wanted.jks is not None and wanted.jks.create
    pkcs12 = wanted is not None and wanted.pkcs12 is not None and wanted.pkcs12.create
    if not jks:
        yield from _leftovers(published, (JKS_KEYSTORE, JKS_TRUSTSTORE), frozenset())
    if not pkcs12:
        yield from _leftovers(published, (PKCS12_KEYSTORE, PKCS12_TRUSTSTORE), frozenset())


def _leftovers(published: Published, names: tuple[str, ...], wanted: frozenset[str]) -> Iterator[str]:
    if isinstance(published.managed, Managed):
        for name in names:
            if name in published.managed.data and name not in wanted:
                yield f"{name}, which is not wanted any more"


def _owner(published: Published) -> Iterator[str]:
    uid = published.certificate.metadata.uid
    is_owner = any(owner.uid == uid for owner in published.secret.metadata.owner_references)
    if published.owned and not is_owner:
        yield "the owner reference"
    elif not published.owned and isinstance(published.managed, Managed) and uid in published.managed.owners:
        yield "the owner reference, which is not wanted any more"
