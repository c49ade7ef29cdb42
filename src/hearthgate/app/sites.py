"""What the operator sees: every site with its state, and the problems with their place in the files."""

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from hearthgate.ingress.routing.entrypoints import SETTINGS_REF
from hearthgate.ingress.routing.model import EntryPoint, Router, RoutingModel
from hearthgate.model.problems import Problem, Reason
from hearthgate.model.refs import ObjectRef

WIDE = 200
"""Columns where there is no terminal."""


class Site(NamedTuple):
    """One host on one entrypoint. `route` names the object that serves its shortest rule."""

    url: str
    route: str
    service: str
    state: str


def list_sites(model: RoutingModel, problems: Iterable[Problem]) -> tuple[Site, ...]:
    """All sites by URL. Hosts that only a pattern names are shown by their rule."""
    entrypoints = {entrypoint.name: entrypoint for entrypoint in model.entrypoints}
    told: dict[ObjectRef | tuple[ObjectRef, str], set[Reason]] = {}
    for problem in problems:
        about = (problem.ref, problem.field) if problem.ref == SETTINGS_REF else problem.ref
        told.setdefault(about, set()).add(problem.reason)
    found: dict[str, Site] = {}
    for router in model.routers:
        if router.service is None:
            continue
        for url in _urls(router, entrypoints[router.entrypoint]):
            reasons: AbstractSet[Reason] = told.get(router.ref) or told.get((router.ref, router.field)) or set()
            state = _state(reasons)
            route = f"{router.ref.namespace}/{router.ref.name}"
            found.setdefault(url, Site(url, route, router.service.name.partition("@")[0], state))
    return tuple(found[url] for url in sorted(found))


def print_sites(console: Console, sites: tuple[Site, ...]) -> None:
    """One line a site, never broken: a terminal may cut it, a file holds all of it."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("SITE", "STATE", "ROUTE", "SERVICE"):
        table.add_column(column, no_wrap=True)
    for site in sites:
        state = Text(site.state, "green" if site.state == "ok" else "yellow")
        table.add_row(site.url, state, site.route, site.service)
    console.print(table)


def site_console() -> Console:
    """Standard output; where it is no terminal, wide enough for every line."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDE)


def _state(reasons: AbstractSet[Reason]) -> str:
    """At a first start certificates are under way while everything else is served."""
    if not reasons:
        return "ok"
    return "no certificate yet" if reasons == {Reason.SECRET_NOT_FOUND} else "see problems"


def _urls(router: Router, entrypoint: EntryPoint) -> Iterator[str]:
    scheme, default = ("https", 443) if router.tls else ("http", 80)
    port = "" if entrypoint.port == default else f":{entrypoint.port}"
    for host in router.rule.hosts:
        yield f"{scheme}://{host}{port}"
    if not router.rule.hosts:
        yield f"{scheme} {entrypoint.name}: {router.rule.text}"
