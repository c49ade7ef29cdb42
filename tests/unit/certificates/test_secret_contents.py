"""What the Secret of a Certificate holds, how it is marked, and what is put right in it."""

import base64
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12

from hearthgate.certificates.life.corrections import Published, post_issuance
from hearthgate.certificates.secrets import jks
from hearthgate.certificates.secrets.contents import (
    LABELS,
    annotations,
    applied,
    csv,
    literal_passwords,
    secret_data,
    template,
)
from hearthgate.certificates.secrets.formats import Passwords
from hearthgate.certificates.secrets.managed import Managed, ManagedFieldsProblem, managed_by
from hearthgate.certificates.x509.keys import PrivateKeySpec, encode_key, same_public_key
from hearthgate.certificates.x509.leaf import parse_chain, pem_of
from hearthgate.model.secret import SecretBytes
from hearthgate.resources.certmanager import Certificate
from hearthgate.resources.core import Base64Secret, Secret
from tests.certificate_samples import NOW, authority, certificate, key_of, signed
from tests.jks_reader import read_jks

PASSWORD = "changeit"
STORES = {
    "jks": {"create": True, "alias": "Web", "password": PASSWORD},
    "pkcs12": {"create": True, "password": PASSWORD},
}


def data_of(made: Certificate, *, ca: bool = False, passwords: Passwords | None = None) -> dict[str, bytes]:
    chain = pem_of((signed(made, key_of(), since=NOW), authority().certificate))
    ca_pem = pem_of((authority().certificate,)) if ca else b""
    given = literal_passwords(made.spec) if passwords is None else passwords
    return secret_data(made.spec, encode_key(key_of(), "PKCS8"), chain, ca_pem, given)


def test_key_and_chain_without_the_root() -> None:
    data = data_of(certificate())
    assert set(data) == {"tls.crt", "tls.key"}
    assert len(parse_chain(data["tls.crt"]).certificates) == 1
    assert data["tls.key"].startswith(b"-----BEGIN EC PRIVATE KEY-----")


def test_the_encoding_of_the_key() -> None:
    made = certificate(privateKey={"algorithm": "ECDSA", "encoding": "PKCS8"})
    assert data_of(made)["tls.key"].startswith(b"-----BEGIN PRIVATE KEY-----")


def test_the_ca_when_it_is_known() -> None:
    data = data_of(certificate(), ca=True)
    assert parse_chain(data["ca.crt"]).certificates == (authority().certificate,)


@pytest.mark.parametrize("encoding", ["PKCS1", "PKCS8"])
@pytest.mark.parametrize("algorithm", ["RSA", "ECDSA", "Ed25519"])
def test_output_formats(algorithm: str, encoding: str) -> None:
    private = {"algorithm": algorithm, "encoding": encoding}
    made = certificate(privateKey=private, additionalOutputFormats=[{"type": "DER"}, {"type": "CombinedPEM"}])
    key = key_of(algorithm, PrivateKeySpec.of(made.spec.private_key).size)
    chain = pem_of((signed(made, key),))
    data = secret_data(made.spec, encode_key(key), chain)
    body = b"".join(line for line in data["tls.key"].splitlines() if not line.startswith(b"-----"))
    assert data["key.der"] == base64.b64decode(body), "what the PEM holds"
    assert same_public_key(load_der_private_key(data["key.der"], None), key)  # type: ignore[arg-type]
    assert data["tls-combined.pem"] == data["tls.key"] + b"\n" + data["tls.crt"]


@pytest.mark.parametrize("algorithm", ["RSA", "ECDSA", "Ed25519"])
def test_java_stores_are_read_by_who_knows_the_format(algorithm: str) -> None:
    made = certificate(privateKey={"algorithm": algorithm}, keystores=STORES)
    key = key_of(algorithm, PrivateKeySpec.of(made.spec.private_key).size)
    leaf, root = signed(made, key, since=NOW), authority().certificate
    data = secret_data(
        made.spec, encode_key(key), pem_of((leaf, root)), pem_of((root,)), literal_passwords(made.spec)
    )
    own, trusted = read_jks(data["keystore.jks"], PASSWORD)
    assert (own.alias, own.milliseconds) == ("web", int(NOW.timestamp()) * 1000)
    assert own.key == key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    assert own.certificates == (leaf.public_bytes(Encoding.DER),)
    assert (trusted.alias, trusted.certificates) == ("ca", (root.public_bytes(Encoding.DER),))
    assert read_jks(data["truststore.jks"], PASSWORD) == (trusted,)


def test_java_stores_are_the_same_bytes_each_time() -> None:
    made = certificate(keystores={"jks": STORES["jks"]})
    chain = pem_of((signed(made, key_of()),))
    first, second = (
        secret_data(made.spec, encode_key(key_of()), chain, b"", literal_passwords(made.spec)) for _ in range(2)
    )
    assert first == second
    other = Passwords(jks=SecretBytes(b"other"))
    assert secret_data(made.spec, encode_key(key_of()), chain, b"", other)["keystore.jks"] != first["keystore.jks"]


def test_stores_that_do_not_open() -> None:
    store = data_of(certificate(keystores=STORES))["keystore.jks"]
    assert jks.opens(store, SecretBytes(PASSWORD.encode()))
    for broken in (b"", store[:-1], store[:30] + b"x" + store[31:], b"x" * 100):
        assert not jks.opens(broken, SecretBytes(PASSWORD.encode()))
    assert not jks.opens(store, SecretBytes(b"wrong"))


@pytest.mark.parametrize("profile", ["", "LegacyDES", "Modern2023"])
def test_pkcs12(profile: str) -> None:
    made = certificate(keystores={"pkcs12": {**STORES["pkcs12"], "profile": profile}})
    data = data_of(made, ca=True)
    found = load_pkcs12(data["keystore.p12"], PASSWORD.encode())
    assert found.cert is not None
    assert found.cert.certificate == parse_chain(data["tls.crt"]).certificates[0]
    assert same_public_key(found.key, key_of())  # type: ignore[arg-type]
    assert [one.certificate for one in found.additional_certs] == [authority().certificate]
    trust = load_pkcs12(data["truststore.p12"], PASSWORD.encode())
    assert [one.certificate for one in trust.additional_certs] == [authority().certificate]


def test_stores_wait_for_their_password() -> None:
    ref = {"name": "pw", "key": "p"}
    stores = {name: {"create": True, "passwordSecretRef": ref} for name in ("jks", "pkcs12")}
    made = certificate(keystores=stores)
    assert set(data_of(made, ca=True)) == {"tls.crt", "tls.key", "ca.crt"}
    given = Passwords(pkcs12=SecretBytes(b"x"))
    assert {"keystore.p12", "truststore.p12"} < set(data_of(made, ca=True, passwords=given))
    off = certificate(keystores={"jks": {"create": False, "password": "x"}})
    assert set(data_of(off)) == {"tls.crt", "tls.key"}


class TestMarks:
    def test_all_of_them(self) -> None:
        made = certificate(
            commonName="web.test",
            dnsNames=["web.test", "b.test"],
            ipAddresses=["192.0.2.1"],
            uris=["http://a/?b,c"],
            emailAddresses=["me@a.test"],
            subject={
                "organizations": ["One, Inc.", 'Say "two"'],
                "countries": ["DE"],
                "organizationalUnits": ["u"],
                "provinces": ["p"],
                "localities": ["l"],
                "postalCodes": ["1"],
                "streetAddresses": ["s"],
                "serialNumber": "7",
            },
        )
        found = annotations("web", made.spec.issuer_ref, parse_chain(pem_of((signed(made, key_of()),))).leaf)
        assert {key.removeprefix("cert-manager.io/"): value for key, value in found.items()} == {
            "certificate-name": "web",
            "issuer-name": "ca",
            "issuer-kind": "Issuer",
            "issuer-group": "cert-manager.io",
            "common-name": "web.test",
            "alt-names": "web.test,b.test",
            "ip-sans": "192.0.2.1",
            "uri-sans": '"http://a/?b,c"',
            "email-sans": "me@a.test",
            "subject-organizations": '"One, Inc.","Say ""two"""',
            "subject-countries": "DE",
            "subject-organizationalunits": "u",
            "subject-provinces": "p",
            "subject-localities": "l",
            "subject-postalcodes": "1",
            "subject-streetaddresses": "s",
            "subject-serialnumber": "7",
        }

    def test_four_are_there_even_when_empty(self) -> None:
        made = certificate(ipAddresses=["192.0.2.1"])
        found = annotations("web", None, parse_chain(pem_of((signed(made, key_of()),))).leaf)
        assert found == {
            "cert-manager.io/certificate-name": "web",
            "cert-manager.io/common-name": "",
            "cert-manager.io/alt-names": "",
            "cert-manager.io/ip-sans": "192.0.2.1",
            "cert-manager.io/uri-sans": "",
        }

    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            ([], ""),
            ([""], ""),
            (["a", ""], "a,"),
            ([" a", "a "], '" a",a '),
            (['a"b', "c\nd"], '"a""b","c\nd"'),
            ([r"\."], r'"\."'),
        ],
    )
    def test_quoting(self, values: list[str], expected: str) -> None:
        assert csv(values) == expected

    def test_the_whole_of_what_is_applied(self) -> None:
        marks = {"annotations": {"reflector": "yes"}, "labels": {"team": "a"}}
        made = certificate(secretTemplate=marks)
        data = data_of(made)
        body = applied(made, data, made.spec.issuer_ref, owned=True)
        assert (body["apiVersion"], body["kind"], body["type"]) == ("v1", "Secret", "kubernetes.io/tls")
        metadata = body["metadata"]
        assert (metadata["name"], metadata["namespace"]) == ("web-tls", "apps")
        assert metadata["labels"] == {"team": "a", **LABELS}
        assert metadata["annotations"]["reflector"] == "yes"
        assert metadata["annotations"]["cert-manager.io/alt-names"] == "web.test"
        assert [owner["uid"] for owner in metadata["ownerReferences"]] == ["uid-web"]
        assert {name: base64.b64decode(text) for name, text in body["data"].items()} == data
        assert "ownerReferences" not in applied(made, data, None)["metadata"]
        assert applied(made, data, None, existing_type="Opaque")["type"] == "Opaque"

    def test_no_template(self) -> None:
        assert template(certificate().spec) == ({}, {})


ENTRIES: list[dict[str, Any]] = [
    {
        "manager": "us",
        "operation": "Apply",
        "fieldsV1": {
            "f:data": {".": {}, "f:tls.crt": {}, "f:key.der": {}},
            "f:metadata": {
                "f:annotations": {"f:cert-manager.io/alt-names": {}, "f:a/b": {}},
                "f:labels": {"f:team": {}},
                "f:ownerReferences": {'k:{"uid":"u1"}': {}},
            },
        },
    },
    {"manager": "us", "operation": "Update", "fieldsV1": {"f:data": {"f:by-update": {}}}},
    {"manager": "kubectl", "operation": "Apply", "fieldsV1": {"f:data": {"f:theirs": {}}}},
    "nonsense",  # type: ignore[list-item]
]


def test_what_is_ours_is_told_from_managed_fields() -> None:
    found = managed_by(ENTRIES, "us")
    expected = Managed(
        annotations=frozenset({"cert-manager.io/alt-names", "a/b"}),
        labels=frozenset({"team"}),
        data=frozenset({"tls.crt", "key.der"}),
        owners=frozenset({"u1"}),
    )
    assert found == expected
    assert managed_by([], "us") == Managed()


@pytest.mark.parametrize("fields", [{"f:data": 1}, {"f:metadata": {"f:ownerReferences": {"k:x": {}}}}, [1]])
def test_managed_fields_that_cannot_be_read(fields: Any) -> None:
    with pytest.raises(ManagedFieldsProblem):
        managed_by([{"manager": "us", "operation": "Apply", "fieldsV1": fields}], "us")


def published(**spec: Any) -> Published:
    """As it should be: what was applied is there, and all of it is ours."""
    made = certificate(**spec)
    body = applied(made, data_of(made, ca=True), made.spec.issuer_ref)
    metadata = body["metadata"]
    secret = msgspec.convert({"metadata": metadata, "type": body["type"]}, Secret, dec_hook=lambda _, value: value)
    held = {name: Base64Secret(base64.b64decode(text)) for name, text in body["data"].items()}
    ours = Managed(frozenset(metadata["annotations"]), frozenset(metadata["labels"]), frozenset(held))
    secret = msgspec.structs.replace(secret, data=held)
    return Published(made, secret, made.spec.issuer_ref, ours, literal_passwords(made.spec))


def with_metadata(found: Published, **changes: Any) -> Published:
    metadata = msgspec.structs.replace(found.secret.metadata, **changes)
    return found._replace(secret=msgspec.structs.replace(found.secret, metadata=metadata))


def with_data(found: Published, changes: dict[str, bytes | None]) -> Published:
    kept = {name: value for name, value in found.secret.data.items() if name not in changes}
    new = {name: Base64Secret(value) for name, value in changes.items() if value is not None}
    return found._replace(secret=msgspec.structs.replace(found.secret, data=kept | new))


FULL: dict[str, Any] = {
    "secretTemplate": {"annotations": {"a/b": "c"}, "labels": {"team": "a"}},
    "additionalOutputFormats": [{"type": "DER"}],
    "keystores": STORES,
}


def broken(name: str) -> Published:
    """One thing is wrong in what was published."""
    found = published(**FULL)
    marks, labels = found.secret.metadata.annotations, found.secret.metadata.labels
    plain = certificate()
    match name:
        case "no label of ours":
            return with_metadata(found, labels={"team": "a"})
        case "an edited detail":
            return with_metadata(found, annotations={**marks, "cert-manager.io/alt-names": "x"})
        case "a detail of the certificate before":
            ours = Managed(frozenset(marks) | {"cert-manager.io/email-sans"})
            return with_metadata(found, annotations={**marks, "cert-manager.io/email-sans": "x"})._replace(
                managed=ours
            )
        case "an edited template":
            return with_metadata(found, labels={**labels, "team": "b"})
        case "a template that is gone":
            return found._replace(certificate=plain)
        case "a format edited by hand":
            return with_data(found, {"key.der": b"x"})
        case "a format that is not wanted":
            return found._replace(certificate=certificate(**{**FULL, "additionalOutputFormats": []}))
        case "no owner":
            return found._replace(owned=True)
        case "an owner that is not wanted":
            assert isinstance(found.managed, Managed)
            return found._replace(managed=found.managed._replace(owners=frozenset({"uid-web"})))
        case "a lost store":
            return with_data(found, {"truststore.p12": None})
        case "a store with another password":
            return found._replace(passwords=Passwords(SecretBytes(b"new"), SecretBytes(PASSWORD.encode())))
        case "a store that is not wanted":
            return found._replace(certificate=certificate(**{**FULL, "keystores": {"jks": STORES["jks"]}}))
        case _:
            return found._replace(managed=ManagedFieldsProblem("unreadable"))


BROKEN = {
    "no label of ours": ("SecretManagedMetadataMismatch", "label controller.cert-manager.io/fao"),
    "an edited detail": ("SecretManagedMetadataMismatch", "annotation cert-manager.io/alt-names"),
    "a detail of the certificate before": ("SecretManagedMetadataMismatch", "cert-manager.io/email-sans, which"),
    "an edited template": ("SecretTemplateMismatch", "label team"),
    "a template that is gone": ("SecretTemplateMismatch", "annotation a/b, which is not wanted any more"),
    "a format edited by hand": ("AdditionalOutputFormatsMismatch", "key.der"),
    "a format that is not wanted": ("AdditionalOutputFormatsMismatch", "key.der, which"),
    "no owner": ("SecretOwnerRefMismatch", "the owner reference"),
    "an owner that is not wanted": ("SecretOwnerRefMismatch", "not wanted"),
    "a lost store": ("SecretMismatch", "truststore.p12"),
    "a store with another password": ("SecretMismatch", "keystore.jks"),
    "a store that is not wanted": ("SecretMismatch", "keystore.p12, which"),
    "managed fields": ("ManagedFieldsParseError", "unreadable"),
}


@pytest.mark.parametrize("spec", [{}, FULL], ids=["plain", "full"])
def test_what_was_published_is_as_it_should_be(spec: dict[str, Any]) -> None:
    found = published(**spec)
    assert post_issuance(found) is None
    assert post_issuance(found._replace(managed=None)) is None


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_put_right(name: str) -> None:
    reason, words = BROKEN[name]
    found = post_issuance(broken(name))
    assert found is not None
    assert found.reason == reason
    assert words in found.message


def test_what_others_put_there_is_theirs() -> None:
    found = published()
    metadata = found.secret.metadata
    found = with_metadata(
        found, annotations={**metadata.annotations, "x": "y"}, labels={**metadata.labels, "x": "y"}
    )
    assert post_issuance(with_data(found, {"theirs": b"x", "key.der": b"theirs too"})) is None
