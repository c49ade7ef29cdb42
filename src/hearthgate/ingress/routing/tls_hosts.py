"""Which TLS options rule which host: decided by SNI before a rule is seen, so a host can have only one."""

from collections.abc import Mapping

import msgspec

from hearthgate.ingress.routing.model import DEFAULT_TLS_OPTIONS, Router, TLSOptions
from hearthgate.model.problems import Problem, Reason, Severity

Hosts = Mapping[str, Mapping[str, tuple[str, ...]]]
"""options name -> entrypoint -> hosts"""


class OptionsByHost:
    """Settles conflicts as upstream does: a host with several options gets the default ones, with a warning."""

    def __init__(self) -> None:
        self._replaced: dict[int, tuple[Router, Router]] = {}

    def settle(self, routers: tuple[Router, ...]) -> tuple[tuple[Router, ...], Hosts, tuple[Problem, ...]]:
        """The routers with their final options, the hosts of each, and the conflicts."""
        special = [router for router in routers if router.tls and router.tls_options != DEFAULT_TLS_OPTIONS]
        if not special:
            self._replaced = {}
            return routers, {}, ()
        wanted: dict[tuple[str, str], set[str]] = {
            (router.entrypoint, host): set() for router in special for host in router.rule.hosts
        }
        for router in routers:
            if router.tls:
                for host in router.rule.hosts:
                    if (router.entrypoint, host) in wanted:
                        wanted[router.entrypoint, host].add(router.tls_options)
        problems = [problem for router in special if (problem := _conflict(router, wanted))]
        losers = {(problem.ref, problem.field) for problem in problems}
        kept: dict[int, tuple[Router, Router]] = {}
        settled = []
        for router in routers:
            if router.tls_options != DEFAULT_TLS_OPTIONS and (router.ref, router.place("match")) in losers:
                known = self._replaced.get(id(router))
                fallback = (
                    known[1]
                    if known is not None and known[0] is router
                    else msgspec.structs.replace(router, tls_options=DEFAULT_TLS_OPTIONS)
                )
                kept[id(router)] = (router, fallback)
                settled.append(fallback)
            else:
                settled.append(router)
        self._replaced = kept
        return tuple(settled), _hosts(settled), tuple(sorted(set(problems)))


def _conflict(router: Router, wanted: Mapping[tuple[str, str], set[str]]) -> Problem | None:
    if not router.rule.hosts:
        message = f"TLS options {router.tls_options} need a Host in the rule: the default options are used"
    else:
        clash = [host for host in router.rule.hosts if len(wanted[router.entrypoint, host]) > 1]
        if not clash:
            return None
        others = ", ".join(sorted(wanted[router.entrypoint, clash[0]]))
        message = f"host {clash[0]} has several TLS options ({others}): the default options are used"
    return Problem(
        ref=router.ref,
        field=router.place("match"),
        reason=Reason.TLS_OPTION_CONFLICT,
        message=message,
        severity=Severity.WARNING,
    )


def _hosts(routers: list[Router]) -> dict[str, dict[str, tuple[str, ...]]]:
    found: dict[str, dict[str, set[str]]] = {}
    for router in routers:
        if router.tls and router.tls_options != DEFAULT_TLS_OPTIONS:
            by_entrypoint = found.setdefault(router.tls_options, {})
            by_entrypoint.setdefault(router.entrypoint, set()).update(router.rule.hosts)
    return {
        name: {entrypoint: tuple(sorted(hosts)) for entrypoint, hosts in sorted(by_entrypoint.items())}
        for name, by_entrypoint in sorted(found.items())
    }


def with_hosts(options: TLSOptions, hosts: Hosts) -> TLSOptions:
    return msgspec.structs.replace(options, hosts=hosts.get(options.name, {}))
