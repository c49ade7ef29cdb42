"""The small parts under issuers, requests and orders."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearthgate.certificates.issuers.named import lacking
from hearthgate.certificates.issuers.secrets_named import references, secrets_named
from hearthgate.certificates.issuers.servers import directory_url, is_usable, replacement_for, same_host
from hearthgate.certificates.pace import Pace
from hearthgate.certificates.requests.ordering import why_no_order
from hearthgate.certificates.tagged import Tagged
from hearthgate.certificates.x509.csr import RequestFacts, parse_request, request_of
from hearthgate.certificates.x509.keys import PrivateKeySpec, generate
from hearthgate.cluster.snapshot import Collection, Snapshot
from hearthgate.resources.certmanager import Issuer
from hearthgate.resources.certmanager.certificate import CertificateSpec
from hearthgate.resources.certmanager.references import SecretKeyRef
from hearthgate.resources.core import Namespace, Secret


class Time:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class TestPace:
    def test_doubles(self) -> None:
        pace = Pace(Time(), first=1.0, most=5.0)
        assert [pace.again("x") for _ in range(4)] == [1.0, 2.0, 4.0, 5.0]
        assert pace.again("y") == 1.0

    def test_rests_until_the_time_is_over(self) -> None:
        time = Time()
        pace = Pace(time, first=10.0, most=60.0)
        assert pace.rest("x") == 0
        pace.again("x")
        time.move(4)
        assert pace.rest("x") == 6
        time.move(6)
        assert pace.rest("x") == 0

    def test_what_somebody_asked_to_wait_counts(self) -> None:
        time = Time()
        pace = Pace(time, first=1.0, most=60.0)
        assert pace.again("x", after=3600.0) == 3600
        time.move(3599)
        assert pace.rest("x") == 1

    def test_a_clock_that_is_set_back_makes_nothing_wait_longer(self) -> None:
        time = Time()
        pace = Pace(time, first=10.0, most=60.0)
        pace.again("x")
        time.move(-3600)
        assert pace.rest("x") == 10

    def test_forgets(self) -> None:
        pace = Pace(Time(), first=1.0, most=60.0)
        pace.again("x")
        pace.forget("x")
        assert pace.rest("x") == 0
        assert pace.again("x") == 1.0


def namespace(name: str, *tags: str) -> Namespace:
    return msgspec.convert({"metadata": {"name": name, "labels": dict.fromkeys(tags, "")}}, Namespace)


@given(
    st.lists(
        st.tuples(st.sampled_from("abcd"), st.none() | st.sets(st.sampled_from("xyz"))),
        max_size=30,
    )
)
def test_an_index_that_follows_equals_a_fresh_one(steps: list[tuple[str, set[str] | None]]) -> None:
    def tags(one: Namespace) -> Any:
        return one.metadata.labels

    following: Tagged[Namespace] = Tagged(tags)
    collection = Collection({})
    for name, labels in steps:
        changed = None if labels is None else namespace(name, *sorted(labels))
        collection = collection.changed({("", name): changed})
        following.follow(collection)
    fresh: Tagged[Namespace] = Tagged(tags)
    fresh.follow(Collection(collection.objects))
    for tag in "xyz":
        assert following.of(tag) == fresh.of(tag)
        assert {one.metadata.name for one in fresh.of(tag)} == {
            one.metadata.name for one in collection.ordered if tag in one.metadata.labels
        }


class TestServers:
    @pytest.mark.parametrize(
        ("server", "url"),
        [
            ("letsencrypt", "https://acme-v02.api.letsencrypt.org/directory"),
            ("letsencrypt-staging", "https://acme-staging-v02.api.letsencrypt.org/directory"),
            ("https://ca.test/dir", "https://ca.test/dir"),
        ],
    )
    def test_names(self, server: str, url: str) -> None:
        assert directory_url(server) == url

    @pytest.mark.parametrize("server", ["", "http://ca.test", "ca.test", "https://", "https://ca.test:port/"])
    def test_unusable(self, server: str) -> None:
        assert not is_usable(server)

    def test_usable(self) -> None:
        assert is_usable("https://ca.test:14000/dir")
        assert is_usable("https://[2001:db8::1]/dir")

    def test_version_1_has_ended(self) -> None:
        assert replacement_for("https://acme-v01.api.letsencrypt.org/directory") == directory_url("letsencrypt")
        assert replacement_for(directory_url("letsencrypt")) is None

    def test_the_same_host(self) -> None:
        assert same_host("https://ca.test:1/acct/1", "https://ca.test:1/dir")
        assert not same_host("https://ca.test:1/acct/1", "https://ca.test:2/dir")


class TestSecrets:
    def issuer(self) -> Issuer:
        acme = {
            "server": "letsencrypt",
            "privateKeySecretRef": {"name": "account"},
            "externalAccountBinding": {"keyID": "k", "keySecretRef": {"name": "eab", "key": "hmac"}},
            "solvers": [
                {"http01": {"ingress": {}}},
                {"dns01": {"cloudflare": {"apiTokenSecretRef": {"name": "token", "key": "t"}}}},
            ],
        }
        return msgspec.convert({"metadata": {"name": "i"}, "spec": {"acme": acme}}, Issuer)

    def test_all_that_an_issuer_names(self) -> None:
        assert secrets_named(self.issuer()) == {"account", "eab", "token"}
        ca = msgspec.convert({"spec": {"ca": {"secretName": "pair"}}}, Issuer)
        assert secrets_named(ca) == {"pair"}

    def test_paths(self) -> None:
        acme = self.issuer().spec.acme
        assert acme is not None
        paths = [path for path, _ in references(acme.solvers, "spec.acme.solvers")]
        assert paths == ["spec.acme.solvers[1].dns01.cloudflare.apiTokenSecretRef"]

    def test_what_is_lacking(self) -> None:
        content = {"metadata": {"name": "s", "namespace": "n"}, "data": {"other": "aA=="}}
        snapshot = Snapshot.of([msgspec.convert(content, Secret, dec_hook=_secret)])
        ref = SecretKeyRef(name="s", key="token")
        assert lacking(snapshot, "n", ref).startswith("Secret n/s has no key 'token' (it has other)")
        assert "does not exist" in lacking(snapshot, "m", ref)


def _secret(kind: type[Any], text: Any) -> Any:
    return kind.decode(text)


class TestWhyNoOrder:
    def facts(self, **spec: Any) -> RequestFacts:
        content = {"secretName": "s", "issuerRef": {"name": "i"}, **spec}
        made = request_of(msgspec.convert(content, CertificateSpec), generate(PrivateKeySpec("ECDSA", 256)))
        assert isinstance(made, bytes)
        found = parse_request(made)
        assert isinstance(found, RequestFacts)
        return found

    @pytest.mark.parametrize(
        ("spec", "words"),
        [
            ({"commonName": "b.test", "dnsNames": ["a.test"]}, "'b.test' is none of the host names"),
            ({"dnsNames": ["a.test"], "uris": ["spiffe://a"]}, "not spiffe://a"),
            ({"dnsNames": ["a.test"], "emailAddresses": ["me@a.test"]}, "not me@a.test"),
            ({"subject": {"organizations": ["x"]}}, "no host name and no address"),
        ],
    )
    def test_refused(self, spec: dict[str, Any], words: str) -> None:
        found = why_no_order(self.facts(**spec))
        assert found is not None
        assert (found.event, words in found.message) == ("InvalidOrder", True)

    def test_taken(self) -> None:
        assert why_no_order(self.facts(commonName="a.test", dnsNames=["a.test", "*.a.test"])) is None
        assert why_no_order(self.facts(commonName="192.0.2.1", ipAddresses=["192.0.2.1"])) is None
