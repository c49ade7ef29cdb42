"""What of the kernel the rules need beside themselves. Pure."""

from collections.abc import Iterable, Iterator

from hearthgate.balancer.allocation.blocks import Address
from hearthgate.balancer.datapath.rules import Rule
from hearthgate.model.problems import Problem, Reason, Severity
from hearthgate.model.refs import ObjectRef


def needs_forwarding(rules: Iterable[Rule], own: frozenset[Address]) -> frozenset[int]:
    """The versions of IP in which targets are on other machines. own: addresses of this one."""
    return frozenset(rule.place.address.version for rule in rules if _leads_away(rule, own))


def not_forwarded(
    rules: Iterable[Rule], own: frozenset[Address], versions: frozenset[int], why: str = ""
) -> Iterator[Problem]:
    """One for each Service with targets that are not reached. versions: in which the kernel does not forward.
    why: it could not be told to."""
    told = set()
    for rule in rules:
        version = rule.place.address.version
        if version not in versions or not _leads_away(rule, own) or (rule.service, version) in told:
            continue
        told.add((rule.service, version))
        name = "net.ipv4.ip_forward" if version == 4 else "net.ipv6.conf.all.forwarding"
        failed = f" and may not be told to ({why})" if why else ""
        way_out = f"set {name}=1 by sysctl" + ("" if why else ", or loadBalancer.forwarding: true")
        message = (
            f"its servers are on other machines, and the kernel does not forward IPv{version}{failed}: {way_out}"
        )
        yield problem(rule, Reason.NOT_FORWARDED, message)


def missing(rules: Iterable[Rule], why: str) -> Iterator[Problem]:
    """One for each Service, when rules cannot be put in force."""
    for rule in {rule.service: rule for rule in rules}.values():
        message = f"connections to its address are not led to its servers: {why}"
        yield problem(rule, Reason.DATA_PATH_MISSING, message)


def problem(rule: Rule, reason: Reason, message: str) -> Problem:
    return Problem(
        ref=ObjectRef("Service", *rule.service),
        field="status.loadBalancer",
        reason=reason,
        message=message,
        severity=Severity.WARNING,
    )


def _leads_away(rule: Rule, own: frozenset[Address]) -> bool:
    return any(target.address not in own and target.address != rule.place.address for target in rule.targets)
