"""Prometheus' text format: what a metric is, and how its samples are written."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

Labels = tuple[str, ...]


class Metric(NamedTuple):
    """type: counter, gauge, histogram or summary."""

    name: str
    type: str
    labels: Labels
    help: str


def family(metric: Metric, values: Iterable[tuple[Labels, float]], extra: Labels = ()) -> Iterator[str]:
    """All samples of a metric below its head, a line each. extra: names of labels beside the metric's own."""
    yield head(metric)
    names = (*metric.labels, *extra)
    for given, value in values:
        said = f"{{{labels(names, given)}}}" if names else ""
        yield f"{metric.name}{said} {value}\n"


def head(metric: Metric) -> str:
    return f"# HELP {metric.name} {metric.help}\n# TYPE {metric.name} {metric.type}\n"


def labels(names: Labels, values: Labels) -> str:
    """As they stand between the braces."""
    return ",".join([f'{name}="{_escaped(value)}"' for name, value in zip(names, values, strict=True)])


def _escaped(value: str) -> str:
    if "\\" not in value and '"' not in value and "\n" not in value:
        return value
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
