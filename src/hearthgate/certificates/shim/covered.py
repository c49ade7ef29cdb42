"""Which hosts have a certificate already, whoever made it: by the names in TLS Secrets."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Final, cast

from hearthgate.certificates.shim.owned import names_host
from hearthgate.certificates.x509.leaf import CertificateProblem, parse_chain
from hearthgate.cluster.changes import changes
from hearthgate.cluster.snapshot import Collection, Key
from hearthgate.resources.core import Secret

CERTIFICATE_NAME: Final = "cert-manager.io/certificate-name"
_TLS: Final = "kubernetes.io/tls"

IsIgnored = Callable[[Key], bool]
"""Whether what this Certificate fills does not count."""


class CoveredHosts:
    """Kept from one collection of Secrets to the next; every certificate is read once."""

    def __init__(self) -> None:
        self._seen = Collection({})
        self._hosts: defaultdict[str, set[Key]] = defaultdict(set)
        self._names: dict[Key, tuple[str, ...]] = {}

    def follow(self, secrets: Collection) -> bool:
        """Takes what has changed since the last call. Returns whether other hosts are covered than before."""
        moved = False
        for key, change in changes(self._seen, secrets).items():
            names = _names(cast("Secret", change.after)) if change.after is not None else ()
            if names != self._names.get(key, ()):
                moved = True
                self._replace(key, names)
        self._seen = secrets
        return moved

    def covers(self, host: str, *, is_ignored: IsIgnored) -> bool:
        """Whether a Secret holds a certificate for the host, one that an ignored Certificate fills not counted."""
        return any(
            names_host(self._names[key], host) and not self._is_ignored(key, is_ignored)
            for key in self._near(host)
        )

    def _near(self, host: str) -> Iterator[Key]:
        yield from self._hosts.get(host, ())
        yield from self._hosts.get(f"*.{host.partition('.')[2]}", ())

    def _is_ignored(self, key: Key, is_ignored: IsIgnored) -> bool:
        secret = cast("Secret", self._seen.objects[key])
        name = secret.metadata.annotations.get(CERTIFICATE_NAME, "")
        return bool(name) and is_ignored((key[0], name))

    def _replace(self, key: Key, names: tuple[str, ...]) -> None:
        for name in self._names.pop(key, ()):
            self._hosts[name].discard(key)
        for name in names:
            self._hosts[name].add(key)
        if names:
            self._names[key] = names


def _names(secret: Secret) -> tuple[str, ...]:
    """Host names of the certificate in a TLS Secret; none when it cannot be read."""
    value = secret.value("tls.crt") if secret.type == _TLS else None
    try:
        names = parse_chain(value.reveal()).leaf.names.dns if value else ()
    except CertificateProblem:
        return ()
    return tuple(name.lower() for name in names)
