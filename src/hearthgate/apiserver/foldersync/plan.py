"""Decides what to apply, to keep and to prune, from what was read and what is owned. Pure.

Nothing is pruned on a guess: what a broken file, a refused object or an unreadable folder stood for stays.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from hearthgate.apiserver.foldersync.marks import marked
from hearthgate.apiserver.foldersync.prepare import Prepared, unique
from hearthgate.apiserver.foldersync.reader import Folders
from hearthgate.model.refs import ObjectRef, Source
from hearthgate.resources.manifests import Document, Located

Owned = Mapping[ObjectRef, Source]
"""What came from a folder and is stored, with the key of its file and the line."""

ORDER: Final = (
    ("Namespace", "CustomResourceDefinition"),
    ("IngressClass", "Secret", "ConfigMap", "ServiceAccount", "Service", "Node", "Pod", "NetworkPolicy", "Lease"),
    ("Endpoints", "EndpointSlice", "ServersTransport", "ServersTransportTCP", "TLSOption"),
    ("IPAddressPool", "BFDProfile", "Community", "BGPPeer", "Issuer", "ClusterIssuer"),
    ("Middleware", "MiddlewareTCP", "TLSStore", "TraefikService"),
    ("L2Advertisement", "BGPAdvertisement", "Certificate"),
    ("GatewayClass", "ReferenceGrant", "BackendTLSPolicy"),
    ("Gateway",),
    ("IngressRoute", "IngressRouteTCP", "IngressRouteUDP", "Ingress", "Event"),
    ("HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute"),
)
"""What others refer to comes first, and goes last."""

_RANK: Final = {kind: rank for rank, kinds in enumerate(ORDER) for kind in kinds}


class Wanted(NamedTuple):
    """One object to apply. `document` is where it stands; None for a namespace that only others name."""

    ref: ObjectRef
    obj: Mapping[str, Any]
    source: Source
    document: Document | None = None

    @property
    def place(self) -> Source:
        return self.document.source if self.document is not None else self.source


class Plan(NamedTuple):
    """waves: to apply, one after the other, in any order inside. prune: in order."""

    waves: tuple[tuple[Wanted, ...], ...]
    prune: tuple[ObjectRef, ...]
    problems: tuple[Located, ...]
    places: Mapping[ObjectRef, Document]


def rank(ref: ObjectRef) -> int:
    return _RANK.get(ref.kind, len(ORDER) - 1)


def plan(folders: Folders, prepared: Mapping[Document, Prepared], owned: Owned, *, keep_all: bool = False) -> Plan:
    """keep_all: prune nothing, because what was read may not be all there is."""
    held = _held(folders, owned)
    key_of = {prepared[document].document: file.key for file in folders.files for document in file.documents}
    kept_objects, problems = unique(prepared[document] for document in folders.documents)
    found = [*problems, *_file_problems(folders, held)]
    wanted: list[Wanted] = []
    for one in kept_objects:
        found += _object_problems(one, owned)
        if one.is_storable and key_of[one.document] not in held:
            source = one.document.source._replace(path=key_of[one.document])
            wanted.append(Wanted(one.ref, marked(one.document.data, source), source, one.document))
    mentioned = {one.ref for one in prepared.values()}
    kept = {*_kept(folders, owned), *(ref for ref in owned if keep_all or ref in mentioned)}
    wanted += _namespaces(wanted, kept)
    kept |= {one.ref for one in wanted}
    kept |= {ObjectRef("Namespace", "", ref.namespace) for ref in kept}
    waves = [[one for one in wanted if rank(one.ref) == number] for number in range(len(ORDER))]
    gone = sorted((ref for ref in owned if ref not in kept), key=lambda ref: (-rank(ref), ref))
    places = {one.ref: one.document for one in reversed(kept_objects)}
    return Plan(tuple(tuple(wave) for wave in waves if wave), tuple(gone), tuple(sorted(found)), places)


def _held(folders: Folders, owned: Owned) -> frozenset[str]:
    """Keys of broken files that have a last good state. A broken file without one gives what can be read of it."""
    with_state = {source.path for source in owned.values()}
    return frozenset(file.key for file in folders.files if not file.is_complete and file.key in with_state)


def _kept(folders: Folders, owned: Owned) -> Iterable[ObjectRef]:
    """What came from files and folders of which it is not known what they should hold."""
    broken = {file.key for file in folders.files if not file.is_complete}
    closed = tuple(f"{key}/" for key in folders.unread if key)
    for ref, source in owned.items():
        if "" in folders.unread or source.path in broken or source.path.startswith(closed):
            yield ref


def _namespaces(wanted: Iterable[Wanted], kept: Iterable[ObjectRef]) -> list[Wanted]:
    """The namespaces that objects need and no manifest defines."""
    defined = {one.ref.name for one in wanted if one.ref.kind == "Namespace"}
    defined |= {ref.name for ref in kept if ref.kind == "Namespace"}
    missing: dict[str, Wanted] = {}
    for one in wanted:
        name = one.ref.namespace
        if name and name not in defined and name not in missing:
            obj = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            missing[name] = Wanted(ObjectRef("Namespace", "", name), marked(obj, one.source), one.source)
    return list(missing.values())


def _file_problems(folders: Folders, held: frozenset[str]) -> Iterable[Located]:
    yield from folders.problems
    for file in folders.files:
        for found in file.problems:
            yield _with(found, "its last good state stays") if file.key in held else found


def _object_problems(one: Prepared, owned: Owned) -> Iterable[Located]:
    stays = not one.is_storable and one.ref in owned
    for found in one.located:
        yield _with(found, "the version applied before stays") if stays and found.problem.is_error else found


def _with(found: Located, remark: str) -> Located:
    message = f"{found.problem.message} ({remark})"
    return found._replace(problem=msgspec.structs.replace(found.problem, message=message))
