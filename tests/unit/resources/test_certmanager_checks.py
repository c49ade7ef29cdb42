"""Certificates and issuers as upstream's webhook judges them: fields and words, all at once."""

import base64
from typing import Any

import pytest

from hearthgate.model.problems import Problem, Reason
from hearthgate.resources.certmanager.checks.issuer import read_nameserver
from hearthgate.resources.decode import Decoded, decode_mapping

Object = dict[str, Any]

REF = {"name": "s", "key": "k"}


def judged(kind: str, spec: Object) -> Decoded:
    metadata = {"name": "a", **({} if kind == "ClusterIssuer" else {"namespace": "b"})}
    return decode_mapping({"apiVersion": "cert-manager.io/v1", "kind": kind, "metadata": metadata, "spec": spec})


def errors(decoded: Decoded) -> list[Problem]:
    return [problem for problem in decoded.problems if problem.is_error]


def certificate(**spec: Any) -> Object:
    return {"secretName": "s", "issuerRef": {"name": "i"}, "dnsNames": ["a.test"], **spec}


def only(**spec: Any) -> Object:
    """Without any other name."""
    return {"secretName": "s", "issuerRef": {"name": "i"}, **spec}


def windows(**window: Any) -> Object:
    return {"renewal": {"windows": [{"cron": "@daily", "windowDuration": "1h", **window}]}}


GOOD: dict[str, Object] = {
    "the homelab's": certificate(commonName="*.home.test", dnsNames=["*.home.test"]),
    "a common name alone": only(commonName="x"),
    "an address alone": only(ipAddresses=["2001:db8::1"]),
    "a URI alone": only(uris=["spiffe://a"]),
    "an e-mail address alone": only(emailAddresses=["me+x@a.test"]),
    "another name alone": only(otherNames=[{"oid": "1.2.3", "utf8Value": "x"}]),
    "a literal subject alone": only(literalSubject="O=x,CN=a"),
    "a literal subject without a name, beside names": certificate(literalSubject="O=x"),
    "another program's issuer": certificate(issuerRef={"name": "i", "kind": "Any", "group": "x.test"}),
    "an issuer by kind": certificate(issuerRef={"name": "i", "kind": "ClusterIssuer", "group": "cert-manager.io"}),
    "a percentage": certificate(renewBeforePercentage=1),
    "times": certificate(duration="1h", renewBefore="5m"),
    "windows": certificate(**windows(cron="0 3 ? * sat", timezone="Europe/Berlin")),
    "never": certificate(renewal={"policy": "Disabled"}),
    "keys": certificate(privateKey={"algorithm": "ECDSA", "size": 521}, signatureAlgorithm="ECDSAWithSHA512"),
    "a size of Ed25519": certificate(
        privateKey={"algorithm": "Ed25519", "size": 7}, signatureAlgorithm="PureEd25519"
    ),
    "an annotation of ours that is allowed": certificate(
        secretTemplate={"annotations": {"cert-manager.io/allow-direct-injection": "true", "a.test/B_c": "x"}}
    ),
    "stores": certificate(
        keystores={
            "jks": {"create": True, "passwordSecretRef": REF},
            "pkcs12": {"create": True, "password": "x", "profile": "Modern2023"},
        }
    ),
    "a store that is off": certificate(keystores={"pkcs12": {"create": False, "profile": "LegacyRC2"}}),
    "constraints": certificate(isCA=True, nameConstraints={"excluded": {"ipRanges": ["10.0.0.0/8", "::/0"]}}),
    "half a usage beside its whole": certificate(usages=["key agreement", "decipher only"]),
}


@pytest.mark.parametrize("name", GOOD)
def test_good_certificates(name: str) -> None:
    assert errors(judged("Certificate", GOOD[name])) == []


BAD: dict[str, tuple[Object, str, str]] = {
    "no secret": (certificate(secretName=""), "secretName", "required"),
    "a secret with capitals": (certificate(secretName="Web"), "secretName", "'Web'"),
    "no issuer": (certificate(issuerRef={"name": ""}), "issuerRef.name", "required"),
    "an unknown kind": (
        certificate(issuerRef={"name": "i", "kind": "ClusterIsuer"}),
        "issuerRef.kind",
        "did you mean",
    ),
    "no name": (only(), "", "needs dnsNames"),
    "no name in the subject": (only(literalSubject="O=x"), "", "needs dnsNames"),
    "a long name in bytes": (certificate(commonName="ü" * 33), "commonName", "64 bytes"),
    "umlauts": (certificate(dnsNames=["bücher.test"]), "dnsNames[0]", "xn--bcher-kva.test"),
    "an empty name": (certificate(dnsNames=["a.test", ""]), "dnsNames[1]", "''"),
    "a name with spaces": (certificate(dnsNames=["a. test"]), "dnsNames[0]", "ASCII"),
    "no address": (certificate(ipAddresses=["10.0.0"]), "ipAddresses[0]", "'10.0.0'"),
    "a zone": (certificate(ipAddresses=["fe80::1%eth0"]), "ipAddresses[0]", "not an IP address"),
    "a URI with spaces": (certificate(uris=["http://a b"]), "uris[0]", "URI"),
    "a display name": (certificate(emailAddresses=["Me <me@a.test>"]), "emailAddresses[0]", "plain address"),
    "a mailto": (certificate(emailAddresses=["mailto:me@a.test"]), "emailAddresses[0]", "plain address"),
    "no OID": (certificate(otherNames=[{"oid": "1", "utf8Value": "x"}]), "otherNames[0].oid", "'1'"),
    "no value": (certificate(otherNames=[{"oid": "1.2", "utf8Value": ""}]), "otherNames[0].utf8Value", "required"),
    "two subjects": (
        certificate(literalSubject="CN=a", subject={"countries": ["DE"]}),
        "literalSubject",
        "spec.subject",
    ),
    "two common names": (certificate(literalSubject="CN=a", commonName="a"), "literalSubject", "spec.commonName"),
    "an unknown key": (certificate(literalSubject="CN=a,X=b"), "literalSubject", "unknown key"),
    "short": (certificate(duration="59m"), "duration", "least is 1h"),
    "negative": (certificate(duration="-2h"), "duration", "too short"),
    "renewed at once": (certificate(duration="2h", renewBefore="2h"), "renewBefore", "not shorter"),
    "renewed before it begins": (certificate(renewBefore="2161h"), "renewBefore", "2160h"),
    "renewed in the last moment": (certificate(renewBefore="299s"), "renewBefore", "least is 5m"),
    "twice renewed": (certificate(renewBefore="1h", renewBeforePercentage=5), "renewBefore", "only one"),
    "all of it": (certificate(renewBeforePercentage=100), "renewBeforePercentage", "within 1 to 99"),
    "nothing of it": (certificate(renewBeforePercentage=0), "renewBeforePercentage", "within 1 to 99"),
    "a little of it": (certificate(duration="1h", renewBeforePercentage=5), "renewBeforePercentage", "5m"),
    "windows that never count": (
        certificate(renewal={"policy": "Disabled", **windows()["renewal"]}),
        "renewal.windows",
        "never renews",
    ),
    "a window of no time": (
        certificate(**windows(windowDuration="0s")),
        "renewal.windows[0].windowDuration",
        "0s",
    ),
    "no time zone": (certificate(**windows(timezone="Mars/Base")), "renewal.windows[0].timezone", "Mars/Base"),
    "no cron": (certificate(**windows(cron="0 0 * * 7")), "renewal.windows[0].cron", "0 for Sunday"),
    "half a usage": (certificate(usages=["encipher only"]), "usages", "key agreement"),
    "a small key": (certificate(privateKey={"size": 1024}), "privateKey.size", "2048 to 8192"),
    "no curve": (
        certificate(privateKey={"algorithm": "ECDSA", "size": 512}),
        "privateKey.size",
        "256, 384 or 521",
    ),
    "another signature": (
        certificate(signatureAlgorithm="PureEd25519"),
        "signatureAlgorithm",
        "needs a key of Ed25519",
    ),
    "an annotation of ours": (
        certificate(secretTemplate={"annotations": {"cert-manager.io/alt-names": "x"}}),
        "secretTemplate.annotations.cert-manager.io/alt-names",
        "written by the controller",
    ),
    "no annotation": (
        certificate(secretTemplate={"annotations": {"a b": "x"}}),
        "secretTemplate.annotations.a b",
        "[domain/]name",
    ),
    "long annotations": (
        certificate(secretTemplate={"annotations": {"a": "x" * 262_144}}),
        "secretTemplate.annotations",
        "256 KiB",
    ),
    "no label": (
        certificate(secretTemplate={"labels": {"a": "b c"}}),
        "secretTemplate.labels.a",
        "value of a label",
    ),
    "a format twice": (
        certificate(additionalOutputFormats=[{"type": "DER"}, {"type": "DER"}]),
        "additionalOutputFormats",
        "DER more than once",
    ),
    "no password": (certificate(keystores={"jks": {"create": True}}), "keystores.jks", "needs one of"),
    "two passwords": (
        certificate(keystores={"jks": {"create": True, "password": "x", "passwordSecretRef": REF}}),
        "keystores.jks",
        "only one",
    ),
    "an empty password": (
        certificate(keystores={"pkcs12": {"create": True, "password": ""}}),
        "keystores.pkcs12.password",
        "empty",
    ),
    "a password without a key": (
        certificate(keystores={"pkcs12": {"create": True, "passwordSecretRef": {"name": "s"}}}),
        "keystores.pkcs12.passwordSecretRef.key",
        "required",
    ),
    "a profile that is too old": (
        certificate(keystores={"pkcs12": {"create": True, "password": "x", "profile": "LegacyRC2"}}),
        "keystores.pkcs12.profile",
        "use LegacyDES",
    ),
    "constraints of no CA": (
        certificate(nameConstraints={"permitted": {"dnsDomains": ["a"]}}),
        "nameConstraints",
        "isCA",
    ),
    "no constraint": (
        certificate(isCA=True, nameConstraints={"permitted": {}}),
        "nameConstraints",
        "at least one name",
    ),
    "no range": (
        certificate(isCA=True, nameConstraints={"permitted": {"ipRanges": ["10.0.0.1"]}}),
        "nameConstraints.permitted.ipRanges[0]",
        "10.0.0.0/8",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_certificates(name: str) -> None:
    spec, field, words = BAD[name]
    decoded = judged("Certificate", spec)
    assert decoded.resource is None
    assert [(p.field, words in p.message) for p in errors(decoded)] == [
        (f"spec.{field}" if field else "spec", True)
    ]


def test_a_profile_that_cannot_be_made_is_unsupported() -> None:
    spec, _, _ = BAD["a profile that is too old"]
    assert [p.reason for p in errors(judged("Certificate", spec))] == [Reason.UNSUPPORTED]


def test_all_mistakes_at_once() -> None:
    spec = certificate(secretName="", dnsNames=["ü"], duration="1m", privateKey={"size": 1})
    fields = [p.field for p in errors(judged("Certificate", spec))]
    assert fields == ["spec.secretName", "spec.dnsNames[0]", "spec.duration", "spec.privateKey.size"]


def test_passwords_are_not_told() -> None:
    stores = {"jks": {"create": True, "password": "hush", "passwordSecretRef": REF}}
    assert all("hush" not in str(p) for p in judged("Certificate", certificate(keystores=stores)).problems)


def acme(*solvers: Object, **more: Any) -> Object:
    account = {"server": "https://ca.test/d", "privateKeySecretRef": {"name": "k"}}
    return {"acme": {**account, "solvers": list(solvers), **more}}


def dns01(**provider: Any) -> Object:
    return acme({"dns01": provider})


TOKEN = {"apiTokenSecretRef": REF}
GOOD_ISSUERS: dict[str, Object] = {
    "self-signed": {"selfSigned": {}},
    "a CA": {"ca": {"secretName": "s", "ocspServers": ["http://a"]}},
    "no solver": acme(),
    "Cloudflare": dns01(cloudflare=TOKEN),
    "Cloudflare by key": dns01(cloudflare={"email": "me@a.test", "apiKeySecretRef": REF}),
    "RFC 2136": dns01(rfc2136={"nameserver": "ns.test:5353", "tsigKeyName": "k", "tsigSecretSecretRef": REF}),
    "a program": dns01(exec={"command": ["/bin/dns", "add"]}),
    "HTTP-01": acme({"http01": {"ingress": {"ingressClassName": "x"}}}, {"http01": {"gatewayHTTPRoute": {}}}),
    "TLS-ALPN-01": acme({"tlsALPN01": {}, "waitInsteadOfSelfCheck": "0s"}),
    "an account at the CA": acme(externalAccountBinding={"keyID": "1", "keySecretRef": REF}),
}
BAD_ISSUERS: dict[str, tuple[Object, str, str]] = {
    "nothing": ({}, "spec", "needs one of acme, ca, selfSigned"),
    "two": ({"selfSigned": {}, "ca": {"secretName": "s"}}, "spec", "ca and selfSigned"),
    "a CA without a secret": ({"ca": {"secretName": ""}}, "spec.ca.secretName", "tls.crt"),
    "an empty address": (
        {"ca": {"secretName": "s", "crlDistributionPoints": [""]}},
        "spec.ca.crlDistributionPoints[0]",
        "URL",
    ),
    "no server": (acme(server=""), "spec.acme.server", "directory"),
    "no key": (acme(privateKeySecretRef={"name": ""}), "spec.acme.privateKeySecretRef.name", "required"),
    "a bundle of nothing": (
        acme(caBundle=base64.b64encode(b"x").decode()),
        "spec.acme.caBundle",
        "no certificate",
    ),
    "no key of the binding": (
        acme(externalAccountBinding={"keyID": "", "keySecretRef": REF}),
        "spec.acme.externalAccountBinding.keyID",
        "required",
    ),
    "a solver of nothing": (acme({}), "spec.acme.solvers[0]", "needs one of http01, dns01"),
    "a solver of both": (
        acme({"http01": {"ingress": {}}, "dns01": {"cloudflare": TOKEN}}),
        "spec.acme.solvers[0]",
        "http01 and dns01",
    ),
    "HTTP-01 by nothing": (acme({"http01": {}}), "spec.acme.solvers[0].http01", "needs one of ingress"),
    "two classes": (
        acme({"http01": {"ingress": {"class": "a", "ingressClassName": "b"}}}),
        "spec.acme.solvers[0].http01.ingress",
        "class and ingressClassName",
    ),
    "a nameless parent": (
        acme({"http01": {"gatewayHTTPRoute": {"parentRefs": [{"name": ""}]}}}),
        "spec.acme.solvers[0].http01.gatewayHTTPRoute.parentRefs[0].name",
        "required",
    ),
    "a wait into the past": (
        acme({"tlsALPN01": {}, "waitInsteadOfSelfCheck": "-1s"}),
        "spec.acme.solvers[0].waitInsteadOfSelfCheck",
        "less than 0",
    ),
    "no provider": (dns01(), "spec.acme.solvers[0].dns01", "needs one of cloudflare"),
    "two providers": (
        dns01(cloudflare=TOKEN, rfc2136={"nameserver": "a"}),
        "spec.acme.solvers[0].dns01",
        "cloudflare and rfc2136",
    ),
    "no token": (dns01(cloudflare={}), "spec.acme.solvers[0].dns01.cloudflare", "apiTokenSecretRef"),
    "a token without a key": (
        dns01(cloudflare={"apiTokenSecretRef": {"name": "s"}}),
        "spec.acme.solvers[0].dns01.cloudflare.apiTokenSecretRef.key",
        "required",
    ),
    "a key without an address": (
        dns01(cloudflare={"apiKeySecretRef": REF}),
        "spec.acme.solvers[0].dns01.cloudflare.email",
        "beside apiKeySecretRef",
    ),
    "half a TSIG key": (
        dns01(rfc2136={"nameserver": "a", "tsigKeyName": "k"}),
        "spec.acme.solvers[0].dns01.rfc2136.tsigSecretSecretRef",
        "beside tsigKeyName",
    ),
    "the other half": (
        dns01(rfc2136={"nameserver": "a", "tsigSecretSecretRef": REF}),
        "spec.acme.solvers[0].dns01.rfc2136.tsigKeyName",
        "beside tsigSecretSecretRef",
    ),
    "no nameserver": (
        dns01(rfc2136={"nameserver": ":53"}),
        "spec.acme.solvers[0].dns01.rfc2136.nameserver",
        "host:port",
    ),
    "no solver of the webhook": (
        dns01(webhook={"groupName": "g", "solverName": ""}),
        "spec.acme.solvers[0].dns01.webhook.solverName",
        "required",
    ),
    "no program": (dns01(exec={"command": []}), "spec.acme.solvers[0].dns01.exec.command", "required"),
    "no host of acme-dns": (
        dns01(acmeDNS={"host": "", "accountSecretRef": REF}),
        "spec.acme.solvers[0].dns01.acmeDNS.host",
        "required",
    ),
}


@pytest.mark.parametrize("kind", ["Issuer", "ClusterIssuer"])
@pytest.mark.parametrize("name", GOOD_ISSUERS)
def test_good_issuers(name: str, kind: str) -> None:
    decoded = judged(kind, GOOD_ISSUERS[name])
    assert errors(decoded) == []
    assert decoded.resource is not None


@pytest.mark.parametrize("name", BAD_ISSUERS)
def test_bad_issuers(name: str) -> None:
    spec, field, words = BAD_ISSUERS[name]
    decoded = judged("Issuer", spec)
    assert decoded.resource is None
    assert [(p.field, words in p.message) for p in errors(decoded)] == [(field, True)]


NAMESERVERS = {
    "192.0.2.1": ("192.0.2.1", 53),
    "192.0.2.1:5353": ("192.0.2.1", 5353),
    "ns.test": ("ns.test", 53),
    "ns.test:": ("ns.test", 53),
    "[2001:db8::1]": ("2001:db8::1", 53),
    "[2001:db8::1]:54": ("2001:db8::1", 54),
    "2001:db8::1": None,
    "": None,
    ":53": None,
    "ns.test:0": None,
    "ns.test:65536": None,
    "ns.test:dns": None,
    "[ns.test]": None,
}


@pytest.mark.parametrize("text", NAMESERVERS)
def test_nameservers(text: str) -> None:
    assert read_nameserver(text) == NAMESERVERS[text]
