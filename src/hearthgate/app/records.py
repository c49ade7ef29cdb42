"""Public records, wired: zones with their tokens, for what keeps them in `up` and for `hearthgate dns`."""

import base64
import os
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

import dns.exception
import dns.name
import dns.tsig

from hearthgate.app.settings import Settings, pod_namespace
from hearthgate.cloudflare.address import base_url
from hearthgate.cloudflare.client import CloudflareClient
from hearthgate.cloudflare.credentials import token
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.dns.external.agree import Verdict
from hearthgate.dns.names.model import Name
from hearthgate.dns.nameserver.settings import read_place
from hearthgate.dns.records.cloudflare import CloudflareZone
from hearthgate.dns.records.controller import Planned, look_outside, planned
from hearthgate.dns.records.provider import Provider
from hearthgate.dns.records.registry import Registry
from hearthgate.dns.records.rfc2136 import DynamicZone
from hearthgate.dns.records.settings import PublicZone, TokenRef
from hearthgate.dns.records.wanted import External, wanted_records
from hearthgate.model.errors import Permanent
from hearthgate.model.secret import SecretBytes
from hearthgate.resources.core import Secret


class ZonePlan(NamedTuple):
    """warning: what of the zone's settings breaks the set-up."""

    zone: PublicZone
    provider: Provider
    planned: Planned
    warning: str


class Providers:
    """Clients by token: what a client knows of zones and limits is of its token."""

    def __init__(self, settings: Settings) -> None:
        self._namespace = pod_namespace(settings)
        self._clients: dict[str, tuple[SecretBytes, CloudflareClient]] = {}
        self._old: list[CloudflareClient] = []

    def zones(self, wanted: Iterable[PublicZone]) -> tuple[tuple[PublicZone, Callable[[Snapshot], Provider]], ...]:
        return tuple((zone, partial(self.of, zone)) for zone in wanted)

    def of(self, zone: PublicZone, snapshot: Snapshot) -> Provider:
        """Raises Permanent when the token or key is not there, or cannot be one."""
        registry = Registry(zone.owner, zone.txt_prefix)
        if zone.rfc2136 is not None:
            return DynamicZone(read_place(zone.rfc2136.server), zone.name, registry, self._key(zone, snapshot))
        if zone.api_token_secret_ref is None:
            raise Permanent(f"nothing says where the zone {zone.name} is")
        value = self._secret(zone.api_token_secret_ref, snapshot, f"the token for {zone.name}")
        known = self._clients.get(zone.name)
        if known is None or known[0] != value:
            if known is not None:
                self._old.append(known[1])
            known = value, CloudflareClient(token(value), base_url=base_url(os.environ))
            self._clients[zone.name] = known
        return CloudflareZone(known[1], zone.name, registry)

    def _key(self, zone: PublicZone, snapshot: Snapshot) -> dns.tsig.Key | None:
        server = zone.rfc2136
        if server is None or server.tsig_secret_secret_ref is None:
            return None
        value = self._secret(server.tsig_secret_secret_ref, snapshot, f"the TSIG key for {zone.name}")
        try:
            secret = base64.b64decode(b"".join(value.reveal().split()), validate=True)
            return dns.tsig.Key(dns.name.from_text(server.tsig_key_name), secret, server.tsig_algorithm)
        except (ValueError, dns.exception.DNSException):
            raise Permanent(f"the TSIG key for {zone.name} is not in base64, or its name is none") from None

    def _secret(self, ref: TokenRef, snapshot: Snapshot, what: str) -> SecretBytes:
        namespace = ref.namespace or self._namespace
        secret = snapshot.get(Secret, namespace, ref.name)
        value = secret.value(ref.key) if secret is not None else None
        if value is None:
            lacks = f"has no key {ref.key}" if secret is not None else "does not exist"
            raise Permanent(f"Secret {namespace}/{ref.name} {lacks}: it shall hold {what}")
        return value

    async def close(self) -> None:
        for client in (*self._old, *(client for _, client in self._clients.values())):
            await client.close()


async def plans(
    settings: Settings,
    providers: Providers,
    snapshot: Snapshot,
    names: tuple[Name, ...],
    *,
    adopt: bool,
    force: bool,
) -> tuple[list[ZonePlan], tuple[Verdict, ...]]:
    """What would be changed now, and what is known of the external address. Raises HearthgateError."""
    verdicts: tuple[Verdict, ...] = ()
    external = External()
    if any(zone.root == "auto" for zone in settings.dns.zones):
        verdicts = await look_outside(settings.dns.external_address)
        external = External(verdicts[0].address, verdicts[1].address)
    found = []
    for zone in settings.dns.zones:
        provider = providers.of(zone, snapshot)
        asked = wanted_records(zone, names, external)
        made = planned(zone, await provider.held(), asked, adopts=adopt, force=force)
        found.append(ZonePlan(zone, provider, made, await provider.warning() if zone.proxied else ""))
    return found, verdicts
