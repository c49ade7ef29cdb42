"""What settings of this domain say that cannot be: found at the start, not when a certificate is due."""

import re
from collections.abc import Iterator
from typing import Final

from hearthgate.certificates.dns01.asking import read_server
from hearthgate.certificates.settings import CertificateSettings
from hearthgate.model.durations import parse_duration
from hearthgate.model.errors import Permanent
from hearthgate.model.problems import Reason, shorten
from hearthgate.resources.walk import Mistake

_NAMESPACE: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def mistakes(settings: CertificateSettings) -> Iterator[Mistake]:
    """Paths begin below `certificates`."""
    yield from _durations(settings)
    if not _NAMESPACE.fullmatch(settings.cluster_resource_namespace):
        message = f"{shorten(settings.cluster_resource_namespace)} is no name of a namespace"
        yield Mistake("clusterResourceNamespace", Reason.INVALID_VALUE, message)
    proofs = settings.acme_dns01_config
    for field, servers in (
        ("acmeDNS01Config.recursiveNameservers", proofs.recursive_nameservers),
        ("acmeDNS01Config.publicNameservers", proofs.public_nameservers),
        ("acmeHTTP01Config.solverNameservers", settings.acme_http01_config.solver_nameservers),
    ):
        for index, server in enumerate(servers):
            try:
                read_server(server)
            except Permanent as error:
                yield Mistake(f"{field}[{index}]", Reason.INVALID_VALUE, str(error))
    if proofs.recursive_nameservers_only and not proofs.recursive_nameservers:
        message = "needs recursiveNameservers: without them it is not said whom to ask"
        yield Mistake("acmeDNS01Config.recursiveNameserversOnly", Reason.MISSING_FIELD, message)
    for index, program in enumerate(settings.dns01_exec.allowed):
        if not program.startswith("/"):
            message = f"{shorten(program)} is not an absolute path"
            yield Mistake(f"dns01Exec.allowed[{index}]", Reason.INVALID_VALUE, message)


def _durations(settings: CertificateSettings) -> Iterator[Mistake]:
    """Waits of no time would ask a CA, or a nameserver, without a pause."""
    least = settings.certificate_request_minimum_backoff_duration
    most = settings.certificate_request_maximum_backoff_duration
    wrong = False
    for field, text in (
        ("certificateRequestMinimumBackoffDuration", least),
        ("certificateRequestMaximumBackoffDuration", most),
        ("acmeDNS01Config.checkRetryPeriod", settings.acme_dns01_config.check_retry_period),
    ):
        if parse_duration(text) <= 0:
            wrong = True
            yield Mistake(field, Reason.INVALID_VALUE, f"{text!r} must be greater than 0")
    if not wrong and parse_duration(least) > parse_duration(most):
        message = f"{least!r} is longer than certificateRequestMaximumBackoffDuration, {most!r}"
        yield Mistake("certificateRequestMinimumBackoffDuration", Reason.INVALID_VALUE, message)
