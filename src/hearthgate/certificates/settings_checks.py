"""What settings of this domain say that cannot be: found at the start, not when a certificate is due."""

from collections.abc import Iterator

from hearthgate.certificates.dns01.asking import read_server
from hearthgate.certificates.settings import CertificateSettings
from hearthgate.model.errors import Permanent
from hearthgate.model.problems import Reason, shorten
from hearthgate.resources.walk import Mistake


def mistakes(settings: CertificateSettings) -> Iterator[Mistake]:
    """Paths begin below `certificates`."""
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
