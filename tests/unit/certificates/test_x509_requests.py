"""Signing requests: what is in them, and what no request can say."""

import base64
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from hearthgate.certificates.x509.csr import RequestFacts, facts_of, parse_request, request_of
from hearthgate.certificates.x509.names import Names
from hearthgate.resources.certmanager.certificate import CertificateSpec
from hearthgate.resources.walk import Mistake
from tests.certificate_samples import certificate, facts, key_of, requested


def test_all_names_are_in_it() -> None:
    made = certificate(
        commonName="web.test",
        dnsNames=["web.test", "*.web.test"],
        ipAddresses=["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.2"],
        uris=["spiffe://web.test/a"],
        emailAddresses=["me@web.test"],
        otherNames=[{"oid": "1.3.6.1.4.1.311.20.2.3", "utf8Value": "üser@web.test"}],
    )
    read = facts(made, key_of())
    assert read.common_name == "web.test"
    assert read.names == Names(
        ("web.test", "*.web.test"),
        ("192.0.2.1", "2001:db8::1", "192.0.2.2"),
        ("spiffe://web.test/a",),
        ("me@web.test",),
        (("1.3.6.1.4.1.311.20.2.3", "üser@web.test"),),
    )
    assert read.usages == frozenset({"digital signature", "key encipherment"})
    assert read.is_ca is None


@pytest.mark.parametrize(("spec", "critical"), [({}, True), ({"commonName": "web.test"}, False)])
def test_names_are_critical_when_they_are_all_there_is(spec: dict[str, Any], critical: bool) -> None:
    read = facts(certificate(dnsNames=["web.test"], **spec), key_of())
    names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.critical is critical


SUBJECTS: dict[str, tuple[dict[str, Any], str]] = {
    "lists": (
        {
            "commonName": "web",
            "subject": {
                "countries": ["DE"],
                "organizations": ["one", "two"],
                "organizationalUnits": ["unit"],
                "localities": ["Berlin"],
                "provinces": ["Berlin"],
                "streetAddresses": ["Road 1"],
                "postalCodes": ["10115"],
                "serialNumber": "7",
            },
        },
        "2.5.4.5=7,CN=web,2.5.4.17=10115,STREET=Road 1,ST=Berlin,L=Berlin,OU=unit,O=one+O=two,C=DE",
    ),
    "a country that is no code": ({"subject": {"countries": ["Germany"]}, "dnsNames": ["a.test"]}, "C=Germany"),
    "empty words": (
        {"subject": {"organizations": ["", "one"], "countries": [""]}, "dnsNames": ["a.test"]},
        "O=one",
    ),
    "literal": ({"literalSubject": "CN=web, OU=a+L=b,o=c\\, d,DC=x"}, "CN=web,L=b+OU=a,O=c\\, d,DC=x"),
    "literal in hexadecimal": ({"literalSubject": "CN=#0C03776562,2.5.4.97=id"}, "CN=web,2.5.4.97=id"),
    "literal in quotes": ({"literalSubject": 'CN="a,b",O=x\\ '}, "CN=a\\,b,O=x\\ "),
    "literal escaped": ({"literalSubject": "CN=Lu\\C4\\8Di\\C4\\87"}, "CN=Lučić"),
}


@pytest.mark.filterwarnings("ignore:Attribute's length")
@pytest.mark.parametrize("name", SUBJECTS)
def test_subjects(name: str) -> None:
    spec, expected = SUBJECTS[name]
    assert facts(certificate(**spec), key_of()).subject.rfc4514_string() == expected


USAGES: dict[str, tuple[list[str], bool, set[str]]] = {
    "none": ([], False, {"digital signature", "key encipherment"}),
    "purposes only": (["server auth"], False, {"server auth"}),
    "synonyms": (["signing", "s/mime"], False, {"digital signature", "email protection"}),
    "a CA": (["crl sign"], True, {"crl sign", "cert sign"}),
    "halves": (["key agreement", "encipher only"], False, {"key agreement", "encipher only"}),
    "all purposes": (
        [
            *("any", "server auth", "client auth", "code signing", "email protection", "ipsec end system"),
            *("ipsec tunnel", "ipsec user", "timestamping", "ocsp signing", "microsoft sgc", "netscape sgc"),
        ],
        False,
        {
            *("any", "server auth", "client auth", "code signing", "email protection", "ipsec end system"),
            *("ipsec tunnel", "ipsec user", "timestamping", "ocsp signing", "microsoft sgc", "netscape sgc"),
        },
    ),
}


@pytest.mark.parametrize("name", USAGES)
def test_usages(name: str) -> None:
    usages, is_ca, expected = USAGES[name]
    assert facts(certificate(usages=usages, isCA=is_ca, commonName="c"), key_of()).usages == frozenset(expected)


def test_usages_can_be_left_out() -> None:
    assert facts(certificate(encodeUsagesInRequest=False, usages=["any"]), key_of()).usages is None


SIGNATURES = [
    ("RSA", 2048, "", "sha256"),
    ("RSA", 3072, "", "sha384"),
    ("ECDSA", 256, "", "sha256"),
    ("ECDSA", 384, "", "sha384"),
    ("ECDSA", 521, "", "sha512"),
    ("ECDSA", 256, "ECDSAWithSHA512", "sha512"),
    ("RSA", 2048, "SHA384WithRSA", "sha384"),
    ("Ed25519", 0, "", ""),
    ("Ed25519", 0, "PureEd25519", ""),
]


@pytest.mark.parametrize(("algorithm", "size", "signature", "expected"), SIGNATURES)
def test_hashes(algorithm: str, size: int, signature: str, expected: str) -> None:
    key = {"algorithm": algorithm, "size": size}
    made = certificate(privateKey=key, signatureAlgorithm=signature)
    used = facts(made, key_of(algorithm, size)).csr.signature_hash_algorithm
    assert (used.name if used is not None else "") == expected


def test_constraints_of_a_ca() -> None:
    constraints = {
        "critical": True,
        "permitted": {"dnsDomains": ["home.test"], "ipRanges": ["10.0.0.0/8"], "uriDomains": ["x.test"]},
        "excluded": {"emailAddresses": ["bad.test"]},
    }
    read = facts(certificate(isCA=True, commonName="c", nameConstraints=constraints), key_of())
    found = read.extensions.get_extension_for_class(x509.NameConstraints)
    assert found.critical
    assert [str(name.value) for name in found.value.permitted_subtrees or ()] == [
        "home.test",
        "10.0.0.0/8",
        "x.test",
    ]
    assert [name.value for name in found.value.excluded_subtrees or ()] == ["bad.test"]


IMPOSSIBLE: dict[str, tuple[dict[str, Any], str]] = {
    "umlauts": ({"dnsNames": ["bücher.test"]}, "spec.dnsNames[0]"),
    "no address": ({"ipAddresses": ["192.0.2.256"]}, "spec.ipAddresses[0]"),
    "a zone": ({"ipAddresses": ["fe80::1%eth0"]}, "spec.ipAddresses[0]"),
    "a URI in UTF-8": ({"uris": ["http://ü"]}, "spec.uris[0]"),
    "a display name": ({"emailAddresses": ["Me <me@a.test>"]}, "spec.emailAddresses[0]"),
    "no OID": ({"otherNames": [{"oid": "one", "utf8Value": "x"}]}, "spec.otherNames[0]"),
    "half a usage": ({"dnsNames": ["a.test"], "usages": ["decipher only"]}, "spec.usages"),
    "an unknown key": ({"literalSubject": "CN=a,X=b"}, "spec.literalSubject"),
    "no range": (
        {"commonName": "c", "nameConstraints": {"permitted": {"ipRanges": ["10.0.0.1"]}}},
        "spec.nameConstraints.permitted.ipRanges[0]",
    ),
    "no constraint": ({"commonName": "c", "nameConstraints": {}}, "spec.nameConstraints"),
}


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_what_no_request_can_say_is_named(name: str) -> None:
    """Admission refuses these, but a cluster may hold them from before."""
    spec, field = IMPOSSIBLE[name]
    wanted = msgspec.convert({"secretName": "s", "issuerRef": {"name": "i"}, **spec}, CertificateSpec)
    found = request_of(wanted, key_of())
    assert isinstance(found, Mistake)
    assert found.path == field


def test_broken_requests_are_told() -> None:
    whole = facts(certificate(), key_of()).csr.public_bytes(Encoding.DER)
    forged = x509.load_der_x509_csr(whole[:-1] + bytes([whole[-1] ^ 1]))
    pem = forged.public_bytes(Encoding.PEM)
    for bad, words in ((b"", "not a signing request"), (b"hello", "not a signing request"), (pem, "signature")):
        found = parse_request(bad)
        assert isinstance(found, Mistake)
        assert (found.path, words in found.message) == ("spec.request", True)


def test_facts_of_an_object() -> None:
    made = certificate()
    request = requested(made, key_of())
    read = facts_of(request)
    assert isinstance(read, RequestFacts)
    assert read.names.dns == ("web.test",)
    for text in ("&&&", base64.b64encode(b"x").decode()):
        broken = msgspec.structs.replace(request, spec=msgspec.structs.replace(request.spec, request=text))
        assert isinstance(facts_of(broken), Mistake)
