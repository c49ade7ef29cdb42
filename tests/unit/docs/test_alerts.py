"""Alert rules ask for metrics that there are, with labels that these have."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from hearthgate.balancer import metrics as pools
from hearthgate.balancer.bgp.metrics import BFD, BGP
from hearthgate.balancer.datapath.controller import ERRORS
from hearthgate.balancer.speaker.speaker import ANNOUNCED, COUNTS
from hearthgate.certificates.metrics import METRICS

FOLDER = Path(__file__).parents[3] / "docs" / "alerts"
ADDRESSES = (*pools.TOTAL, *pools.IN_USE, ANNOUNCED, *COUNTS, *(metric for metric, _ in BGP), *BFD, ERRORS)
KNOWN = {metric.name: metric for metric in (*METRICS, *ADDRESSES)}
NAME = re.compile(r"\b(?:certmanager|hearthgate|traefik|metallb)_[a-z0-9_]+")
MATCHERS = re.compile(r"([a-z0-9_]+)\{([^}]*)\}")


def rules() -> list[tuple[str, dict[str, Any]]]:
    files = sorted(FOLDER.glob("*.yaml"))
    return [
        (f"{file.stem}-{rule['alert']}", rule)
        for file in files
        for group in yaml.safe_load(file.read_text())["groups"]
        for rule in group["rules"]
    ]


@pytest.mark.parametrize("rule", [pytest.param(rule, id=name) for name, rule in rules()])
def test_asks_for_what_there_is(rule: dict[str, Any]) -> None:
    names = NAME.findall(rule["expr"])
    assert names
    assert set(names) <= KNOWN.keys()
    for name, matchers in MATCHERS.findall(rule["expr"]):
        for label in re.findall(r"([a-z_]+)\s*(?:=~|!=|=)", matchers):
            assert label in KNOWN[name].labels


@pytest.mark.parametrize("rule", [pytest.param(rule, id=name) for name, rule in rules()])
def test_says_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert rule["annotations"].keys() == {"summary", "description"}
