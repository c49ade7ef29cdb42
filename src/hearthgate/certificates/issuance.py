"""Everything that issues: issuers, requests, orders and their proofs, put together."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from hearthgate.certificates.acme.transport import Call
from hearthgate.certificates.dns01.asking import Asker
from hearthgate.certificates.dns01.propagation import Propagation
from hearthgate.certificates.dns01.providers import Providers
from hearthgate.certificates.issuers.accounts import AccountDesk
from hearthgate.certificates.issuers.reconciler import KINDS as ISSUER_KINDS
from hearthgate.certificates.issuers.reconciler import IssuerReconciler
from hearthgate.certificates.orders.challenges import KINDS as CHALLENGE_KINDS
from hearthgate.certificates.orders.challenges import ChallengeReconciler
from hearthgate.certificates.orders.dns01 import KINDS as RECORD_KINDS
from hearthgate.certificates.orders.dns01 import DNS01Proofs, RecordSweeper
from hearthgate.certificates.orders.http01 import HTTP01Proofs
from hearthgate.certificates.orders.placing import Placing
from hearthgate.certificates.orders.proofs import Proofs
from hearthgate.certificates.orders.reconciler import KINDS as ORDER_KINDS
from hearthgate.certificates.orders.reconciler import OrderReconciler
from hearthgate.certificates.orders.tlsalpn01 import TLSALPN01Proofs
from hearthgate.certificates.renewal_info import KINDS as RENEWAL_KINDS
from hearthgate.certificates.renewal_info import RenewalInfoReconciler
from hearthgate.certificates.requests.acme import AcmeRequests
from hearthgate.certificates.requests.reconciler import KINDS as REQUEST_KINDS
from hearthgate.certificates.requests.reconciler import RequestReconciler
from hearthgate.certificates.tools import Tools
from hearthgate.cloudflare.transport import API
from hearthgate.cluster.reconcile import Reconciler
from hearthgate.resources.certmanager import ClusterIssuer, Issuer
from hearthgate.resources.meta import Resource

KINDS: Final[tuple[type[Resource], ...]] = tuple(
    dict.fromkeys((*RENEWAL_KINDS, *ISSUER_KINDS, *REQUEST_KINDS, *ORDER_KINDS, *CHALLENGE_KINDS, *RECORD_KINDS))
)
"""What must be in the snapshots."""


class Issuance:
    """reconcilers: to be run. observe: hears of every request to a CA. proofs: other ways than usual to give
    proofs, by the type of the Challenge. cloudflare_url: of Cloudflare's API, or what stands in for it."""

    def __init__(
        self,
        tools: Tools,
        observe: Callable[[Call], None] = lambda _: None,
        proofs: Mapping[str, Proofs] | None = None,
        cloudflare_url: str = API,
    ) -> None:
        self._desk = AccountDesk(tools, observe)
        placing = Placing(tools, self._desk.ledgers)

        def nameservers() -> Sequence[str]:
            return tools.settings.acme_http01_config.solver_nameservers

        self._asker = Asker()
        propagation = Propagation(self._asker, public=lambda: tools.settings.acme_dns01_config.public_nameservers)
        self._providers = Providers(
            lambda: tools.settings,
            client=tools.client,
            now=tools.now,
            cloudflare_url=cloudflare_url,
        )
        records = DNS01Proofs(tools, self._providers, propagation)
        ways: dict[str, Proofs] = {
            "DNS-01": records,
            "HTTP-01": HTTP01Proofs(nameservers),
            "TLS-ALPN-01": TLSALPN01Proofs(nameservers),
            **(proofs or {}),
        }
        self.reconcilers: tuple[Reconciler, ...] = (
            IssuerReconciler(tools, Issuer, self._desk),
            IssuerReconciler(tools, ClusterIssuer, self._desk),
            RequestReconciler(tools, AcmeRequests(tools)),
            OrderReconciler(tools, self._desk, placing),
            ChallengeReconciler(tools, self._desk, placing, ways),
            RenewalInfoReconciler(tools, self._desk),
            RecordSweeper(tools, records),
        )

    async def close(self) -> None:
        """Ends the connections to CAs, and to those who write records."""
        await self._desk.close()
        await self._providers.close()
        await self._asker.close()
