"""What is wrong with the pools, each and together. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from hearthgate.balancer.allocation.blocks import Block, read_block
from hearthgate.balancer.allocation.pools import Pool, pool_of
from hearthgate.model.problems import Problem, Reason
from hearthgate.resources.core import Namespace
from hearthgate.resources.meta import Resource
from hearthgate.resources.metallb import IPAddressPool


class Pools(NamedTuple):
    """usable: those without a mistake. An invalid pool costs nothing but itself."""

    usable: tuple[Pool, ...]
    problems: tuple[Problem, ...]


def read_pools(resources: Iterable[IPAddressPool], namespaces: Iterable[Namespace]) -> Pools:
    """Of two pools in conflict the younger one is out of service, else the later by name."""
    ordered = sorted(resources, key=_age)
    problems: list[Problem] = []
    blocks: list[tuple[IPAddressPool, Block]] = []
    usable: list[Pool] = []
    spaces = tuple(namespaces)
    names: dict[str, IPAddressPool] = {}
    for resource in ordered:
        found = list(_mistakes(resource, names.get(resource.metadata.name)))
        if not found:
            own = [read_block(text) for text in resource.spec.addresses]
            found = list(_overlaps(resource, own, blocks))
        problems.extend(found)
        if not found:
            names[resource.metadata.name] = resource
            blocks.extend((resource, block) for block in own)
            usable.append(pool_of(resource, spaces))
    return Pools(tuple(usable), tuple(sorted(problems)))


def _mistakes(resource: IPAddressPool, namesake: Resource | None) -> Iterator[Problem]:
    spec = resource.spec
    if namesake is not None:
        yield _problem(resource, "metadata.name", f"{namesake.ref} has the same name: give this one another")
    if not spec.addresses:
        yield _problem(resource, "spec.addresses", "holds no address: add a CIDR such as 192.168.1.240/28")
    for index, text in enumerate(spec.addresses):
        try:
            read_block(text)
        except ValueError as error:
            yield _problem(resource, f"spec.addresses[{index}]", str(error))
    if spec.service_allocation is not None:
        yield from _repeated(resource, spec.service_allocation.namespaces)


def _repeated(resource: IPAddressPool, namespaces: tuple[str, ...]) -> Iterator[Problem]:
    places: defaultdict[str, list[int]] = defaultdict(list)
    for index, name in enumerate(namespaces):
        places[name].append(index)
    for name, indexes in places.items():
        if len(indexes) > 1:
            field = f"spec.serviceAllocation.namespaces[{indexes[1]}]"
            yield _problem(resource, field, f"{name} stands in the list already: remove it")


def _overlaps(
    resource: IPAddressPool, own: list[Block], known: list[tuple[IPAddressPool, Block]]
) -> Iterator[Problem]:
    texts = resource.spec.addresses
    for index, block in enumerate(own):
        field = f"spec.addresses[{index}]"
        for before, other in enumerate(own[:index]):
            if block.overlaps(other):
                yield _problem(resource, field, f"{texts[index]} overlaps with {texts[before]} of the same pool")
        for pool, other in known:
            if block.overlaps(other):
                message = f"{texts[index]} overlaps with {other} of {pool.ref}: an address can be in one pool only"
                yield _problem(resource, field, message)


def _problem(resource: Resource, field: str, message: str) -> Problem:
    return Problem(ref=resource.ref, field=field, reason=Reason.INVALID_VALUE, message=message)


def _age(resource: Resource) -> tuple[str, str, str]:
    return (resource.metadata.creation_timestamp or "", *resource.key)
