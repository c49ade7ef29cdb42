"""Which certificate answers a name."""

import pytest

from hearthgate.ingress.envoy.certificates import CertificateIndex
from hearthgate.ingress.envoy.tls_context import NO_SNI, NO_SNI_STRICT
from hearthgate.ingress.proxy.descriptors import ensure_schema
from hearthgate.ingress.routing.model import Certificate, EntryPoint, TLSOptions
from hearthgate.model.refs import ObjectRef
from hearthgate.model.secret import SecretBytes

ensure_schema()


def certificate(name: str, *names: str, not_after: float = 1.0) -> Certificate:
    return Certificate(
        ref=ObjectRef("Secret", "default", name),
        names=names,
        chain=f"chain of {name}",
        key=SecretBytes(f"key of {name}".encode()),
        not_after=not_after,
    )


DEFAULT = certificate("default")
EXACT = certificate("exact", "a.example.org")
WILD = certificate("wild", "*.example.org", "example.org")
INDEX = CertificateIndex((EXACT, WILD), DEFAULT)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.example.org", EXACT),
        ("A.Example.ORG", EXACT),
        ("a.example.org.", EXACT),
        ("b.example.org", WILD),
        ("example.org", WILD),
        ("b.a.example.org", DEFAULT),
        ("org", DEFAULT),
        ("", DEFAULT),
        (NO_SNI, DEFAULT),
        (NO_SNI_STRICT, None),
        ("*.example.org", WILD),
        ("192.0.2.1", DEFAULT),
    ],
)
def test_exact_then_wildcard_then_default(name: str, expected: Certificate | None) -> None:
    assert INDEX.resolve(name) is expected
    assert INDEX.is_known(name) is (name in ("a.example.org", "example.org", "*.example.org"))


def test_of_two_for_one_name_the_one_that_lasts_longer_is_taken() -> None:
    old, new = certificate("a-old", "x.test", not_after=1.0), certificate("z-new", "x.test", not_after=2.0)
    twin = certificate("a-twin", "x.test", not_after=2.0)
    assert CertificateIndex((old, new)).resolve("x.test") is new
    assert CertificateIndex((new, twin, old)).resolve("x.test") is twin


def test_without_default_certificate_unknown_names_are_refused() -> None:
    assert CertificateIndex((EXACT,)).secret("other.test") is None


def entrypoints(*names: str) -> tuple[EntryPoint, ...]:
    return tuple(EntryPoint(name=name, host="::", port=443) for name in names)


def test_strict_options_refuse_names_without_certificate() -> None:
    index = CertificateIndex(
        (EXACT,), DEFAULT, tls_options=(TLSOptions(sni_strict=True),), entrypoints=entrypoints("web")
    )
    assert index.resolve("a.example.org") is EXACT
    assert index.resolve("other.test") is None


def test_strictness_goes_by_the_options_that_rule_the_name() -> None:
    strict = TLSOptions(name="strict", sni_strict=True, hosts={"one": ("s.test", "*.s.test")})
    only_one = CertificateIndex((), DEFAULT, tls_options=(TLSOptions(), strict), entrypoints=entrypoints("one"))
    assert [only_one.resolve(name) for name in ("s.test", "b.s.test", "free.test")] == [None, None, DEFAULT]
    both = CertificateIndex((), DEFAULT, tls_options=(TLSOptions(), strict), entrypoints=entrypoints("one", "two"))
    assert both.resolve("s.test") is DEFAULT, "on the other entrypoint the name is not strict"


def test_secrets_hold_the_pair_and_show_it_to_nobody() -> None:
    secret = INDEX.secret("a.example.org")
    assert secret is not None
    assert b"chain of exact" in secret.body
    assert b"key of exact" in secret.body
    assert "key of" not in repr(secret)
    assert INDEX.secret("A.example.org") is secret


def test_names_of_quic_secrets_stay_when_a_certificate_is_renewed() -> None:
    renewed = CertificateIndex((certificate("exact", "a.example.org", not_after=9.0), WILD), DEFAULT)
    assert renewed.quic == INDEX.quic
    assert set(INDEX.quic_secrets()) == {INDEX.quic.default, *INDEX.quic.others}
    assert INDEX.quic.hosts == ("*.example.org", "a.example.org", "example.org")
