"""Requests, orders and challenges as the API takes them, and what may become of them."""

import base64
from typing import Any

import msgspec
import pytest

from hearthgate.apiserver.access.identity import Identity
from hearthgate.apiserver.semantics.requesters import keep, stamp
from hearthgate.apiserver.semantics.validation import value_causes
from hearthgate.apiserver.semantics.validation.certmanager import ORDERS, REQUESTS, check_status
from hearthgate.certificates.x509.csr import request_of
from hearthgate.certificates.x509.keys import PrivateKeySpec, generate
from hearthgate.resources.certmanager.certificate import CertificateSpec
from hearthgate.resources.registry import BY_API_VERSION

Object = dict[str, Any]

REQUEST = BY_API_VERSION["cert-manager.io/v1", "CertificateRequest"]
ORDER = BY_API_VERSION["acme.cert-manager.io/v1", "Order"]
CHALLENGE = BY_API_VERSION["acme.cert-manager.io/v1", "Challenge"]
APPROVED = {"type": "Approved", "status": "True", "reason": "cert-manager.io", "message": "by itself"}
DENIED = {"type": "Denied", "status": "True", "reason": "policy", "message": "no"}
READY = {"type": "Ready", "status": "False", "reason": "Pending"}


def csr(**spec: Any) -> str:
    wanted = {"secretName": "s", "issuerRef": {"name": "i"}, "dnsNames": ["a.test"], **spec}
    made = request_of(msgspec.convert(wanted, CertificateSpec), generate(PrivateKeySpec("ECDSA", 256)))
    assert isinstance(made, bytes)
    return base64.b64encode(made).decode()


def made(request: str, **spec: Any) -> Object:
    return {"metadata": {"name": "r"}, "spec": {"request": request, "issuerRef": {"name": "i"}, **spec}}


FIT: dict[str, Object] = {
    "the default": made(csr()),
    "usages": made(csr(usages=["server auth", "signing"]), usages=["digital signature", "server auth"]),
    "a CA": made(csr(isCA=True), isCA=True),
    "no extensions": made(csr(encodeUsagesInRequest=False), usages=["client auth"]),
}


@pytest.mark.parametrize("name", FIT)
def test_a_request_that_agrees_with_itself_is_taken(name: str) -> None:
    assert value_causes(REQUEST, FIT[name], None) == []


BAD: dict[str, tuple[Object, str]] = {
    "not base64": (made("&"), "spec.request"),
    "not a request": (made(base64.b64encode(b"no").decode()), "spec.request"),
    "other usages": (made(csr(), usages=["server auth"]), "spec.request"),
    "another purpose": (made(csr(usages=["server auth"]), usages=["client auth"]), "spec.request"),
    "a CA by its usages": (made(csr(), isCA=True), "spec.request"),
    "no duration": (made(csr(), duration="-1h"), "spec.duration"),
    "an unknown issuer": (made(csr(), issuerRef={"name": "i", "kind": "ClusterIsuer"}), "spec.issuerRef.kind"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_request_that_contradicts_itself_is_refused(name: str) -> None:
    obj, field = BAD[name]
    assert field in [cause.field for cause in value_causes(REQUEST, obj, None)]


@pytest.mark.parametrize("kind", [REQUEST, ORDER, CHALLENGE], ids=lambda kind: kind.kind)
def test_specs_never_change(kind: Any) -> None:
    old, new = made(csr()), made(csr(dnsNames=["b.test"]))
    assert [cause.field for cause in value_causes(kind, new, old)] == ["spec"]
    assert value_causes(kind, {**old, "status": {"state": "valid"}}, old) == []


def test_marks_of_cert_manager_on_a_request_never_change() -> None:
    old, new = made(csr()), made(csr())
    new["spec"] = old["spec"]
    old["metadata"] = {"annotations": {"cert-manager.io/certificate-revision": "1", "mine": "a"}}
    new["metadata"] = {"annotations": {"cert-manager.io/certificate-revision": "2", "mine": "b"}}
    field = "metadata.annotations[cert-manager.io/certificate-revision]"
    assert [cause.field for cause in value_causes(REQUEST, new, old)] == [field]
    assert value_causes(ORDER, new, old) == []


VERDICTS: dict[str, tuple[list[Object], list[Object], str]] = {
    "approved": ([READY], [READY, APPROVED], ""),
    "kept": ([APPROVED], [READY, {**APPROVED, "lastTransitionTime": "2026-01-01T00:00:00Z"}], ""),
    "both": ([], [APPROVED, DENIED], "not both"),
    "false": ([], [{**APPROVED, "status": "False"}], "can be True only"),
    "twice": ([], [APPROVED, APPROVED], "more than once"),
    "taken back": ([DENIED], [READY], "taken back"),
    "changed": ([DENIED], [{**DENIED, "message": "perhaps"}], "taken back"),
}


@pytest.mark.parametrize("name", VERDICTS)
def test_a_verdict_is_for_good(name: str) -> None:
    before, after, words = VERDICTS[name]
    old, new = ({"status": {"conditions": conditions}} for conditions in (before, after))
    said = "; ".join(cause.message for cause in check_status(REQUESTS, new, old))
    assert words in said
    assert bool(said) == bool(words)
    assert not list(check_status("certificates.cert-manager.io", new, old))


def test_an_order_stays_the_order_of_its_url() -> None:
    old = {"status": {"url": "https://ca/1", "state": "pending"}}
    assert not list(check_status(ORDERS, {"status": {"url": "https://ca/1", "state": "valid"}}, old))
    found = list(check_status(ORDERS, {"status": {"url": "https://ca/2"}}, old))
    assert [cause.field for cause in found] == ["status.url"]


def test_who_asked_is_said_by_the_server_and_stays() -> None:
    ann = Identity("ann", ("hearthgate:editor",))
    obj: Object = {"spec": {"request": "x", "username": "root", "extra": {"a": ["b"]}}}
    stamp(REQUESTS, obj, ann)
    assert obj["spec"] == {"request": "x", "username": "ann", "groups": ["hearthgate:editor"]}
    again: Object = {"spec": {"request": "x"}}
    keep(REQUESTS, obj, again)
    assert again == obj
    other: Object = {"spec": {"username": "root"}}
    stamp(ORDERS, other, ann)
    keep(ORDERS, obj, other)
    assert other == {"spec": {"username": "root"}}
