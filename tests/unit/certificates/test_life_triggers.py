"""When a certificate is wanted and when it is ready: one row for each check, in upstream's order and words."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from hearthgate.certificates.life.triggers import Inputs, Violation, pair_of, readiness, temporary, trigger
from hearthgate.certificates.secrets.contents import annotations, secret_data
from hearthgate.certificates.x509.keys import encode_key
from hearthgate.certificates.x509.leaf import parse_chain, pem_of
from hearthgate.certificates.x509.sign import temporary as temporary_certificate
from hearthgate.resources.core import Base64Secret, Secret
from tests.certificate_samples import (
    DAY,
    NOW,
    Issued,
    certificate,
    issued,
    key_of,
    secret,
    signed,
)

Row = Callable[[], Inputs]


def inputs(found: Issued, **changes: Any) -> Inputs:
    return Inputs(found.certificate, found.secret, found.request)._replace(**changes)


def with_data(found: Issued, **data: bytes | None) -> Secret:
    """Names with _ for a dot; None takes the key away."""
    changed = {key.replace("_", "."): value for key, value in data.items()}
    kept = {key: value for key, value in found.secret.data.items() if key not in changed}
    new = {key: Base64Secret(value) for key, value in changed.items() if value is not None}
    return msgspec.structs.replace(found.secret, data=kept | new)


def with_marks(found: Issued, **marks: str | None) -> Secret:
    changed = {f"cert-manager.io/{key.replace('_', '-')}": value for key, value in marks.items()}
    kept = {key: value for key, value in found.secret.metadata.annotations.items() if key not in changed}
    new = {key: value for key, value in changed.items() if value is not None}
    metadata = msgspec.structs.replace(found.secret.metadata, annotations=kept | new)
    return msgspec.structs.replace(found.secret, metadata=metadata)


def changed_spec(found: Issued, **spec: Any) -> Inputs:
    return inputs(found, certificate=certificate(**spec))


def other_key() -> Inputs:
    """Somebody has put another pair into the Secret."""
    found, other = issued(), key_of(number=7)
    chain = pem_of((signed(found.certificate, other),))
    return inputs(found, secret=with_data(found, tls_key=encode_key(other), tls_crt=chain))


def broken_request() -> Inputs:
    found = issued()
    spec = msgspec.structs.replace(found.request.spec, request="bm8=")
    return inputs(found, current_request=msgspec.structs.replace(found.request, spec=spec))


def temporary_secret() -> Inputs:
    made = certificate()
    pem = temporary_certificate(made.spec, key_of(), NOW)
    assert isinstance(pem, bytes)
    marks = annotations("web", None, parse_chain(pem).leaf)
    return Inputs(made, secret("web-tls", {"tls.crt": pem, "tls.key": encode_key(key_of())}, marks))


def adopted(**spec: Any) -> Inputs:
    """A Secret from before, and no request any more; the spec may be another now."""
    found = issued(certificate(commonName="web.test", dnsNames=["web.test", "b.test"]))
    return inputs(found, certificate=certificate(**spec), current_request=None)


ROWS: dict[str, tuple[Row, str | None, str]] = {
    "as it should be": (lambda: inputs(issued()), None, ""),
    "no secret": (lambda: Inputs(certificate()), "DoesNotExist", "'web-tls'"),
    "no data": (lambda: Inputs(certificate(), secret("web-tls", {})), "MissingData", "tls.key and tls.crt"),
    "no certificate": (lambda: inputs(f := issued(), secret=with_data(f, tls_crt=None)), "MissingData", "tls.crt"),
    "an empty key": (lambda: inputs(f := issued(), secret=with_data(f, tls_key=b"")), "MissingData", "tls.key"),
    "a broken key": (lambda: inputs(f := issued(), secret=with_data(f, tls_key=b"no")), "InvalidKeyPair", "PEM"),
    "a broken certificate": (
        lambda: inputs(f := issued(), secret=with_data(f, tls_crt=b"no")),
        "InvalidCertificate",
        "tls.crt",
    ),
    "a key of another certificate": (
        lambda: inputs(f := issued(), secret=with_data(f, tls_key=encode_key(key_of(number=5)))),
        "InvalidKeyPair",
        "another key",
    ),
    "another issuer": (
        lambda: changed_spec(issued(), issuerRef={"name": "ca", "kind": "ClusterIssuer"}),
        "IncorrectIssuer",
        "from Issuer 'ca', not from ClusterIssuer 'ca'",
    ),
    "an issuer of another group": (
        lambda: changed_spec(issued(), issuerRef={"name": "x", "kind": "Y", "group": "z.test"}),
        "IncorrectIssuer",
        "Y.z.test 'x'",
    ),
    "empty words for the issuer's defaults": (
        lambda: inputs(f := issued(), secret=with_marks(f, issuer_kind="", issuer_group="")),
        None,
        "",
    ),
    "a temporary certificate": (temporary_secret, "IncorrectIssuer", "does not name"),
    "another Certificate's secret": (
        lambda: inputs(f := issued(), secret=with_marks(f, certificate_name="shop")),
        "IncorrectCertificate",
        "'shop'",
    ),
    "no name of a Certificate": (
        lambda: inputs(f := issued(), secret=with_marks(f, certificate_name=None)),
        None,
        "",
    ),
    "another algorithm": (
        lambda: changed_spec(issued(), privateKey={"algorithm": "Ed25519"}),
        "SecretMismatch",
        "ECDSA 256, not Ed25519",
    ),
    "another size": (
        lambda: changed_spec(issued(), privateKey={"algorithm": "ECDSA", "size": 384}),
        "SecretMismatch",
        "spec.privateKey",
    ),
    "a key that was not requested": (other_key, "SecretMismatch", "CertificateRequest 'web-1'"),
    "a broken request": (broken_request, "InvalidCertificateRequest", "'web-1'"),
    "more names": (
        lambda: changed_spec(issued(), dnsNames=["web.test", "b.test"]),
        "RequestChanged",
        "spec.dnsNames",
    ),
    "other usages": (lambda: changed_spec(issued(), usages=["any"]), "RequestChanged", "spec.usages"),
    "adopted, the same names": (lambda: adopted(dnsNames=["b.test", "WEB.test"]), None, ""),
    "adopted, another name": (lambda: adopted(dnsNames=["c.test"]), "SecretMismatch", "spec.dnsNames"),
    "what only the next one will have": (
        lambda: changed_spec(
            issued(),
            privateKey={"algorithm": "ECDSA", "size": 256, "encoding": "PKCS8", "rotationPolicy": "Never"},
            renewBefore="48h",
            revisionHistoryLimit=3,
            additionalOutputFormats=[{"type": "DER"}],
            secretTemplate={"labels": {"a": "b"}},
        ),
        None,
        "",
    ),
}


@pytest.mark.parametrize("check", [trigger, readiness], ids=["trigger", "readiness"])
@pytest.mark.parametrize("name", ROWS)
def test_both_chains(name: str, check: Any) -> None:
    made, reason, words = ROWS[name]
    found = check(made(), NOW)
    assert (found.reason if found else None) == reason
    assert words in (found.message if found else "")


TIMES: dict[str, tuple[float, dict[str, Any], str | None, str | None]] = {
    "young": (10, {}, None, None),
    "before a third": (59.9, {}, None, None),
    "a third left": (60, {}, "Renewing", None),
    "renewBefore": (80.1, {"renewBefore": "240h"}, "Renewing", None),
    "not yet renewBefore": (79.9, {"renewBefore": "240h"}, None, None),
    "ended": (90, {}, "Renewing", "Expired"),
    "ended and never renewed": (90, {"renewal": {"policy": "Disabled"}}, None, "Expired"),
}


@pytest.mark.parametrize("name", TIMES)
def test_time_passes(name: str) -> None:
    days, spec, due, ready = TIMES[name]
    found = inputs(issued(certificate(**spec), since=NOW, days=90))
    now = NOW + days * DAY
    said = (trigger(found, now), readiness(found, now))
    assert tuple(one.reason if one else None for one in said) == (due, ready)


def test_the_window_of_the_ca_counts_before_the_formula() -> None:
    start, end = NOW + 3 * DAY, NOW + 5 * DAY
    window = {"start": start.isoformat(), "end": end.isoformat()}
    status = {"acme": {"ari": {"suggestedWindow": window}}}
    found = inputs(issued(certificate(status=status), since=NOW, days=90))
    assert trigger(found, start - timedelta(seconds=1)) is None
    due = trigger(found, end)
    assert due is not None
    assert due.reason == "Renewing"


@pytest.mark.parametrize("name", ["as it should be", "another issuer", "more names", "a temporary certificate"])
def test_there_is_something_to_serve(name: str) -> None:
    assert temporary(ROWS[name][0]()) is None


@pytest.mark.parametrize("name", ["no secret", "no data", "a broken key", "a broken certificate"])
def test_there_is_nothing_to_serve(name: str) -> None:
    found = temporary(ROWS[name][0]())
    assert found is not None
    assert found.reason == ROWS[name][1]


def test_a_pair_and_its_secret_survive_the_round() -> None:
    found = issued()
    pair = pair_of(found.secret)
    assert not isinstance(pair, Violation)
    data = secret_data(found.certificate.spec, encode_key(found.key), pair[1].pem)
    assert data["tls.crt"] == found.secret.data["tls.crt"].reveal()
