"""How fast Services get addresses: all of a pool at once, from a folder, and after a restart of the program."""

import json
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.gateway import Gateway, hearthgate
from bench.processes import wait_until
from bench.report import Figure

SERVICES = 4_096
WITHIN = 300.0
LOOK_EVERY = 0.25
TARGET = 5.0
GROUP = "allocation"
_SERVICES = "/api/v1/namespaces/bench/services"


def run(*, quick: bool) -> tuple[list[Figure], dict[str, Any]]:
    count = SERVICES // 8 if quick else SERVICES
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        manifests = folder / "manifests"
        manifests.mkdir()
        _write(manifests / "pool.json", [_namespace()])
        with hearthgate(folder, manifests) as gateway:
            gateway.wait_ready()
            gateway.wait_idle()
            _write(manifests / "services.json", [_service(number) for number in range(count)])
            wait_until(lambda: len(_known(gateway)) == count, WITHIN, "Services")
            began = time.monotonic()
            gateway.apply(_pool())
            before = _all_held(gateway, count)
            taken = time.monotonic() - began
        with hearthgate(folder, manifests) as gateway:
            gateway.wait_ready()
            gateway.wait_idle()
            after = _held(gateway)
    moved = sum(after.get(name) != address for name, address in before.items())
    figures = [
        Figure(GROUP, f"{count:,} Services, from their pool to the last status", taken, "s", TARGET),
        Figure(GROUP, "other addresses after a restart", moved, "", 0),
        Figure(GROUP, "addresses given twice", len(before) - len(set(before.values())), "", 0),
    ]
    return figures, {"seconds": taken, "services": count}


def _all_held(gateway: Gateway, count: int) -> dict[str, str]:
    """Once every Service has an address. A list of all is no small thing to ask for, so it is asked for seldom."""
    ends = time.monotonic() + WITHIN
    while len(found := _held(gateway)) < count:
        if time.monotonic() > ends:
            raise TimeoutError(f"{len(found)} of {count} Services have an address after {WITHIN:g} s")
        time.sleep(LOOK_EVERY)
    return found


def _known(gateway: Gateway) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = gateway.get(_SERVICES).get("items", [])
    return items


def _held(gateway: Gateway) -> dict[str, str]:
    return {
        one["metadata"]["name"]: points[0]["ip"]
        for one in _known(gateway)
        if (points := one.get("status", {}).get("loadBalancer", {}).get("ingress"))
    }


def _namespace() -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "bench"}}


def _pool() -> dict[str, Any]:
    return {
        "apiVersion": "metallb.io/v1beta1",
        "kind": "IPAddressPool",
        "metadata": {"name": "all", "namespace": "bench"},
        "spec": {"addresses": ["10.64.0.0/20"]},
    }


def _service(number: int) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": f"s{number}", "namespace": "bench"},
        "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]},
    }


def _write(file: Path, items: list[dict[str, Any]]) -> None:
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    fresh.replace(file)
