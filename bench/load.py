"""One measurement of load: h2load against one proxy, in one protocol."""

import re
import subprocess
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from bench.processes import CORES
from bench.rivals import HOST, Proxy

CONNECTIONS = 32
STREAMS = 8
"""Per connection, for HTTP/2 only."""


class Protocol(StrEnum):
    HTTP1 = "HTTP/1.1"
    TLS = "HTTP/1.1 TLS"
    HTTP2 = "HTTP/2 TLS"


class Measured(NamedTuple):
    """Latencies in milliseconds. `failed`: answers other than 2xx, and requests without an answer."""

    requests_per_second: float
    p50: float
    p99: float
    failed: int


def measure(
    proxy: Proxy,
    protocol: Protocol,
    seconds: float,
    folder: Path,
    warm_up: float = 0.5,
    *,
    host: str = HOST,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Measured:
    # In a folder of its own: Hearthgate watches the folder above its manifests, and would be told of every line.
    log = folder / "load" / "requests.tsv"
    log.parent.mkdir(exist_ok=True)
    log.unlink(missing_ok=True)
    plain = protocol is Protocol.HTTP1
    port = proxy.http if plain else proxy.https
    connections = CONNECTIONS // 2 if protocol is Protocol.HTTP2 else CONNECTIONS
    command = [
        "h2load", f"--connect-to=127.0.0.1:{port}", f"--log-file={log}",
        f"--duration={round(seconds * 1000)}ms", f"--warm-up-time={round(warm_up * 1000)}ms",
        f"--clients={connections}", f"--threads={min(CORES, 2)}",
        f"--max-concurrent-streams={STREAMS if protocol is Protocol.HTTP2 else 1}",
        *([] if protocol is Protocol.HTTP2 else ["--h1"]),
        *(f"--header={name}: {value}" for name, value in headers.items()),
        f"{'http' if plain else 'https'}://{host}/",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60, check=True)
    return parse(done.stdout, log)


def parse(report: str, log: Path) -> Measured:
    """From h2load's report and its log: start, status, microseconds."""
    rate = re.search(r"^finished in .*?, ([\d.]+) req/s", report, re.MULTILINE)
    codes = re.search(r"^status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", report, re.MULTILINE)
    requests = re.search(r"(\d+) failed, (\d+) errored, (\d+) timeout", report)
    if rate is None or codes is None or requests is None:
        raise RuntimeError(f"h2load says something else:\n{report}")
    times = sorted(int(line.split("\t")[2]) for line in log.read_text().splitlines())
    if not times:
        raise RuntimeError(f"no request was answered:\n{report}")
    wrong = sum(int(codes.group(number)) for number in (2, 3, 4)) + int(requests.group(1))
    return Measured(float(rate.group(1)), quantile(times, 0.5) / 1000, quantile(times, 0.99) / 1000, wrong)


def quantile(ordered: list[int], share: float) -> int:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
