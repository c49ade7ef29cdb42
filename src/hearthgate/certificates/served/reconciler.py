"""Looks, after each new certificate, whether clients get it, and says so when they do not."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

import structlog

from hearthgate.certificates.served.expected import Verdict, hosts_to_ask, leaf_of, verdict
from hearthgate.certificates.served.probe import served_serial
from hearthgate.certificates.shim.asks import Entrances
from hearthgate.certificates.tools import Tools
from hearthgate.cluster.snapshot import Key, Snapshot
from hearthgate.model.metrics import Labels, Metric, family
from hearthgate.resources.certmanager import Certificate
from hearthgate.resources.core import Secret
from hearthgate.resources.meta import Resource
from hearthgate.resources.networking import Ingress
from hearthgate.resources.traefik.ingressroute import IngressRoute

log = structlog.get_logger(__name__)

KINDS: Final[tuple[type[Resource], ...]] = (Certificate, Ingress, IngressRoute, Secret)
CERTIFICATE_NAME: Final = "cert-manager.io/certificate-name"
PATIENCE: Final = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds until the next looks while the proxy may not have the certificate yet; after them it is told."""
SELDOM: Final = 60.0
SERVED: Final = Metric(
    "hearthgate_certificate_served",
    "gauge",
    ("namespace", "secret"),
    "1 when clients get the certificate of the Secret or another present one, 0 when they get one that is gone.",
)

Listener = tuple[str, int]
"""(address, port)"""


class ServedReconciler:
    """Works on the Secrets that Certificates fill. listeners: that do TLS, asked anew each time."""

    kind: type[Resource] = Secret
    workers = 2
    limit = 60.0

    def __init__(
        self, tools: Tools, listeners: Callable[[], Iterable[Listener]], entrances: Callable[[], Entrances]
    ) -> None:
        self._tools = tools
        self._listeners = listeners
        self._entrances = entrances
        self._tries: dict[Key, tuple[int, int]] = {}
        """By Secret: the serial number that is looked for, and how often it was."""
        self._verdicts: dict[Key, Verdict] = {}

    def concerned(self, snapshot: Snapshot, changed: Resource) -> Iterable[Key]:
        return ()

    async def reconcile(self, snapshot: Snapshot, namespace: str, name: str) -> float | None:
        key = (namespace, name)
        secret = snapshot.get(Secret, namespace, name)
        certificate = self._certificate(snapshot, secret)
        leaf = leaf_of(secret) if secret is not None else None
        if secret is None or certificate is None or leaf is None:
            self._tries.pop(key, None)
            self._verdicts.pop(key, None)
            return None
        serial, tries = self._tries.get(key, (leaf.serial, 0))
        if serial != leaf.serial:
            serial, tries = leaf.serial, 0
        hosts = hosts_to_ask(snapshot, secret, leaf, self._entrances())
        found = await self._look(snapshot, serial, hosts)
        self._tries[key] = (serial, tries + 1)
        self._verdicts[key] = found
        if found is not Verdict.STALE:
            if tries > len(PATIENCE):
                message = f"clients of {', '.join(hosts)} get the certificate in Secret {name} now"
                self._tools.events.emit(certificate, "Served", message, type="Normal")
            return None
        if tries < len(PATIENCE):
            return PATIENCE[tries]
        if tries == len(PATIENCE):
            message = f"clients of {', '.join(hosts)} still get another certificate than the one in Secret {name}"
            self._tools.events.emit(certificate, "NotServed", message)
            log.warning("certificate not served", secret=f"{namespace}/{name}", hosts=hosts)
        return SELDOM

    def lines(self) -> Iterator[str]:
        """For /metrics."""
        values: list[tuple[Labels, float]] = [
            (key, float(found is not Verdict.STALE))
            for key, found in sorted(self._verdicts.items())
            if found is not Verdict.UNKNOWN
        ]
        yield from family(SERVED, values)

    async def _look(self, snapshot: Snapshot, serial: int, hosts: tuple[str, ...]) -> Verdict:
        listeners = tuple(self._listeners())
        seen: list[int] = []
        for host in hosts:
            for address, port in listeners:
                shown = await served_serial(address, port, host)
                if shown is not None:
                    seen.append(shown)
                if shown == serial:
                    return Verdict.SERVED
        return verdict(serial, seen, self._present(snapshot) if seen else ())

    def _present(self, snapshot: Snapshot) -> Iterator[int]:
        for secret in snapshot.all(Secret):
            if (leaf := leaf_of(secret)) is not None:
                yield leaf.serial

    def _certificate(self, snapshot: Snapshot, secret: Secret | None) -> Certificate | None:
        name = secret.metadata.annotations.get(CERTIFICATE_NAME, "") if secret is not None else ""
        return snapshot.get(Certificate, secret.metadata.namespace, name) if secret is not None and name else None
