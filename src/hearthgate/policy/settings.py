"""Settings of policies that are enforced."""

import ipaddress
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from hearthgate.model.problems import Reason, shorten
from hearthgate.policy.ends import PodEnd
from hearthgate.resources.meta import Strict


class Member(Strict, frozen=True, kw_only=True):
    """A container or a network namespace of this box that is no Pod. Policies know it by these.

    addresses: those that it has; this machine must forward for them.
    """

    namespace: str
    name: str
    addresses: tuple[str, ...]
    labels: Mapping[str, str] = {}


class PolicySettings(Strict, frozen=True, kw_only=True):
    """enforce: whether the kernel of this machine keeps to the policies: for members, and on a node that runs
    `hearthgate speaker` for its Pods.
    members: who is no Pod.
    force: also beside another program that enforces policies.
    """

    enforce: bool = False
    members: tuple[Member, ...] = ()
    force: bool = False


class Mistake(NamedTuple):
    """path: below `policy`."""

    path: str
    reason: Reason
    message: str


def pods_of(settings: PolicySettings) -> tuple[PodEnd, ...]:
    """The members. Of settings without mistakes."""
    return tuple(
        PodEnd(one.namespace, one.name, one.labels, tuple(map(ipaddress.ip_address, one.addresses)))
        for one in settings.members
    )


def mistakes(settings: PolicySettings) -> Iterator[Mistake]:
    """What no type can say."""
    owners: dict[str, str] = {}
    for index, member in enumerate(settings.members):
        path = f"members[{index}]"
        if not member.addresses:
            yield Mistake(f"{path}.addresses", Reason.MISSING_FIELD, "one address at least is needed")
        for place, text in enumerate(member.addresses):
            try:
                address = str(ipaddress.ip_address(text))
            except ValueError:
                message = f"{shorten(text)} is no address"
                yield Mistake(f"{path}.addresses[{place}]", Reason.INVALID_VALUE, message)
                continue
            owner = owners.setdefault(address, f"{member.namespace}/{member.name}")
            if owner != f"{member.namespace}/{member.name}":
                message = f"{text} is that of {owner} already"
                yield Mistake(f"{path}.addresses[{place}]", Reason.DUPLICATE_OBJECT, message)
