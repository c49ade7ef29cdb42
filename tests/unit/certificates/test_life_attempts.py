"""What an attempt to get a certificate is made of: who may have the Secret, which key, which request, and when the
next attempt may begin."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from hearthgate.certificates.life.requesting import (
    NextKey,
    Stuck,
    in_the_way,
    key_in,
    key_secret,
    make_key,
    outdated,
    request_content,
    surplus,
    usable_key,
    verdict_of,
)
from hearthgate.certificates.life.retries import rest_before_retry
from hearthgate.certificates.life.situation import Situation, next_key_name, request_name
from hearthgate.certificates.settings import CertificateSettings
from hearthgate.certificates.x509.keys import spec_of
from hearthgate.cluster.conditions import rfc3339
from hearthgate.resources.certmanager import Certificate, CertificateRequest
from hearthgate.resources.core import Secret
from hearthgate.resources.decode import decode_mapping
from hearthgate.resources.meta import Resource
from tests.certificate_samples import DAY, NOW, certificate, issued, key_of, requested

HOUR = timedelta(hours=1)
P384 = {"algorithm": "ECDSA", "size": 384}


def situation(made: Certificate | None = None, secret: Secret | None = None, **changes: Any) -> Situation:
    return Situation(made or certificate(), secret, (), ())._replace(**changes)


def with_metadata(resource: Any, **metadata: Any) -> Any:
    return msgspec.structs.replace(resource, metadata=msgspec.structs.replace(resource.metadata, **metadata))


def named(name: str, created: str, **metadata: Any) -> Certificate:
    made: Certificate = with_metadata(certificate(name, secretName="tls"), creation_timestamp=created, **metadata)
    return made


class TestOwner:
    OLD, NEW = named("old", "2026-01-01T00:00:00Z"), named("new", "2026-02-01T00:00:00Z")

    def test_the_oldest(self) -> None:
        assert situation(self.NEW, rivals=(self.OLD,)).owner is self.OLD

    def test_the_one_that_the_secret_names(self) -> None:
        found = with_metadata(issued().secret, annotations={"cert-manager.io/certificate-name": "new"})
        assert situation(self.NEW, found, rivals=(self.OLD,)).owner is self.NEW

    def test_a_name_of_none_of_them_does_not_count(self) -> None:
        found = with_metadata(issued().secret, annotations={"cert-manager.io/certificate-name": "gone"})
        assert situation(self.NEW, found, rivals=(self.OLD,)).owner is self.OLD

    def test_the_first_by_name_of_one_moment(self) -> None:
        one, other = (named(name, "2026-01-01T00:00:00Z") for name in ("b", "a"))
        assert situation(one, rivals=(other,)).owner is other


class TestNames:
    def test_always_the_same(self) -> None:
        made = certificate()
        assert request_name(made, 3) == "web-3"
        assert next_key_name(made, 3) == next_key_name(certificate(), 3)

    def test_never_that_of_another(self) -> None:
        made = certificate()
        again = with_metadata(made, uid="another")
        names = {next_key_name(made, 1), next_key_name(made, 2), next_key_name(again, 1)}
        assert len(names) == 3
        assert all(name.startswith("web-") and len(name) == 9 for name in names)

    def test_long_ones_leave_room_for_those_of_orders(self) -> None:
        one, other = (with_metadata(certificate(), name="n" * 250 + end, uid=end) for end in "ab")
        names = {request_name(one, 1), request_name(other, 1)}
        assert len(names) == 2
        assert all(len(name) <= 233 and name.endswith("-1") for name in names)


class TestKey:
    def test_a_new_one(self) -> None:
        found = issued()
        made = make_key(situation(found.certificate, found.secret))
        assert isinstance(made, NextKey)
        assert made.event[0] == "Generated"
        assert made.key is not key_in(found.secret)

    def test_the_present_one(self) -> None:
        found = issued(certificate(privateKey={"algorithm": "ECDSA", "rotationPolicy": "Never"}))
        made = make_key(situation(found.certificate, found.secret))
        assert isinstance(made, NextKey)
        assert made.event[0] == "Reused"
        assert made.key is key_in(found.secret)

    def test_one_that_must_stay_and_does_not_fit(self) -> None:
        made = make_key(situation(certificate(privateKey={**P384, "rotationPolicy": "Never"}), issued().secret))
        assert isinstance(made, Stuck)
        assert "ECDSA 256, not ECDSA 384" in made.message
        assert "delete the Secret" in made.message

    def test_a_pinned_one_that_cannot_be_read_is_replaced(self) -> None:
        broken = msgspec.structs.replace(issued().secret, data={})
        made = make_key(situation(certificate(privateKey={**P384, "rotationPolicy": "Never"}), broken))
        assert isinstance(made, NextKey)
        assert spec_of(made.key).size == 384

    def test_found_again_unless_the_wish_has_changed(self) -> None:
        before = situation()
        kept = decoded(key_secret(before, key_of()), Secret)
        assert usable_key(situation(next_keys=(kept,))) is kept
        assert usable_key(situation(certificate(privateKey=P384), next_keys=(kept,))) is None
        later = certificate(status={"revision": 1})
        assert usable_key(situation(later, next_keys=(kept,))) is None


def decoded(content: dict[str, Any], kind: type[Any]) -> Any:
    found = decode_mapping(content)
    assert isinstance(found.resource, kind), found.problems
    return found.resource


def of_revision(
    revision: int | str, made: Certificate | None = None, status: Any = None, key: int = 0
) -> CertificateRequest:
    found = requested(made or certificate(), key_of(number=key))
    content = {
        "apiVersion": "cert-manager.io/v1",
        "kind": "CertificateRequest",
        "metadata": {
            "name": f"web-{revision}",
            "namespace": "apps",
            "annotations": {"cert-manager.io/certificate-revision": str(revision)},
        },
        "spec": msgspec.to_builtins(found.spec),
        **({"status": status} if status is not None else {}),
    }
    request: CertificateRequest = decoded(content, CertificateRequest)
    return request


def failed(*, at: datetime, noted: bool = True, reason: str = "Failed") -> dict[str, Any]:
    told = {
        "type": "Ready",
        "status": "False",
        "reason": reason,
        "message": "m",
        "lastTransitionTime": rfc3339(at),
    }
    return {"conditions": [told], **({"failureTime": rfc3339(at)} if noted else {})}


def begun(at: datetime, **status: Any) -> dict[str, Any]:
    issuing = {"type": "Issuing", "status": "True", "reason": "Renewing", "message": ""}
    return {"conditions": [{**issuing, "lastTransitionTime": rfc3339(at)}], **status}


OUTDATED: dict[str, tuple[CertificateRequest, bool]] = {
    "the next one": (of_revision(2), False),
    "the present one": (of_revision(1), False),
    "of a revision to come": (of_revision(3), True),
    "of no revision": (of_revision("x"), True),
    "of another wish": (of_revision(2, certificate(dnsNames=["other.test"])), True),
    "of another key": (of_revision(2, key=9), True),
    "failed in an attempt before": (of_revision(2, status=failed(at=NOW - HOUR)), True),
    "failed before, which only its condition says": (
        of_revision(2, status=failed(at=NOW - HOUR, noted=False)),
        True,
    ),
    "denied before": (of_revision(2, status=failed(at=NOW - HOUR, reason="Denied")), True),
    "failed in this attempt": (of_revision(2, status=failed(at=NOW + HOUR)), False),
    "pending since before": (of_revision(2, status=failed(at=NOW - HOUR, noted=False, reason="Pending")), False),
}


@pytest.mark.parametrize("name", OUTDATED)
def test_which_requests_are_outdated(name: str) -> None:
    request, expected = OUTDATED[name]
    made = certificate(status=begun(NOW, revision=1))
    assert bool(outdated(situation(made, requests=(request,)), key_of(number=0))) is expected


def test_the_history_keeps_the_newest() -> None:
    requests = tuple(of_revision(number) for number in (9, 10, 8, "x"))
    made = certificate(revisionHistoryLimit=2)
    assert [one.metadata.name for one in surplus(situation(made, requests=requests))] == ["web-8"]


@pytest.mark.parametrize("type_", ["Denied", "InvalidRequest"])
def test_a_verdict_is_read_from_its_condition(type_: str) -> None:
    told = {
        "type": type_,
        "status": "True",
        "reason": "Policy",
        "message": "no",
        "lastTransitionTime": rfc3339(NOW),
    }
    assert verdict_of(of_revision(1, status={"conditions": [told]})) == (type_, "no", NOW)
    assert verdict_of(of_revision(1, status={"conditions": [{**told, "status": "False"}]})) is None


def test_a_request_takes_what_concerns_its_issuer() -> None:
    marks = {"team": "a", "kubectl.kubernetes.io/last-applied-configuration": "{}"}
    made = with_metadata(certificate(duration="48h"), annotations=marks, labels={"app": "web"})
    content = request_content(situation(made), b"csr", CertificateSettings().copied_annotation_prefixes)
    assert content["spec"]["duration"] == "48h"
    assert content["metadata"]["labels"] == {"app": "web"}
    assert content["metadata"]["annotations"] == {
        "team": "a",
        "cert-manager.io/certificate-name": "web",
        "cert-manager.io/certificate-revision": "1",
        "cert-manager.io/private-key-secret-name": next_key_name(made, 1),
    }


def test_a_request_of_somebody_else_is_in_the_way() -> None:
    found = of_revision(1)
    assert in_the_way(situation(), None) is None
    assert "'web-1'" in (in_the_way(situation(), found) or "")
    owner = {"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "name": "web", "uid": "before"}
    content = {"apiVersion": "cert-manager.io/v1", "kind": "CertificateRequest", "spec": {}}
    metadata = {"name": "web-1", "namespace": "apps", "ownerReferences": [owner]}
    spec = msgspec.to_builtins(found.spec)
    owned: Resource = decoded({**content, "metadata": metadata, "spec": spec}, CertificateRequest)
    assert isinstance(owned, CertificateRequest)
    assert in_the_way(situation(), owned) is None


def stopped(reason: str = "Failed", attempts: int = 1, generation: int = 1) -> dict[str, Any]:
    told = {
        "type": "Issuing",
        "status": "False",
        "reason": reason,
        "message": "m",
        "observedGeneration": generation,
    }
    return {"conditions": [told], "lastFailureTime": rfc3339(NOW), "failedIssuanceAttempts": attempts}


def rest(found: Situation, after: timedelta) -> timedelta | None:
    seconds = rest_before_retry(found, CertificateSettings(), NOW + after)
    return None if seconds is None else timedelta(seconds=seconds)


def at_generation(generation: int, made: Certificate) -> Certificate:
    changed: Certificate = with_metadata(made, generation=generation)
    return changed


class TestRetries:
    MINUTE = timedelta(minutes=1)

    def test_nothing_has_failed(self) -> None:
        assert rest(situation(), DAY) is None

    @pytest.mark.parametrize(("attempts", "hours"), [(0, 1), (1, 1), (2, 2), (5, 16), (6, 32), (40, 32)])
    def test_the_wait_doubles(self, attempts: int, hours: int) -> None:
        found = situation(at_generation(1, certificate(status=stopped(attempts=attempts))))
        assert rest(found, self.MINUTE) == hours * HOUR - self.MINUTE
        assert rest(found, hours * HOUR) is None

    def test_a_short_life_does_not_wait_for_its_end(self) -> None:
        held = issued(since=NOW - 5 * DAY, days=6)
        made = at_generation(1, certificate(status=stopped(attempts=6)))
        remaining = DAY - self.MINUTE
        assert rest(situation(made, held.secret), self.MINUTE) == remaining / 20 - self.MINUTE

    def test_a_changed_spec_does_not_wait(self) -> None:
        made = at_generation(2, certificate(status=stopped()))
        assert rest(situation(made), self.MINUTE) is None

    def test_a_request_for_something_else_does_not_count(self) -> None:
        made = at_generation(1, certificate(status=stopped()))
        of_old = of_revision(1, certificate(dnsNames=["old.test"]))
        assert rest(situation(made, requests=(of_old,)), self.MINUTE) is None
        assert rest(situation(made, requests=(of_revision(1),)), self.MINUTE) is not None

    def test_who_deletes_the_secret_with_the_pinned_key_does_not_wait(self) -> None:
        pinned = certificate(privateKey={**P384, "rotationPolicy": "Never"}, status=stopped("CannotRegenerateKey"))
        made = at_generation(1, pinned)
        assert rest(situation(made, issued().secret), self.MINUTE) is not None
        assert rest(situation(made), self.MINUTE) is None
