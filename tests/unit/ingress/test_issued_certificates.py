"""Which certificates serve though no route names their Secrets."""

import pytest

from hearthgate.resources.meta import Resource
from tests.unit.ingress.issued_objects import (
    built,
    certificate,
    resource,
    route,
    said,
    secret,
    served,
)

A = "Host(`a.test`)"

CASES: dict[str, tuple[list[Resource], list[str]]] = {
    "its own name": ([certificate("one"), secret("one", "a.test"), route("r", A)], ["one"]),
    "a wildcard": ([certificate("one"), secret("one", "*.test"), route("r", A)], ["one"]),
    "the exact one before a wildcard": (
        [
            *(certificate("one"), secret("one", "*.test")),
            *(certificate("two"), secret("two", "a.test")),
            route("r", A),
        ],
        ["two"],
    ),
    "not of another namespace": (
        [certificate("one", namespace="other"), secret("one", "a.test", namespace="other"), route("r", A)],
        [],
    ),
    "not for a host that nobody routes": (
        [certificate("one"), secret("one", "b.test"), route("r", A)],
        [],
    ),
    "not a Secret that no Certificate fills": ([secret("one", "a.test"), route("r", A)], []),
    "a named one that fits as well": (
        [
            certificate("one"),
            secret("one", "a.test"),
            secret("named", "a.test"),
            route("r", A, secretName="named"),
        ],
        ["named"],
    ),
    "beside a named one that fits less": (
        [
            certificate("one"),
            secret("one", "a.test"),
            secret("named", "*.test"),
            route("r", A, secretName="named"),
        ],
        ["named", "one"],
    ),
    "in the place of a named one that is not there": (
        [certificate("one"), secret("one", "a.test"), route("r", A, secretName="missing")],
        ["one"],
    ),
    "all names of what the route owns": (
        [
            certificate("one", owner="r"),
            secret("one", "*.test"),
            route("r", "HostRegexp(`^[a-z]+[.]test$`)", certResolver="ca", domains=[{"main": "*.test"}]),
        ],
        ["one"],
    ),
    "not what another route owned": (
        [
            certificate("one", owner="gone"),
            secret("one", "b.test"),
            route("r", A),
        ],
        [],
    ),
    "not one whose Secret is junk": ([certificate("one"), secret("one"), route("r", A)], []),
}


@pytest.mark.parametrize("case", CASES)
def test_what_serves(case: str) -> None:
    resources, names = CASES[case]
    assert served(built(*resources)) == names


def test_streams_that_end_tls_here_and_no_others() -> None:
    def stream(name: str, host: str, **tls: object) -> Resource:
        routes = [{"match": f"HostSNI(`{host}`)", "services": [{"name": "app", "port": 80}]}]
        return resource("traefik.io/v1alpha1", "IngressRouteTCP", name, spec={"tls": tls, "routes": routes})

    issued = [certificate("one"), secret("one", "a.test"), certificate("two"), secret("two", "b.test")]
    found = built(*issued, stream("ends", "a.test"), stream("passes", "b.test", passthrough=True))
    assert served(found) == ["one"]


def test_hosts_that_wait_for_their_certificate_are_named() -> None:
    waiting = route("r", f"{A} || Host(`b.test`)", certResolver="ca")
    found = built(waiting, certificate("one"), secret("one", "a.test"))
    (text,) = said(found, "DefaultCertificate")
    assert "IngressRoute web/r: spec.tls.certResolver: " in text
    assert "b.test" in text
    assert "a.test" not in text
    assert "kubectl get certificate -n web" in text
    assert not any(problem.is_error for problem in found.problems)
    done = built(waiting, certificate("one"), secret("one", "a.test", "b.test"))
    assert said(done, "DefaultCertificate") == []


def test_domains_count_in_the_place_of_hosts() -> None:
    waiting = route("r", A, certResolver="ca", domains=[{"main": "x.test", "sans": ["*.y.test"]}])
    (text,) = said(built(waiting), "DefaultCertificate")
    assert "*.y.test, x.test yet" in text


def store(**spec: object) -> Resource:
    return resource("traefik.io/v1alpha1", "TLSStore", "default", spec=spec)


def test_default_certificate_that_is_issued() -> None:
    wanted = store(defaultGeneratedCert={"resolver": "ca", "domain": {"main": "*.test"}})
    (text,) = said(built(wanted), "DefaultCertificate")
    assert "TLSStore web/default: spec.defaultGeneratedCert: " in text
    found = built(wanted, certificate("one"), secret("one", "*.test"))
    assert found.model.default_certificate is not None
    assert found.model.default_certificate.ref.name == "one"
    assert said(found, "DefaultCertificate") == []


def test_default_certificate_that_is_named_goes_before() -> None:
    both = store(
        defaultCertificate={"secretName": "named"},
        defaultGeneratedCert={"resolver": "ca", "domain": {"main": "*.test"}},
    )
    found = built(both, certificate("one"), secret("one", "*.test"), secret("named", "n.test"))
    assert found.model.default_certificate is not None
    assert found.model.default_certificate.ref.name == "named"


def test_default_certificate_without_a_domain_is_refused() -> None:
    (text,) = said(built(store(defaultGeneratedCert={"resolver": "ca"})), "MissingField")
    assert "spec.defaultGeneratedCert.domain" in text
