"""Which solver proves a name: cert-manager's rules. Pure."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from hearthgate.resources.certmanager.orders import Authorization, OfferedChallenge
from hearthgate.resources.certmanager.solvers import Solver, SolverSelector


class Chosen(NamedTuple):
    solver: Solver
    offered: OfferedChallenge


_ANYTHING: Final = SolverSelector()


def name_of(authorization: Authorization) -> str:
    """With `*.` where it is about a wildcard."""
    return f"*.{authorization.identifier}" if authorization.wildcard else authorization.identifier


def select(solvers: Iterable[Solver], authorization: Authorization, labels: Mapping[str, str]) -> Chosen | None:
    """The best of those whose selector matches in all it lists and whose type the CA offers: an exact name counts
    for more than a zone, a longer zone for more than labels; of equals the first. labels: of the Order."""
    name = name_of(authorization)
    best: tuple[tuple[int, int, int], Chosen] | None = None
    for solver in solvers:
        offered = _offered(solver, authorization)
        rank = _rank(solver.selector or _ANYTHING, name, labels)
        if offered is not None and rank is not None and (best is None or rank > best[0]):
            best = (rank, Chosen(solver, offered))
    return None if best is None else best[1]


def why_none(solvers: Iterable[Solver], authorization: Authorization) -> str:
    """What to tell people when `select` finds nothing."""
    name = name_of(authorization)
    kinds = {type_of(solver) for solver in solvers}
    offered = {challenge.type for challenge in authorization.challenges}
    if not kinds:
        return f"the issuer has no solver: add one that can prove {name}"
    if not kinds & offered:
        have, want = ", ".join(sorted(kinds)), ", ".join(sorted(offered)) or "nothing"
        hint = " (wildcards need dns01)" if authorization.wildcard else ""
        return f"for {name} the CA offers {want}, and the issuer's solvers do {have}{hint}: add one that fits"
    return f"no solver of the issuer is for {name}: see its selectors, or add a solver without one"


def type_of(solver: Solver) -> str:
    """The CA's word for what it does."""
    if solver.dns01 is not None:
        return "dns-01"
    return "tls-alpn-01" if solver.tls_alpn01 is not None else "http-01"


def _offered(solver: Solver, authorization: Authorization) -> OfferedChallenge | None:
    wanted = type_of(solver)
    return next((offered for offered in authorization.challenges if offered.type == wanted), None)


def _rank(selector: SolverSelector, name: str, labels: Mapping[str, str]) -> tuple[int, int, int] | None:
    """None: not for this name. Compared as upstream does: name, labels in the longest zone, number of labels."""
    if any(labels.get(label) != value for label, value in selector.match_labels.items()):
        return None
    if selector.dns_names and name not in selector.dns_names:
        return None
    zones = [len(_labels(zone)) for zone in selector.dns_zones if _is_in(name, zone)]
    if selector.dns_zones and not zones:
        return None
    return (int(bool(selector.dns_names)), max(zones, default=0), len(selector.match_labels))


def _is_in(name: str, zone: str) -> bool:
    wanted = _labels(zone)
    return bool(wanted) and _labels(name)[-len(wanted) :] == wanted


def _labels(name: str) -> list[str]:
    return [label for label in name.rstrip(".").split(".") if label]
