"""Which Certificates objects ask for, and which they do not."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from hearthgate.certificates.settings import IngressShimConfig
from hearthgate.certificates.shim.asked import Asked
from hearthgate.certificates.shim.asks import Entrance, Entrances, Source, View, asks
from hearthgate.certificates.shim.hosts import hosts_of_rules
from hearthgate.certificates.shim.plan import Foreign, Remove, Write, plan
from hearthgate.resources.certmanager import Certificate
from hearthgate.resources.certmanager.certificate import CertificateSpec
from hearthgate.resources.certmanager.references import IssuerRef
from hearthgate.resources.gateway.gateways import Gateway
from hearthgate.resources.meta import ObjectMeta
from hearthgate.resources.networking import Ingress
from hearthgate.resources.traefik.ingressroute import Domain, IngressRoute
from hearthgate.resources.traefik.tcp import IngressRouteTCP
from hearthgate.resources.traefik.tls import TLSStore

LE = {"cert-manager.io/cluster-issuer": "letsencrypt"}
LE_REF = {"name": "letsencrypt", "kind": "ClusterIssuer", "group": "cert-manager.io"}
LOCAL = IssuerRef(name="local", kind="ClusterIssuer")


def made(kind: type[Source], spec: Mapping[str, Any], annotations: Mapping[str, str] = {}) -> Any:
    content = {"spec": spec, "metadata": {"name": "web", "namespace": "infra", "annotations": annotations}}
    return msgspec.convert(content, kind)


def ingress(*entries: Mapping[str, Any], **annotations: str) -> Any:
    given = {f"cert-manager.io/{name.replace('_', '-')}": value for name, value in annotations.items()}
    return made(Ingress, {"tls": list(entries) or [{"hosts": ["a.test"], "secretName": "a"}]}, {**LE, **given})


def route(*rules: str, tls: Mapping[str, Any] | None = None, annotations: Mapping[str, str] = {}) -> Any:
    spec: dict[str, Any] = {"routes": [{"match": rule, "services": [{"name": "s", "port": 80}]} for rule in rules]}
    return made(IngressRoute, spec if tls is None else {**spec, "tls": tls}, annotations)


def view(**changed: Any) -> View:
    return View(IngressShimConfig(), Entrances(), lambda kind, namespace, name: False)._replace(**changed)


def specs(source: Source, seen: View | None = None) -> list[dict[str, Any]]:
    asked = asks(source, seen or view())
    assert asked.mistakes == ()
    return [dict(ask.spec) for ask in asked.asks]


def mistake(source: Source, seen: View | None = None) -> str:
    (found,) = asks(source, seen or view()).mistakes
    return found


class TestIngress:
    def test_one_certificate_for_each_secret(self) -> None:
        found = specs(
            ingress(
                {"hosts": ["a.test", "b.test", "a.test"], "secretName": "ab"},
                {"hosts": ["192.0.2.1"], "secretName": "ip"},
            )
        )
        usages = ["digital signature", "key encipherment"]
        assert found == [
            {"secretName": "ab", "issuerRef": LE_REF, "usages": usages, "dnsNames": ["a.test", "b.test"]},
            {"secretName": "ip", "issuerRef": LE_REF, "usages": usages, "ipAddresses": ["192.0.2.1"]},
        ]

    def test_a_resolver_is_asked_for_hosts_whose_secret_is_not_named(self) -> None:
        rules = [{"host": host} for host in ("a.test", "B.test", "c.test")]
        spec = {"rules": rules, "tls": [{"hosts": ["c.test"], "secretName": "own"}, {"hosts": ["d.test"]}]}
        said = {"traefik.ingress.kubernetes.io/router.tls.certResolver": "le"}
        (found,) = specs(made(Ingress, spec, said))
        assert (found["secretName"], found["dnsNames"]) == ("web-hearthgate-tls", ["a.test", "b.test", "d.test"])
        assert found["issuerRef"]["name"] == "le"

    def test_the_domains_of_a_resolver(self) -> None:
        prefix = "traefik.ingress.kubernetes.io/router.tls"
        said = {
            f"{prefix}.certresolver": "le",
            f"{prefix}.domains.10.main": "last.test",
            f"{prefix}.domains.2.main": "a.test",
            f"{prefix}.domains.2.sans": "*.a.test, b.test",
        }
        (found,) = specs(made(Ingress, {"rules": [{"host": "other.test"}]}, said))
        assert found["dnsNames"] == ["a.test", "*.a.test", "b.test", "last.test"]

    def test_nothing_without_an_issuer(self) -> None:
        assert specs(made(Ingress, {"tls": [{"hosts": ["a.test"], "secretName": "a"}]})) == []

    def test_an_issuer_of_another_group(self) -> None:
        source = made(
            Ingress,
            {"tls": [{"hosts": ["a.test"], "secretName": "a"}]},
            {
                "cert-manager.io/issuer": "x",
                "cert-manager.io/issuer-kind": "Other",
                "cert-manager.io/issuer-group": "g.io",
            },
        )
        (found,) = specs(source)
        assert found["issuerRef"] == {"name": "x", "kind": "Other", "group": "g.io"}

    def test_two_issuers_are_a_mistake(self) -> None:
        assert "exclude each other" in mistake(ingress(issuer="x"))

    def test_the_default_issuer_for_who_asks_for_any(self) -> None:
        source = made(
            Ingress, {"tls": [{"hosts": ["a.test"], "secretName": "a"}]}, {"kubernetes.io/tls-acme": "true"}
        )
        assert "defaultIssuerName" in mistake(source)
        config = IngressShimConfig(default_issuer_name="le", default_issuer_kind="ClusterIssuer")
        (found,) = specs(source, view(config=config))
        assert found["issuerRef"]["name"] == "le"

    @pytest.mark.parametrize(
        ("entry", "words"), [({"hosts": ["a.test"]}, "without secretName"), ({"secretName": "a"}, "without hosts")]
    )
    def test_half_an_entry(self, entry: dict[str, Any], words: str) -> None:
        assert words in mistake(ingress(entry))

    def test_a_secret_that_stands_twice(self) -> None:
        twice = {"hosts": ["a.test"], "secretName": "a"}
        assert asks(ingress(twice, twice), view()).asks == ()


class TestAnnotations:
    def test_every_field(self) -> None:
        (found,) = specs(
            ingress(
                common_name="a.test",
                alt_names="b.test, c.test",
                ip_sans="192.0.2.1",
                email_sans="ops@a.test",
                subject_organizations='Example,"Home, Lab"',
                subject_serialnumber="7",
                duration="720h",
                renew_before="240h",
                usages="server auth,client auth",
                revision_history_limit="3",
                private_key_algorithm="ECDSA",
                private_key_size="384",
                private_key_rotation_policy="Never",
                private_key_encoding="PKCS8",
                secret_template='{"labels": {"a": "b"}}',
            )
        )
        assert found == {
            "secretName": "a",
            "issuerRef": LE_REF,
            "commonName": "a.test",
            "dnsNames": ["a.test", "b.test", "c.test"],
            "ipAddresses": ["192.0.2.1"],
            "emailAddresses": ["ops@a.test"],
            "subject": {"organizations": ("Example", "Home, Lab"), "serialNumber": "7"},
            "duration": "720h",
            "renewBefore": "240h",
            "usages": ("server auth", "client auth"),
            "revisionHistoryLimit": 3,
            "privateKey": {"algorithm": "ECDSA", "size": 384, "rotationPolicy": "Never", "encoding": "PKCS8"},
            "secretTemplate": {"labels": {"a": "b"}},
        }
        msgspec.convert(found, CertificateSpec)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("common_name", "a" * 65),
            ("ip_sans", "a.test"),
            ("email_sans", "Ops <ops@a.test>"),
            ("duration", "30m"),
            ("duration", "ninety days"),
            ("renew_before", "1m"),
            ("renew_before_percentage", "100"),
            ("usages", "server auth,juggling"),
            ("revision_history_limit", "0"),
            ("private_key_algorithm", "DSA"),
            ("private_key_size", "1024"),
            ("private_key_rotation_policy", "Sometimes"),
            ("secret_template", "labels"),
            ("secret_template", '{"annotations": {"cert-manager.io/x": "y"}}'),
            ("secret_template", '{"labels": {"a": 1}}'),
            ("subject_organizations", '"unclosed'),
        ],
    )
    def test_what_cannot_be_is_told_by_name(self, name: str, value: str) -> None:
        assert mistake(ingress(**{name: value})).startswith(f"cert-manager.io/{name.replace('_', '-')}: ")

    def test_how_http01_shall_be_done_goes_along(self) -> None:
        annotations = {**LE, "acme.cert-manager.io/http01-edit-in-place": "true"}
        source = made(Ingress, {"tls": [{"hosts": ["a.test"], "secretName": "a"}]}, annotations)
        (ask,) = asks(source, view()).asks
        assert ask.annotations == {
            "acme.cert-manager.io/http01-override-ingress-name": "web",
            "cert-manager.io/issue-temporary-certificate": "true",
        }


class TestGateway:
    def listener(self, name: str, **more: Any) -> dict[str, Any]:
        tls = {"certificateRefs": [{"name": "tls"}], **more.pop("tls", {})}
        return {"name": name, "port": 443, "protocol": "HTTPS", "hostname": f"{name}.test", "tls": tls, **more}

    def gateway(self, *listeners: Mapping[str, Any], **annotations: str) -> Any:
        return made(
            Gateway, {"gatewayClassName": "hearthgate", "listeners": list(listeners)}, {**LE, **annotations}
        )

    def test_listeners_with_one_secret_share_a_certificate(self) -> None:
        (found,) = specs(self.gateway(self.listener("a"), self.listener("b")))
        assert found["dnsNames"] == ["a.test", "b.test"]

    def test_what_does_not_decrypt_wants_none(self) -> None:
        passing = self.listener("a", protocol="TLS", tls={"mode": "Passthrough"})
        assert specs(self.gateway(passing, self.listener("b", protocol="HTTP"))) == []

    def test_listeners_may_be_left_out(self) -> None:
        source = self.gateway(
            self.listener("a"), self.listener("b"), **{"cert-manager.io/ignore-tls-listeners": "b"}
        )
        (found,) = specs(source)
        assert found["dnsNames"] == ["a.test"]

    @pytest.mark.parametrize(
        "listener",
        [
            {"name": "a", "port": 443, "protocol": "HTTPS", "tls": {"certificateRefs": [{"name": "x"}]}},
            {"name": "a", "port": 443, "protocol": "HTTPS", "hostname": "a.test"},
            {
                "name": "a",
                "port": 443,
                "protocol": "HTTPS",
                "hostname": "a.test",
                "tls": {"certificateRefs": [{"name": "x", "namespace": "other"}]},
            },
        ],
    )
    def test_what_is_missing_is_told(self, listener: dict[str, Any]) -> None:
        assert mistake(self.gateway(listener)).startswith("spec.listeners[0]")


class TestRoutes:
    def test_hosts_of_the_rules(self) -> None:
        rules = ("Host(`A.test`) && PathPrefix(`/x`) || Host(`*.b.test`)", "!Host(`c.test`)", "HostRegexp(`.*`)")
        assert set(hosts_of_rules(route(*rules))) == {"a.test", "*.b.test"}

    def test_annotations_ask_for_the_secret_of_the_route(self) -> None:
        (found,) = specs(route("Host(`a.test`)", tls={"secretName": "mine"}, annotations=LE))
        assert (found["secretName"], found["dnsNames"]) == ("mine", ["a.test"])

    def test_a_resolver_is_an_issuer_beside_the_route_or_of_the_cluster(self) -> None:
        asking = route("Host(`a.test`)", tls={"certResolver": "le"})
        assert specs(asking)[0]["issuerRef"]["kind"] == "ClusterIssuer"
        beside = view(exists=lambda kind, namespace, name: (kind, namespace, name) == ("Issuer", "infra", "le"))
        (found,) = specs(asking, beside)
        assert found["issuerRef"]["kind"] == "Issuer"
        assert found["secretName"] == "web-hearthgate-tls"

    def test_domains_stand_above_rules(self) -> None:
        tls = {"certResolver": "le", "domains": [{"main": "example.test", "sans": ["*.example.test"]}]}
        (found,) = specs(route("Host(`a.example.test`)", tls=tls))
        assert found["dnsNames"] == ["example.test", "*.example.test"]

    def test_an_entrypoint_speaks_for_routes_without_tls(self) -> None:
        entrance = Entrance("le", (Domain(main="*.test"),))
        seen = view(entrances=Entrances({"websecure": entrance}, frozenset({"web", "websecure"})))
        (found,) = specs(route("Host(`a.test`)"), seen)
        assert (found["issuerRef"]["name"], found["dnsNames"]) == ("le", ["*.test"])
        assert specs(route("Host(`a.test`)", tls={}), seen) == []

    def test_unasked_only_where_no_certificate_is(self) -> None:
        seen = view(unasked=LOCAL, covers=lambda host: host == "b.test")
        (found,) = specs(route("Host(`a.test`)", "Host(`b.test`)", tls={}), seen)
        assert found["dnsNames"] == ["a.test"]
        assert specs(route("Host(`b.test`)", tls={}), seen) == []
        assert specs(route("Host(`a.test`)", tls={"secretName": "own"}), seen) == []
        assert specs(route("Host(`a.test`)"), seen) == [], "in the clear"

    def test_passthrough_wants_none(self) -> None:
        spec = {"routes": [{"match": "HostSNI(`a.test`)"}], "tls": {"passthrough": True}}
        assert specs(made(IngressRouteTCP, spec, LE)) == []
        (found,) = specs(made(IngressRouteTCP, {**spec, "tls": {}}, LE))
        assert found["dnsNames"] == ["a.test"]

    def test_the_default_certificate_of_a_store(self) -> None:
        store = {"defaultGeneratedCert": {"resolver": "le", "domain": {"main": "a.test"}}}
        (found,) = specs(made(TLSStore, store))
        assert (found["secretName"], found["dnsNames"]) == ("web-hearthgate-tls", ["a.test"])


class TestPlan:
    def certificate(self, name: str, *hosts: str) -> Certificate:
        spec = CertificateSpec(secret_name=name, issuer_ref=IssuerRef(**LE_REF), dns_names=hosts)
        return Certificate(metadata=ObjectMeta(name=name, namespace="infra"), spec=spec)

    def asked(self, *hosts: str, **more: str) -> Asked:
        return asks(ingress({"hosts": list(hosts), "secretName": "a"}, **more), view())

    def test_missing(self) -> None:
        (step,) = plan(self.asked("a.test"), [], {}, frozenset())
        assert isinstance(step, Write)
        assert step.present is None

    def test_nothing_to_do(self) -> None:
        asked = self.asked("a.test")
        known = Certificate(
            metadata=ObjectMeta(name="a", namespace="infra"),
            spec=msgspec.convert(asked.asks[0].spec, CertificateSpec),
        )
        assert plan(asked, [known], {"a": known}, frozenset()) == ()

    def test_any_field_that_differs_is_noticed(self) -> None:
        known = self.certificate("a", "a.test")
        (step,) = plan(self.asked("a.test", usages="server auth"), [known], {"a": known}, frozenset())
        assert isinstance(step, Write)

    def test_of_somebody_else(self) -> None:
        other = self.certificate("a", "*.test")
        assert plan(self.asked("a.test"), [], {"a": other}, frozenset()) == ()
        assert plan(self.asked("a.b.test"), [], {"a": other}, frozenset()) == (Foreign(other, ("a.b.test",)),)

    def test_not_named_any_more(self) -> None:
        known = self.certificate("old", "a.test")
        assert plan(Asked(), [known], {}, frozenset()) == (Remove(known),)
        assert plan(Asked(), [known], {}, frozenset({"old"})) == ()
        assert plan(Asked(mistakes=("x",)), [known], {}, frozenset()) == ()
