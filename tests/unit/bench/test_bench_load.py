"""How the benchmark reads h2load, judges figures, and writes manifests."""

from pathlib import Path

import pytest
import yaml

from bench import manifests, middlewares
from bench.load import parse, quantile
from bench.report import Figure
from bench.soak import slope
from hearthgate.resources.decode import decode_mapping

REPORT = """\
starting benchmark...

finished in 2.00s, 39958.00 req/s, 43.25MB/s
requests: 79916 total, 79948 started, 79916 done, 79910 succeeded, 6 failed, 0 errored, 0 timeout
status codes: 79910 2xx, 1 3xx, 2 4xx, 3 5xx
"""


def test_report_is_read(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"1700000000\t200\t{micros}\n" for micros in range(100, 10100, 100)))
    found = parse(REPORT, log)
    assert found.requests_per_second == 39958.0
    assert (found.p50, found.p99) == (5.1, 10.0)
    assert found.failed == 12


def test_other_report_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="something else"):
        parse("h2load: connection refused", tmp_path / "log")


def test_quantile() -> None:
    assert quantile([1], 0.99) == 1
    assert quantile(list(range(100)), 0.5) == 50


@pytest.mark.parametrize(
    ("value", "target", "at_most", "met"),
    [
        (1.0, None, True, None),
        (30, 30, True, True),
        (31, 30, True, False),
        (0.96, 0.95, False, True),
        (0.9, 0.95, False, False),
    ],
)
def test_targets(value: float, target: float | None, at_most: bool, met: bool | None) -> None:
    assert Figure("", "", value, "", target, at_most).met is met


def test_manifests_are_understood(tmp_path: Path) -> None:
    manifests.write(tmp_path, manifests.sites(300, 7, "127.0.0.1:80"))
    documents = [doc for path in sorted(tmp_path.iterdir()) for doc in yaml.safe_load_all(path.read_text())]
    assert len(documents) == 307
    assert not [problem for document in documents for problem in decode_mapping(document).problems]


@pytest.mark.parametrize(
    ("points", "expected"),
    [([], 0.0), ([(0.0, 5.0)], 0.0), ([(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)], 2.0), ([(0.0, 4.0), (9.0, 4.0)], 0.0)],
)
def test_slope_of_memory(points: list[tuple[float, float]], expected: float) -> None:
    assert slope(points) == pytest.approx(expected)


def test_middlewares_that_are_measured_can_be_used() -> None:
    cases = tuple(middlewares.all_cases(8080))
    assert len({case.object_name for case in cases}) == len(cases)
    for document in middlewares.documents(cases, 8080):
        decoded = decode_mapping(document)
        assert decoded.resource is not None, decoded.problems
        assert not decoded.problems, document
