"""Chains: their facts, whether they may be published, and the certificates that are signed here."""

from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509

from hearthgate.certificates.x509.chains import is_self_signed, ordered, strip_root, why_not_publish
from hearthgate.certificates.x509.keys import Key
from hearthgate.certificates.x509.leaf import CertificateProblem, Chain, ari_id, parse_chain, pem_of, serial_bytes
from hearthgate.certificates.x509.names import Names, covers, names_of
from hearthgate.certificates.x509.sign import CA, Terms, is_temporary, self_sign, sign, temporary, why_no_ca
from tests.certificate_samples import DAY, NOW, authority, certificate, facts, key_of, signed


def intermediate() -> CA:
    return authority("intermediate", above=authority())


def chain_of(*certificates: x509.Certificate) -> Chain:
    return parse_chain(pem_of(certificates))


def test_facts_of_a_leaf() -> None:
    made = certificate(commonName="web.test", dnsNames=["web.test", "*.web.test"], ipAddresses=["192.0.2.1"])
    leaf = chain_of(signed(made, key_of(), days=90)).leaf
    assert (leaf.common_name, leaf.names.dns, leaf.names.ips) == (
        "web.test",
        ("web.test", "*.web.test"),
        ("192.0.2.1",),
    )
    assert (leaf.not_before, leaf.not_after, leaf.lifetime) == (NOW - DAY, NOW + 89 * DAY, 90 * DAY)
    assert leaf.aki == parse_chain(pem_of((authority().certificate,))).leaf.ski
    assert (leaf.is_ca, leaf.usages) == (False, frozenset({"digital signature", "key encipherment"}))
    assert leaf.hosts == {"web.test", "*.web.test"}
    assert leaf.serial_text == serial_bytes(leaf.serial).hex(":")


def test_the_name_of_a_certificate_for_renewal_information() -> None:
    """The example of RFC 9773, section 4.1."""
    leaf = chain_of(signed(certificate(), key_of())).leaf
    aki = bytes.fromhex("69885B6B87464041E1B37B847BA0AE2CDE01C8D4".replace(" ", ""))
    named = leaf._replace(aki=aki, serial=0x8765_4321)
    assert ari_id(named) == "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"
    assert ari_id(leaf._replace(aki=None)) is None


@pytest.mark.parametrize("pem", [b"", b"hello", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_chain(pem: bytes) -> None:
    with pytest.raises(CertificateProblem):
        parse_chain(pem)


def _plain(**spec: Any) -> tuple[Chain, Key, Names, str]:
    made = certificate(**spec)
    leaf = signed(made, key_of(), ca=intermediate())
    return chain_of(leaf, intermediate().certificate), key_of(), names_of(made.spec), made.spec.common_name


def test_a_good_chain_may_be_published() -> None:
    chain, key, names, common_name = _plain(commonName="web.test", dnsNames=["WEB.test"])
    assert why_not_publish(chain, key, names, NOW, common_name=common_name) is None
    roots = [authority().certificate]
    assert why_not_publish(chain, key, names, NOW, roots=roots) is None
    whole = chain_of(*chain.certificates, *roots)
    assert why_not_publish(whole, key, names, NOW, roots=roots) is None


def test_why_a_chain_may_not_be_published() -> None:
    chain, key, names, _ = _plain(dnsNames=["web.test"], uris=["spiffe://a"], emailAddresses=["me@a.test"])
    leaf, middle = chain.certificates
    other_root = authority("other")

    def why(chain: Chain = chain, names: Names = names, later: timedelta = timedelta(), **more: Any) -> str:
        return why_not_publish(chain, more.pop("key", key), names, NOW + later, **more) or ""

    assert why() == ""
    assert "another private key" in why(key=key_of(number=1))
    assert "ended at 2026-08-29T12:00:00Z" in why(later=89 * DAY)
    assert "begins at" in why(later=-3 * DAY)
    assert why(later=-1.5 * DAY) == "", "a clock that is behind"
    missing = names._replace(dns=("web.test", "more.test"), ips=("192.0.2.1",), others=(("1.2.3", "x"),))
    assert "lacks more.test, 192.0.2.1, 1.2.3=x" in why(names=missing)
    assert "lacks cn.test" in why(common_name="cn.test")
    assert "certificate 2 did not sign certificate 1" in why(chain_of(leaf, authority().certificate))
    assert "certificate 3 did not sign certificate 2" in why(chain_of(leaf, middle, other_root.certificate))
    assert "not one of the roots" in why(roots=[other_root.certificate])
    assert why(roots=[authority().certificate]) == ""


def test_a_chain_below_what_is_no_ca() -> None:
    end = CA(signed(certificate(), key_of(number=1)), key_of(number=1))
    leaf = signed(certificate(), key_of(), ca=end)
    said = why_not_publish(chain_of(leaf, end.certificate), key_of(), Names(("web.test",)), NOW)
    assert said == "certificate 2 of the chain is not a CA"


def test_roots_are_stripped_and_chains_put_in_order() -> None:
    leaf, middle, root = (
        signed(certificate(), key_of(), ca=intermediate()),
        intermediate().certificate,
        authority().certificate,
    )
    assert strip_root((leaf, middle, root)) == (leaf, middle)
    assert strip_root((leaf, middle)) == (leaf, middle)
    assert strip_root((root,)) == (root,)
    assert ordered((leaf, root, authority("other").certificate, middle, middle)) == (leaf, middle, root)
    assert is_self_signed(root)
    assert not is_self_signed(middle)


COVERED = {
    "exact": ("web.test", True),
    "other case": ("WEB.TEST.", True),
    "below a wildcard": ("a.wild.test", True),
    "two below a wildcard": ("b.a.wild.test", False),
    "the wildcard's own": ("wild.test", False),
    "an address": ("192.0.2.1", True),
    "an address in brackets": ("[2001:DB8::1]", True),
    "another address": ("192.0.2.2", False),
    "another name": ("web2.test", False),
}


@pytest.mark.parametrize("name", COVERED)
def test_covered_hosts(name: str) -> None:
    host, expected = COVERED[name]
    assert covers(Names(("web.test", "*.wild.test"), ("192.0.2.1", "2001:db8::1")), host) is expected


class TestSigning:
    def test_terms_count_and_not_the_request(self) -> None:
        made = certificate(usages=["client auth"])
        terms = Terms(
            usages=("server auth", "digital signature"),
            duration=timedelta(hours=2),
            crl_distribution_points=("http://crl.test/a",),
            ocsp_servers=("http://ocsp.test",),
            issuing_certificate_urls=("http://ca.test/ca.crt",),
        )
        found = sign(facts(made, key_of()), terms, authority(), NOW)
        leaf = chain_of(found).leaf
        assert leaf.usages == {"server auth", "digital signature"}
        assert leaf.lifetime == timedelta(hours=2)
        found.verify_directly_issued_by(authority().certificate)
        points = found.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
        assert [name.value for point in points for name in point.full_name or ()] == ["http://crl.test/a"]
        access = found.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
        assert [one.access_location.value for one in access] == ["http://ocsp.test", "http://ca.test/ca.crt"]

    def test_it_does_not_outlive_its_ca(self) -> None:
        short = authority("short", days=400)
        leaf = chain_of(sign(facts(certificate(), key_of()), Terms(), short, NOW)).leaf
        assert leaf.not_after == short.certificate.not_valid_after_utc

    def test_names_and_constraints_are_taken_over(self) -> None:
        constraints = {"critical": True, "permitted": {"dnsDomains": ["home.test"]}}
        made = certificate(isCA=True, commonName="ca", nameConstraints=constraints, dnsNames=["ca.test"])
        found = sign(facts(made, key_of()), Terms(is_ca=True), authority(), NOW)
        leaf = chain_of(found).leaf
        assert (leaf.is_ca, leaf.names.dns, "cert sign" in leaf.usages) == (True, ("ca.test",), True)
        assert found.extensions.get_extension_for_class(x509.NameConstraints).critical

    def test_self_signed(self) -> None:
        made = self_sign(facts(certificate(commonName="me"), key_of()), Terms(is_ca=True), key_of(), NOW)
        assert is_self_signed(made)
        assert why_no_ca(made) is None

    def test_serials_differ(self) -> None:
        request = facts(certificate(), key_of())
        assert len({sign(request, Terms(), authority(), NOW).serial_number for _ in range(9)}) == 9

    def test_who_may_not_sign(self) -> None:
        leaf = signed(certificate(), key_of())
        assert "basic constraints" in (why_no_ca(leaf) or "")
        assert why_no_ca(authority().certificate) is None

    @pytest.mark.parametrize("spec", [{}, {"commonName": "web", "subject": {"serialNumber": "7"}}, {"isCA": True}])
    def test_temporary(self, spec: dict[str, Any]) -> None:
        made = certificate(dnsNames=["web.test"], **spec)
        pem = temporary(made.spec, key_of(), NOW)
        assert isinstance(pem, bytes)
        chain = parse_chain(pem)
        assert is_temporary(chain.certificates[0])
        assert not is_temporary(signed(made, key_of()))
        assert (
            why_not_publish(chain, key_of(), names_of(made.spec), NOW, common_name=made.spec.common_name) is None
        )
