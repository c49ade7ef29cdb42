"""Bad input: one Problem each, that object alone is out of service, everything else keeps answering."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.ports import free_port
from tests.system.running import Hearthgate, playing
from tests.waiting import wait_for

DOMAIN = "my-homelab.party"
SECRET = "very-secret-junk"


def traefik(kind: str, name: str, spec: Any) -> dict[str, Any]:
    meta = {"name": name, "namespace": "default", "annotations": {"kubernetes.io/ingress.class": "traefik"}}
    return {"apiVersion": "traefik.io/v1alpha1", "kind": kind, "metadata": meta, "spec": spec}


def route(name: str, *, match: str = "", to: str = "good", port: int = 80, **more: Any) -> dict[str, Any]:
    rule = match or f"Host(`{name}.{DOMAIN}`)"
    services = [{"name": to, "port": port}]
    return traefik("IngressRoute", name, {"routes": [{"match": rule, "services": services, **more}]})


def middleware(name: str, spec: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A Middleware, and the route that relies on it."""
    return traefik("Middleware", name, spec), route("bad", middlewares=[{"name": name}])


def config_map(size: int) -> dict[str, Any]:
    meta = {"name": "big", "namespace": "default"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"x": "y" * size}}


def pair() -> tuple[dict[str, Any], dict[str, Any]]:
    """A TLS Secret that is none, and who wants it."""
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "broken", "namespace": "default"},
        "type": "kubernetes.io/tls",
        "stringData": {"tls.crt": "junk", "tls.key": SECRET},
    }
    return secret, traefik("TLSStore", "default", {"certificates": [{"secretName": "broken"}]})


def dump(*manifests: dict[str, Any]) -> bytes:
    return yaml.safe_dump_all(manifests).encode()


NESTED = "(" * 1000 + "Host(`bad.test`)" + ")" * 1000
LONG = " || ".join(f"Host(`h{number}.test`)" for number in range(4000))
UNKNOWN = traefik("IngressRoute", "bad", {"routes": [{"match": "Host(`bad.test`)", "service": []}]})
CASES: dict[str, tuple[bytes, str]] = {
    "bad rule": (dump(route("bad", match="Hosts(`bad.test`)")), "unknown matcher 'Hosts'"),
    "missing middleware": (
        dump(route("bad", middlewares=[{"name": "nowhere"}])),
        "Middleware default/nowhere does not",
    ),
    "missing service": (dump(route("bad", to="nowhere")), "Service default/nowhere does not exist"),
    "missing port": (dump(route("bad", port=81)), "has no port 81"),
    "missing auth secret": (dump(*middleware("auth", {"basicAuth": {"secret": "gone"}})), "gone"),
    "broken key": (dump(*pair()), "no certificate in PEM form"),
    "two types": (dump(*middleware("two", {"compress": {}, "addPrefix": {"prefix": "/x"}})), "multi-types"),
    "cyclic chain": (dump(*middleware("loop", {"chain": {"middlewares": [{"name": "loop"}]}})), "contains itself"),
    "unknown field": (dump(UNKNOWN), "did you mean 'services'"),
    "10 MB object": (dump(config_map(10_000_000)), "TooLarge"),
    "binary junk": (bytes(range(256)) * 40, "bad.yaml"),
    "syntax error": (b"apiVersion: v1\nkind: [\n", "bad.yaml:"),
    "64 KB rule": (dump(route("bad", match=LONG)), "RuleTooComplex"),
    "rule nested 1,000 deep": (dump(route("bad", match=NESTED)), "RuleTooComplex"),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hearthgate]:
    gateway = Hearthgate(tmp_path_factory.mktemp("bad-input"))
    gateway.manifests.mkdir()
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "good",
            "namespace": "default",
            "annotations": {"hearthgate.dev/endpoints": f"127.0.0.1:{free_port()}"},
        },
        "spec": {"ports": [{"name": "http", "port": 80}]},
    }
    (gateway.manifests / "good.yaml").write_bytes(dump(service, route("good")))
    with playing(gateway.manifests):
        gateway.start()
        try:
            yield gateway
        finally:
            gateway.stop()


def status(site: Hearthgate, name: str) -> int:
    """Over TLS with whatever certificate there is: this test has none of its own."""
    host = f"{name}.{DOMAIN}"
    url = f"https://127.0.0.1:{site.https}/"
    with httpx.Client(verify=False) as client:
        return client.get(url, headers={"Host": host}, extensions={"sni_hostname": host}).status_code


@pytest.mark.parametrize(("content", "message"), CASES.values(), ids=CASES.keys())
def test_costs_only_itself(site: Hearthgate, content: bytes, message: str) -> None:
    wait_for(lambda: status(site, "good") == 200, what="the good site")
    seen = len(site.log.read_text())
    bad: Path = site.manifests / "bad.yaml"
    bad.write_bytes(content)
    try:
        wait_for(lambda: message in site.log.read_text()[seen:], within=20, what=f"{message!r} in the log")
        assert status(site, "good") == 200
        assert status(site, "bad") == 404
        assert SECRET not in site.log.read_text()
    finally:
        bad.unlink()


def test_second_process_on_one_state_folder_refuses(site: Hearthgate, tmp_path: Path) -> None:
    second = Hearthgate(tmp_path)
    second.manifests.mkdir()
    second.state = site.state
    with pytest.raises(AssertionError, match="ended"):
        second.start()
    assert site.process is not None
    assert str(site.process.pid) in second.last_lines()
    assert site.is_ready()
