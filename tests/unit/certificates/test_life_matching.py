"""Which fields of a Certificate its request, or its certificate, says otherwise."""

from typing import Any

import pytest

from hearthgate.certificates.life.matching import certificate_differs, request_differs
from hearthgate.certificates.x509.leaf import Leaf, parse_chain, pem_of
from tests.certificate_samples import certificate, key_of, requested, signed

BASE: dict[str, Any] = {
    "commonName": "web.test",
    "dnsNames": ["web.test", "b.test"],
    "ipAddresses": ["192.0.2.1"],
    "uris": ["spiffe://web"],
    "emailAddresses": ["me@web.test"],
    "otherNames": [{"oid": "1.2.3", "utf8Value": "x"}],
    "subject": {"organizations": ["one", "two"], "serialNumber": "7"},
    "usages": ["server auth", "digital signature"],
    "duration": "48h",
    "isCA": True,
    "nameConstraints": {"permitted": {"dnsDomains": ["web.test", "b.test"]}},
}

SAME: dict[str, dict[str, Any]] = {
    "nothing": {},
    "order": {
        "dnsNames": ["b.test", "web.test"],
        "subject": {"organizations": ["two", "one"], "serialNumber": "7"},
    },
    "repetition": {"dnsNames": ["b.test", "web.test", "b.test"]},
    "another spelling of an address": {"ipAddresses": ["::ffff:192.0.2.1"]},
    "another word of a usage": {"usages": ["signing", "server auth"]},
    "another spelling of a duration": {"duration": "2880m"},
    "no duration": {"duration": None},
    "order of constraints": {"nameConstraints": {"permitted": {"dnsDomains": ["b.test", "web.test"]}}},
    "critical constraints": {"nameConstraints": {**BASE["nameConstraints"], "critical": True}},
    "what no request says": {"secretName": "other", "renewBefore": "1h", "revisionHistoryLimit": 9},
}

DIFFERENT: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "dnsNames": ({"dnsNames": ["web.test"]}, ("dnsNames",)),
    "case": ({"dnsNames": ["web.test", "B.test"]}, ("dnsNames",)),
    "ipAddresses": ({"ipAddresses": []}, ("ipAddresses",)),
    "uris": ({"uris": ["spiffe://other"]}, ("uris",)),
    "emailAddresses": ({"emailAddresses": ["me@web.test", "you@web.test"]}, ("emailAddresses",)),
    "otherNames": ({"otherNames": [{"oid": "1.2.3", "utf8Value": "y"}]}, ("otherNames",)),
    "commonName": ({"commonName": "b.test"}, ("commonName",)),
    "organizations": ({"subject": {"organizations": ["one"], "serialNumber": "7"}}, ("subject.organizations",)),
    "serialNumber": ({"subject": {"organizations": ["one", "two"]}}, ("subject.serialNumber",)),
    "more of the subject": (
        {"subject": {**BASE["subject"], "countries": ["DE"], "streetAddresses": ["Road 1"]}},
        ("subject.countries", "subject.streetAddresses"),
    ),
    "usages": ({"usages": ["server auth"]}, ("usages",)),
    "isCA": ({"isCA": False, "nameConstraints": None}, ("isCA", "usages", "nameConstraints")),
    "duration": ({"duration": "49h"}, ("duration",)),
    "issuer": ({"issuerRef": {"name": "other"}}, ("issuerRef",)),
    "kind of issuer": ({"issuerRef": {"name": "ca", "kind": "ClusterIssuer"}}, ("issuerRef",)),
    "constraints": ({"nameConstraints": {"excluded": {"dnsDomains": ["b.test"]}}}, ("nameConstraints",)),
    "a literal subject": (
        {"subject": None, "commonName": "", "literalSubject": "CN=web.test"},
        ("literalSubject",),
    ),
    "several": ({"dnsNames": [], "uris": []}, ("uris", "dnsNames")),
}


def _spec(changes: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in (BASE | changes).items() if value is not None}


@pytest.mark.parametrize("name", SAME)
def test_the_same(name: str) -> None:
    request = requested(certificate(**BASE), key_of())
    assert request_differs(certificate(**_spec(SAME[name])).spec, request) == ()


@pytest.mark.parametrize("name", DIFFERENT)
def test_different(name: str) -> None:
    changes, expected = DIFFERENT[name]
    request = requested(certificate(**BASE), key_of())
    assert request_differs(certificate(**_spec(changes)).spec, request) == expected


def test_a_literal_subject_is_compared_by_its_parts() -> None:
    request = requested(certificate(literalSubject="CN=web, O=one, DC=test"), key_of())
    for text, expected in (
        ("cn=web,o=one,dc=test", ()),
        ("CN=#1303776562,O=one,DC=test", ()),  # the same in another type of string
        ("O=one,CN=web,DC=test", ("literalSubject",)),
        ("CN=web,O=two,DC=test", ("literalSubject",)),
    ):
        assert request_differs(certificate(literalSubject=text).spec, request) == expected


FUZZY: dict[str, tuple[dict[str, Any], dict[str, Any], tuple[str, ...]]] = {
    "the common name among the names": ({"commonName": "a.test"}, {"dnsNames": ["a.test"]}, ()),
    "a name as common name": ({"dnsNames": ["a.test"]}, {"commonName": "a.test"}, ()),
    "case": ({"dnsNames": ["A.test"]}, {"dnsNames": ["a.test"]}, ()),
    "an address as common name": (
        {"ipAddresses": ["192.0.2.1"]},
        {"commonName": "192.0.2.1", "ipAddresses": ["192.0.2.1"]},
        (),
    ),
    "an address that is no common name any more": (
        {"commonName": "192.0.2.1", "ipAddresses": ["192.0.2.1"]},
        {"ipAddresses": ["192.0.2.1"]},
        (),
    ),
    "a literal subject": ({"literalSubject": "CN=a.test,O=x"}, {"commonName": "a.test"}, ()),
    "a name more": ({"dnsNames": ["a.test"]}, {"dnsNames": ["a.test", "b.test"]}, ("dnsNames",)),
    "a name less": ({"dnsNames": ["a.test", "b.test"]}, {"dnsNames": ["a.test"]}, ("dnsNames",)),
    "other names": (
        {"ipAddresses": ["192.0.2.1"], "uris": ["a:b"], "emailAddresses": ["a@b"]},
        {"commonName": "x"},
        ("dnsNames", "ipAddresses", "uris", "emailAddresses"),
    ),
    "usages do not count": ({"usages": ["any"]}, {"usages": ["server auth"]}, ()),
}


def _leaf(spec: dict[str, Any]) -> Leaf:
    return parse_chain(pem_of((signed(certificate(**spec), key_of()),))).leaf


@pytest.mark.parametrize("name", FUZZY)
def test_certificates_are_judged_leniently(name: str) -> None:
    asked, given, expected = FUZZY[name]
    assert certificate_differs(certificate(**asked).spec, _leaf(given)) == expected
