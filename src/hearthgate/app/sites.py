"""What the operator sees: every site with its state, and the problems with their place in the files."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from hearthgate.ingress.routing.entrypoints import SETTINGS_REF
from hearthgate.ingress.routing.model import EntryPoint, Router, RoutingModel
from hearthgate.model.problems import Problem

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
    told = {(problem.ref, problem.field) for problem in problems}
    warned = {ref for ref, _field in told if ref != SETTINGS_REF}
    found: dict[str, Site] = {}
    for router in model.routers:
        if router.service is None:
            continue
        for url in _urls(router, entrypoints[router.entrypoint]):
            is_told = router.ref in warned or (router.ref, router.field) in told
            state = "see problems" if is_told else "ok"
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


def _urls(router: Router, entrypoint: EntryPoint) -> Iterator[str]:
    scheme, default = ("https", 443) if router.tls else ("http", 80)
    port = "" if entrypoint.port == default else f":{entrypoint.port}"
    for host in router.rule.hosts:
        yield f"{scheme}://{host}{port}"
    if not router.rule.hosts:
        yield f"{scheme} {entrypoint.name}: {router.rule.text}"
