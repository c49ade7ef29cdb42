"""Does with manifests what `up` would do, down to the proxy's configuration, and tells what is wrong. Pure.

The order of the checks is the way of an object: text, decoding, names, endpoints, links, translation. Each
mistake is told once, where it was made.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from hearthgate.apiserver.foldersync.prepare import Prepared, known_kinds, prepare, unique
from hearthgate.apiserver.served import ServedKinds
from hearthgate.backends.upkeep import Upkeep
from hearthgate.cluster.snapshot import Snapshot
from hearthgate.doctor.report import Counts, Report
from hearthgate.ingress.envoy.options import ProxyOptions
from hearthgate.ingress.envoy.translate import Translator
from hearthgate.ingress.routing.build import RoutingBuilder
from hearthgate.ingress.routing.model import Certificate, Transport
from hearthgate.ingress.settings import IngressSettings
from hearthgate.model.problems import Problem
from hearthgate.model.refs import ObjectRef, Source
from hearthgate.resources.manifests import Document, Located


class Machine(NamedTuple):
    """What the machine that will serve adds. The fields are those of RoutingBuilder and Translator."""

    options: ProxyOptions = ProxyOptions()
    default_transport: Transport | None = None
    self_signed: Certificate | None = None


def check(
    documents: Sequence[Document],
    settings: IngressSettings,
    *,
    machine: Machine | None = None,
    found: Iterable[Located] = (),
    files: int | None = None,
) -> Report:
    """Every problem of these documents. Needs the proxy's schema loaded.

    found: problems that reading the files has given already. files: how many were read.
    """
    served = known_kinds(documents, ServedKinds())
    prepared, duplicates = unique(prepare(document, served) for document in documents)
    told = [*found, *duplicates, *(located for one in prepared for located in one.located)]
    known = {located.problem for located in told}
    places = {one.ref: one.document for one in reversed(prepared)}
    consequences = _consequences(prepared, settings, machine or Machine())
    told += [Located(_place(problem, places), problem) for problem in consequences if problem not in known]
    names = {document.source.path for document in documents} | {located.source.path for located in told}
    counts = Counts.of(
        len(names - {""}) if files is None else files, (one.ref.kind for one in prepared if one.kind is not None)
    )
    return Report(tuple(sorted(set(told))), counts)


def _consequences(prepared: Sequence[Prepared], settings: IngressSettings, machine: Machine) -> Iterable[Problem]:
    """What is wrong between objects, and with what they ask of the proxy."""
    resources = [one.resource for one in prepared if one.resource is not None]
    decoding = [problem for one in prepared for problem in one.problems]
    endpoints = Upkeep()
    endpoints.take(Snapshot.of(resources, decoding))
    snapshot = Snapshot.of([*resources, *(one.resource() for one in endpoints.wanted.values())], decoding)
    builder = RoutingBuilder(
        settings, default_transport=machine.default_transport, self_signed=machine.self_signed
    )
    built = builder.build(snapshot)
    translation = Translator(machine.options).translate(built.model, built.endpoints)
    return [*endpoints.problems, *built.problems, *translation.problems]


def _place(problem: Problem, places: dict[ObjectRef, Document]) -> Source:
    document = places.get(problem.ref)
    return document.source_of(problem.field) if document is not None else Source("", 0)
