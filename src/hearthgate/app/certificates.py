"""The certificates domain, wired: its reconcilers, its messages to people, its metrics."""

import os
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from hearthgate.app.parts import CERTIFICATES
from hearthgate.app.settings import Settings
from hearthgate.certificates.issuance import KINDS as ISSUANCE_KINDS
from hearthgate.certificates.issuance import Issuance
from hearthgate.certificates.life.certificates import KINDS as LIFE_KINDS
from hearthgate.certificates.life.certificates import CertificateReconciler
from hearthgate.certificates.local_ca import KINDS as LOCAL_CA_KINDS
from hearthgate.certificates.local_ca import ensure_local_ca
from hearthgate.certificates.metrics import CallCounts, exposition
from hearthgate.certificates.mirrors.reconciler import KINDS as MIRROR_KINDS
from hearthgate.certificates.mirrors.reconciler import MirrorReconciler
from hearthgate.certificates.notify.notifier import KINDS as NOTIFIER_KINDS
from hearthgate.certificates.notify.notifier import Notifier
from hearthgate.certificates.served.reconciler import KINDS as SERVED_KINDS
from hearthgate.certificates.served.reconciler import Listener, ServedReconciler
from hearthgate.certificates.shim.asks import Entrance, Entrances
from hearthgate.certificates.shim.reconciler import KINDS as SHIM_KINDS
from hearthgate.certificates.shim.reconciler import SOURCES, ShimReconciler
from hearthgate.certificates.tools import Tools
from hearthgate.cloudflare.address import base_url
from hearthgate.cluster.client import Client
from hearthgate.cluster.events import EventWriter
from hearthgate.cluster.hub import Hub
from hearthgate.cluster.reconcile import Reconciler, Reconcilers
from hearthgate.ingress.routing.entrypoints import default_entrypoints, is_datagram, parse_address
from hearthgate.ingress.settings import IngressSettings
from hearthgate.resources.core import ConfigMap, Secret
from hearthgate.resources.meta import Resource

KINDS: Final[tuple[type[Resource], ...]] = tuple(
    dict.fromkeys(
        (
            *ISSUANCE_KINDS,
            *LIFE_KINDS,
            *LOCAL_CA_KINDS,
            *MIRROR_KINDS,
            *NOTIFIER_KINDS,
            *SERVED_KINDS,
            *SHIM_KINDS,
        )
    )
)
"""What this domain reads."""
_EVERY_ADDRESS: Final = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1", "[::]": "::1"}  # noqa: S104


class Certificates:
    """host: the name of this machine, where it is a box without a cluster. hub: where objects come from."""

    description = CERTIFICATES

    def __init__(
        self, settings: Settings, *, client: Client, events: EventWriter, hub: Hub, host: str | None
    ) -> None:
        self._settings = settings
        self._hub = hub
        self._host = host
        self._tools = Tools(client, events, settings.certificates)
        self._calls = CallCounts()
        self._issuance = Issuance(self._tools, self._calls.observe, cloudflare_url=base_url(os.environ))
        self._served = ServedReconciler(self._tools, lambda: listeners(self._settings), self._entrances)
        self._loop = Reconcilers(tuple(self._reconcilers()), KINDS)
        self._notifier = Notifier(self._tools)

    @property
    def parts(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """What must run."""
        parts: dict[str, Callable[[], Awaitable[None]]] = {
            "certificates": lambda: self._loop.run(self._hub.snapshots()),
            "notifications": lambda: self._notifier.run(self._hub.snapshots()),
        }
        host = self._host
        if host is not None:
            parts["local CA"] = lambda: ensure_local_ca(self._tools, self._hub.snapshots(), host)
        return parts

    def reload(self, settings: Settings) -> None:
        self._settings = settings
        self._tools.settings = settings.certificates

    def metrics(self) -> Iterator[str]:
        """Lines for /metrics."""
        snapshot = self._hub.snapshot
        if snapshot is not None:
            yield from exposition(snapshot, datetime.now(UTC))
        yield from self._calls.lines()
        yield from self._served.lines()

    async def close(self) -> None:
        await self._issuance.close()

    def _reconcilers(self) -> Iterator[Reconciler]:
        tools = self._tools
        yield CertificateReconciler(tools)
        yield from self._issuance.reconcilers
        for source in SOURCES:
            yield ShimReconciler(tools, source, self._entrances)
        yield MirrorReconciler(tools, Secret)
        yield MirrorReconciler(tools, ConfigMap)
        yield self._served

    def _entrances(self) -> Entrances:
        return entrances(self._settings)


def is_wanted(settings: Settings, *, on_box: bool) -> bool:
    """Whether certificates are issued here. On a cluster cert-manager may be at work, so it must be asked for."""
    enabled = settings.certificates.enabled
    return on_box if enabled is None else enabled


def entrances(settings: IngressSettings) -> Entrances:
    """The entrypoints that do TLS for routes which do not ask for it."""
    found = {
        name: Entrance(entrypoint.http.tls.cert_resolver, entrypoint.http.tls.domains)
        for name, entrypoint in settings.entry_points.items()
        if entrypoint.http.tls is not None
    }
    return Entrances(found, frozenset(default_entrypoints(settings)))


def listeners(settings: IngressSettings) -> Iterable[Listener]:
    """Where handshakes can be tried: every TCP entrypoint, by an address of this machine."""
    for entrypoint in settings.entry_points.values():
        if not is_datagram(entrypoint.address):
            host, port = parse_address(entrypoint.address)
            if port:
                yield _EVERY_ADDRESS.get(host, host), port
