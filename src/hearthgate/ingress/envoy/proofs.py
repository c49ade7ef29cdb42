"""The handshakes of CAs (TLS-ALPN-01) in words of Envoy: carried, unread, to the service that takes them.

The filter chains are there always, so that no listener changes when a Challenge comes or goes. Only what offers
the protocol `acme-tls/1` finds them: to all other connections they are no more than an entry in a table.
"""

from typing import Any

from hearthgate.ingress.envoy.clusters import PROOF_CLUSTER
from hearthgate.ingress.envoy.streams.chains import tcp_proxy
from hearthgate.ingress.proofs.certificate import PROTOCOL


def proof_chain_name(entrypoint: str) -> str:
    return f"{entrypoint}/proofs"


def proof_chains(entrypoint: str, named: tuple[str, ...]) -> list[dict[str, Any]]:
    """The FilterChains of one entrypoint. named: the names that other filter chains there ask for: Envoy looks at
    names before it looks at protocols, and does not come back."""
    name = proof_chain_name(entrypoint)
    match: dict[str, Any] = {"transport_protocol": "tls", "application_protocols": (PROTOCOL,)}
    filters = [tcp_proxy([(1, PROOF_CLUSTER)])]
    chains = [{"name": name, "filter_chain_match": match, "filters": filters}]
    if named:
        by_name = {**match, "server_names": named}
        chains.append({"name": f"{name}/named", "filter_chain_match": by_name, "filters": filters})
    return chains
