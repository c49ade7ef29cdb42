"""Settings of the certificates domain that cannot be."""

import pytest

from hearthgate.certificates.settings import (
    ACMEDNS01Config,
    ACMEHTTP01Config,
    CertificateSettings,
    DNS01ExecConfig,
)
from hearthgate.certificates.settings_checks import mistakes


@pytest.mark.parametrize(
    ("settings", "path", "words"),
    [
        (
            CertificateSettings(acme_dns01_config=ACMEDNS01Config(recursive_nameservers=("1.1.1.1", "dns.test"))),
            "acmeDNS01Config.recursiveNameservers[1]",
            "'dns.test' is no nameserver: ip, ip:port or https://... is wanted",
        ),
        (
            CertificateSettings(acme_dns01_config=ACMEDNS01Config(public_nameservers=("http://x",))),
            "acmeDNS01Config.publicNameservers[0]",
            "'http://x' is no nameserver",
        ),
        (
            CertificateSettings(acme_http01_config=ACMEHTTP01Config(solver_nameservers=("1.1.1.1:0",))),
            "acmeHTTP01Config.solverNameservers[0]",
            "is no nameserver",
        ),
        (
            CertificateSettings(acme_dns01_config=ACMEDNS01Config(recursive_nameservers_only=True)),
            "acmeDNS01Config.recursiveNameserversOnly",
            "needs recursiveNameservers",
        ),
        (
            CertificateSettings(dns01_exec=DNS01ExecConfig(allowed=("/bin/ok", "bin/hook"))),
            "dns01Exec.allowed[1]",
            "'bin/hook' is not an absolute path",
        ),
        (
            CertificateSettings(certificate_request_minimum_backoff_duration="0s"),
            "certificateRequestMinimumBackoffDuration",
            "'0s' must be greater than 0",
        ),
        (
            CertificateSettings(certificate_request_maximum_backoff_duration="-1h"),
            "certificateRequestMaximumBackoffDuration",
            "'-1h' must be greater than 0",
        ),
        (
            CertificateSettings(certificate_request_minimum_backoff_duration="33h"),
            "certificateRequestMinimumBackoffDuration",
            "'33h' is longer than certificateRequestMaximumBackoffDuration, '32h'",
        ),
        (
            CertificateSettings(acme_dns01_config=ACMEDNS01Config(check_retry_period="0")),
            "acmeDNS01Config.checkRetryPeriod",
            "'0' must be greater than 0",
        ),
        (
            CertificateSettings(cluster_resource_namespace="My_Secrets"),
            "clusterResourceNamespace",
            "'My_Secrets' is no name of a namespace",
        ),
    ],
)
def test_what_cannot_be(settings: CertificateSettings, path: str, words: str) -> None:
    (mistake,) = mistakes(settings)
    assert mistake.path == path
    assert words in mistake.message


def test_what_can_be() -> None:
    proofs = ACMEDNS01Config(
        recursive_nameservers=("1.1.1.1:53", "[2606:4700::1111]:53", "https://dns.test/dns-query"),
        recursive_nameservers_only=True,
    )
    assert not list(mistakes(CertificateSettings(acme_dns01_config=proofs)))
    assert not list(mistakes(CertificateSettings()))
