"""Which Certificates belong to which object: kept from one collection to the next."""

from collections import defaultdict
from collections.abc import Iterable
from typing import cast

from hearthgate.cluster.changes import changes
from hearthgate.cluster.snapshot import Collection, Key
from hearthgate.model.hostnames import host_matches
from hearthgate.resources.certmanager import Certificate
from hearthgate.resources.meta import OwnerReference, Resource


def controller_of(resource: Resource) -> OwnerReference | None:
    return next((owner for owner in resource.metadata.owner_references if owner.controller), None)


class OwnedCertificates:
    """By the uid of the owner."""

    def __init__(self) -> None:
        self._seen = Collection({})
        self._owned: defaultdict[str, set[Key]] = defaultdict(set)

    def follow(self, collection: Collection) -> None:
        """Takes what has changed since the last call."""
        for key, (before, after) in changes(self._seen, collection).items():
            if before is not None:
                self._note(key, cast("Certificate", before), add=False)
            if after is not None:
                self._note(key, cast("Certificate", after), add=True)
        self._seen = collection

    def of(self, uid: str) -> tuple[Certificate, ...]:
        keys = sorted(self._owned.get(uid, ()))
        return tuple(cast("Certificate", self._seen.objects[key]) for key in keys)

    def _note(self, key: Key, certificate: Certificate, *, add: bool) -> None:
        if (owner := controller_of(certificate)) is None:
            return
        if add:
            self._owned[owner.uid].add(key)
        else:
            self._owned[owner.uid].discard(key)


def names_host(names: Iterable[str], host: str) -> bool:
    return any(name.lower() == host or host_matches(name, host) for name in names)
