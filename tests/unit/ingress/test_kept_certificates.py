"""Secrets that vanish or are spoilt: what they held is shown on, while it is good and somebody names it."""

from hearthgate.ingress.routing.kept import KeptCertificates
from hearthgate.ingress.routing.model import Built
from hearthgate.resources.meta import Resource
from tests.unit.ingress.issued_objects import (
    built,
    certificate,
    resource,
    route,
    said,
    secret,
    serials,
    served,
    snapshot,
)

NAMED = route("r", "Host(`a.test`)", secretName="one")
GOOD = secret("one", "a.test")
MAY, JUNE = 1_777_593_600.0, 1_780_272_000.0
"""2026: before the certificates of these tests end, which is a day after they are made."""


class Time:
    """Shows one state of the cluster after the other."""

    def __init__(self) -> None:
        self.kept = KeptCertificates()

    def __call__(self, *resources: Resource, now: float = MAY) -> Built:
        return self.kept.complete(snapshot(*resources), built(*resources), now)


def test_a_good_secret_is_nothing_special() -> None:
    then = Time()
    found = built(NAMED, GOOD)
    assert then.kept.complete(snapshot(NAMED, GOOD), found, MAY) is found


def test_a_secret_that_vanishes() -> None:
    then = Time()
    then(NAMED, GOOD)
    found = then(NAMED)
    assert served(found) == ["one"]
    (text,) = said(found, "SecretNotFound")
    assert text.startswith(
        "IngressRoute web/r: spec.tls.secretName: Secret web/one is gone since 2026-05-01T00:00:00Z"
    )
    assert not any(problem.is_error for problem in found.problems)
    assert said(then(NAMED, now=JUNE), "SecretNotFound") == [text], "it says since when, not now"


def test_a_secret_that_is_spoilt() -> None:
    then = Time()
    then(NAMED, GOOD)
    found = then(NAMED, secret("one"))
    assert served(found) == ["one"]
    texts = said(found, "SecretInvalid")
    assert any(text.startswith("IngressRoute web/r") and "holds no certificate" in text for text in texts)
    assert not any("meanwhile" in text for text in texts)


def test_a_secret_that_comes_back() -> None:
    then = Time()
    then(NAMED, GOOD)
    then(NAMED)
    found = then(NAMED, secret("one", "a.test", serial=2))
    assert serials(found) == [2]
    assert said(found, "SecretNotFound") == []
    (text,) = said(then(NAMED, now=JUNE), "SecretNotFound")
    assert "since 2026-06-01T00:00:00Z" in text, "a new loss"


def test_what_nobody_names_goes_at_once() -> None:
    then = Time()
    then(NAMED, GOOD)
    assert served(then(route("r", "Host(`a.test`)", secretName="two"))) == []
    then(NAMED, GOOD)
    assert served(then()) == []


def test_a_route_that_is_moved_to_another_secret_while_the_first_is_fine() -> None:
    then = Time()
    then(NAMED, GOOD)
    assert served(then(route("r", "Host(`a.test`)", secretName="two"), GOOD)) == []


def test_it_ends_with_the_certificate() -> None:
    then = Time()
    ends = built(NAMED, GOOD).model.certificates[0].not_after
    then(NAMED, GOOD)
    assert served(then(NAMED, now=ends - 1)) == ["one"]
    assert served(then(NAMED, now=ends)) == []


def test_an_issued_one() -> None:
    then = Time()
    issued, unnamed = certificate("one"), route("r", "Host(`a.test`)")
    then(issued, unnamed, GOOD)
    found = then(issued, unnamed)
    assert served(found) == ["one"]
    assert any("Certificate web/one: spec.secretName" in text for text in said(found, "SecretNotFound"))


def test_the_default_one() -> None:
    named = resource(
        "traefik.io/v1alpha1", "TLSStore", "default", spec={"defaultCertificate": {"secretName": "one"}}
    )
    then = Time()
    then(named, GOOD)
    found = then(named)
    assert found.model.default_certificate is not None
    assert found.model.default_certificate.ref.name == "one"
    assert served(found) == [], "it is the default one and no more"
    assert then(GOOD).model.default_certificate is None, "nobody names it"


def test_secrets_of_ingresses_and_of_the_store() -> None:
    ingress = resource(
        "networking.k8s.io/v1", "Ingress", "i", spec={"tls": [{"hosts": ["a.test"], "secretName": "one"}]}
    )
    listed = resource("traefik.io/v1alpha1", "TLSStore", "default", spec={"certificates": [{"secretName": "one"}]})
    for named, field in ((ingress, "spec.tls[0].secretName"), (listed, "spec.certificates[0].secretName")):
        then = Time()
        then(named, GOOD)
        found = then(named)
        assert served(found) == ["one"]
        assert any(field in text for text in said(found, "SecretNotFound"))
