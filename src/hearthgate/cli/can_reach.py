"""`hearthgate can-reach`: whether NetworkPolicies let a connection through."""

import json
from pathlib import Path

import click
from rich.table import Table
from rich.text import Text

from hearthgate.app.policies import Seen
from hearthgate.cli.access import console, tell_hidden
from hearthgate.cli.seeing import from_files, see, with_kubeconfig, with_settings, with_state
from hearthgate.doctor.policies.answer import Answer, answer
from hearthgate.doctor.policies.ends import places
from hearthgate.model.errors import HearthgateError
from hearthgate.policy.ends import PodEnd
from hearthgate.policy.matrix import Cell, matrix
from hearthgate.policy.ports import Protocol

YES, NO, CANNOT_SAY = 0, 1, 2
_MARKS = {"all": ("✓", "green"), "some": ("~", "yellow"), "none": ("·", "dim")}


@click.command("can-reach")
@click.argument("source", required=False)
@click.argument("destination", required=False)
@click.option("--protocol", type=click.Choice(["TCP", "UDP", "SCTP"], case_sensitive=False), help="[default: TCP]")
@click.option("--matrix", "is_matrix", is_flag=True, help="Every pair of pods; of one namespace with SOURCE.")
@from_files
@with_settings
@click.option("--output", "-o", type=click.Choice(["json"]), help="As JSON.")
@with_kubeconfig
@with_state
def can_reach(
    *,
    source: str | None,
    destination: str | None,
    protocol: str | None,
    is_matrix: bool,
    paths: tuple[Path, ...],
    settings_file: Path | None,
    output: str | None,
    kubeconfig: Path | None,
    state: Path | None,
) -> None:
    """Say whether NetworkPolicies let SOURCE reach DESTINATION, which rule decides, and what would open it.

    Ends are NAMESPACE/POD, NAMESPACE/deploy/NAME, NAMESPACE/svc/NAME, an address, or `internet`; DESTINATION may
    end with :PORT. Exit status: 0 yes, 1 no, 2 when it cannot be said.
    """
    if not is_matrix and (source is None or destination is None):
        raise click.UsageError("say who shall reach whom: SOURCE and DESTINATION, or --matrix")
    try:
        seen = see(paths, settings_file, kubeconfig, state)
        if is_matrix:
            _show_matrix(seen, source, output)
            return
        answers = _answers(seen, source or "", destination or "", protocol)
    except HearthgateError as error:
        raise click.UsageError(str(error)) from error
    except click.ClickException as error:
        error.show()
        raise SystemExit(CANNOT_SAY) from error
    if output == "json":
        click.echo(json.dumps([each.as_json() for each in answers], indent=2))
    else:
        _show(answers, seen)
    raise SystemExit(YES if all(each.allowed for each in answers) else NO)


def _answers(seen: Seen, source: str, destination: str, protocol: str | None) -> list[Answer]:
    said = Protocol(protocol.upper()) if protocol else None
    sources = places(source, seen.world, seen.snapshot, said)
    targets = places(destination, seen.world, seen.snapshot, said)
    return [answer(seen.world, seen.snapshot, one.end, target) for one in sources for target in targets]


def _show(answers: list[Answer], seen: Seen) -> None:
    terminal = console()
    for each in answers:
        word, colour = ("yes", "green") if each.allowed else ("no", "red")
        port = "" if each.port == "any" else f" at {each.port}"
        line = Text.assemble((f"{word:<4}", f"bold {colour}"), f"{each.source} → {each.destination}{port}")
        terminal.print(line, soft_wrap=True)
        for fact in each.facts:
            terminal.print(Text(f"    {fact}"), soft_wrap=True)
        for command in each.way_out:
            terminal.print(Text(f"    way out: {command}"), soft_wrap=True)
    _tell(seen)


def _show_matrix(seen: Seen, namespace: str | None, output: str | None) -> None:
    pods = sorted(seen.world.pods.values(), key=lambda pod: pod.key)
    chosen = [pod for pod in pods if namespace in (None, pod.namespace)]
    if not chosen:
        raise click.UsageError(f"there are no pods{f' in namespace {namespace}' if namespace else ''}")
    cells = list(matrix(seen.world, pods, chosen))
    if output == "json":
        click.echo(json.dumps([_as_json(cell) for cell in cells], indent=2))
        return
    terminal = console()
    terminal.print(_table(chosen, cells))
    for number, pod in enumerate(chosen, 1):
        terminal.print(Text(f"{number:>3} {pod}", "dim"), soft_wrap=True)
    terminal.print(Text("rows reach columns: ✓ all ports that the pod serves, ~ some, · none", "dim"))
    _tell(seen)


def _table(chosen: list[PodEnd], cells: list[Cell]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", overflow="fold")
    for number, _ in enumerate(chosen, 1):
        table.add_column(str(number), justify="center")
    width = len(chosen)
    for start in range(0, len(cells), width):
        row = cells[start : start + width]
        marks = (Text(*_MARKS[cell.state]) for cell in row)
        table.add_row(str(row[0].source), *marks)
    return table


def _as_json(cell: Cell) -> dict[str, object]:
    served = [
        {"protocol": str(protocol), "port": port, "reached": reached} for protocol, port, reached in cell.served()
    ]
    return {
        "source": str(cell.source),
        "destination": str(cell.destination),
        "ports": str(cell.ports),
        "served": served,
    }


def _tell(seen: Seen) -> None:
    for problem in seen.world.problems:
        click.secho(str(problem), fg="yellow", err=True)
    if seen.once is not None:
        tell_hidden(seen.once)
