"""Certificates: how many in a minute beside certbot and lego against one Pebble, by HTTP-01; how soon one is
served, and what thousands cost. Pebble refuses no nonces here: certbot does not outlive two in a row.
"""

import base64
import contextlib
import os
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from cryptography import x509

from bench.gateway import Gateway, hearthgate
from bench.processes import free_port, wait_until
from bench.report import Figure
from bench.rivals import Proxy
from tests.acme.pebble import Pebble, run_pebble

NAMES, RIVAL_NAMES, SERVED, MANY = 100, 10, 10, 5_000
NAMESPACE = "bench"
TARGET_SERVED = 2_000.0
GROUP = "certificates"


def run(*, quick: bool) -> tuple[list[Figure], dict[str, Any]]:
    count, many = (NAMES // 5, MANY // 20) if quick else (NAMES, MANY)
    with (
        tempfile.TemporaryDirectory() as name,
        run_pebble(nonce_reject=0, http_port=(port := free_port())) as pebble,
    ):
        folder = Path(name)
        (folder / "manifests").mkdir()
        rivals = {
            "certbot": _per_minute(lambda host: _certbot(pebble, folder, port, host), "certbot", RIVAL_NAMES),
            "lego": _per_minute(lambda host: _lego(pebble, folder, port, host), "lego", RIVAL_NAMES),
        }
        proxy = Proxy("Hearthgate", port, free_port())
        with hearthgate(folder, folder / "manifests", proxy=proxy) as gateway:
            gateway.wait_ready()
            _prepare(gateway, pebble)
            ours = _rate(gateway, count)
            served = [_served(gateway, f"served-{index}") for index in range(SERVED)]
    issuing, memory, before = _many(many)
    figures = [
        Figure(GROUP, f"Hearthgate: {count} names by HTTP-01", ours, "/min"),
        *(Figure(GROUP, f"{rival}: one name after the other", rate, "/min") for rival, rate in rivals.items()),
        *(Figure(GROUP, f"Hearthgate of {rival}", ours / rate, "") for rival, rate in rivals.items()),
        Figure(GROUP, "from apply to served, p50", statistics.median(served), "ms", TARGET_SERVED),
        Figure(GROUP, "from apply to served, worst", max(served), "ms"),
        Figure(GROUP, f"{many:,} from a CA of the box: time to issue", issuing, "s"),
        Figure(GROUP, f"{many:,} certificates: RSS together", memory, "MB"),
        Figure(GROUP, "without: RSS together", before, "MB"),
    ]
    return figures, {"served": served, "rivals": rivals, "ours": ours}


def _prepare(gateway: Gateway, pebble: Pebble) -> None:
    gateway.apply_path("/api/v1/namespaces/bench", _object("v1", "Namespace", NAMESPACE))
    acme = {
        "server": pebble.directory,
        "caBundle": base64.b64encode(pebble.ca.encode()).decode(),
        "privateKeySecretRef": {"name": "account"},
        # Pebble looks at another port than 80, where a look of ours would find nothing.
        "solvers": [{"http01": {"ingress": {}}, "waitInsteadOfSelfCheck": "0s"}],
    }
    gateway.apply(_object("cert-manager.io/v1", "Issuer", "acme", {"acme": acme}))
    wait_until(lambda: _is_ready(gateway, "issuers", "acme"), 30, "the issuer")


def _rate(gateway: Gateway, count: int) -> float:
    """Certificates in a minute, all asked for at once."""
    names = [f"name-{index}" for index in range(count)]
    began = time.monotonic()
    for name in names:
        gateway.apply(_certificate(name, "acme"))
    for name in names:
        wait_until(partial(_is_ready, gateway, "certificates", name), 300, name)
    return 60 * count / (time.monotonic() - began)


def _served(gateway: Gateway, name: str) -> float:
    """Milliseconds from `apply` until a client gets it."""
    route = {
        "routes": [{"match": f"Host(`{name}.example.test`)", "services": [{"name": "none", "port": 80}]}],
        "tls": {"secretName": name},
    }
    gateway.apply(_object("traefik.io/v1alpha1", "IngressRoute", name, route))
    began = time.monotonic()
    gateway.apply(_certificate(name, "acme"))
    wait_until(lambda: f"{name}.example.test" in _shown(gateway.proxy.https, name), 60, f"{name} at the door")
    return 1000 * (time.monotonic() - began)


def _many(count: int) -> tuple[float, float, float]:
    """(seconds, MB, MB without) of `count` certificates from a CA of one's own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "manifests").mkdir()
        with hearthgate(folder, folder / "manifests") as gateway:
            gateway.wait_ready()
            gateway.wait_idle()
            before = gateway.memory().rss
            gateway.apply_path("/api/v1/namespaces/bench", _object("v1", "Namespace", NAMESPACE))
            began = time.monotonic()
            for index in range(count):
                gateway.apply(_certificate(f"c-{index}", "hearthgate-local-ca", kind="ClusterIssuer"))
            for index in range(count):
                wait_until(partial(_is_ready, gateway, "certificates", f"c-{index}"), 600, f"c-{index}")
            took = time.monotonic() - began
            gateway.wait_idle()
            return took, gateway.memory().rss, before


def _certificate(name: str, issuer: str, *, kind: str = "Issuer") -> dict[str, Any]:
    spec = {
        "secretName": name,
        "dnsNames": [f"{name}.example.test"],
        "issuerRef": {"name": issuer, "kind": kind},
        "privateKey": {"algorithm": "ECDSA", "size": 256},
    }
    return _object("cert-manager.io/v1", "Certificate", name, spec)


def _object(api: str, kind: str, name: str, spec: dict[str, Any] | None = None) -> dict[str, Any]:
    metadata = {"name": name} if kind == "Namespace" else {"name": name, "namespace": NAMESPACE}
    content: dict[str, Any] = {"apiVersion": api, "kind": kind, "metadata": metadata}
    return content if spec is None else {**content, "spec": spec}


def _is_ready(gateway: Gateway, plural: str, name: str) -> bool:
    found = gateway.get(f"/apis/cert-manager.io/v1/namespaces/{NAMESPACE}/{plural}/{name}")
    conditions = found.get("status", {}).get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _shown(port: int, name: str) -> str:
    """The names in the certificate that a client gets."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        contextlib.suppress(OSError),
        socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=f"{name}.example.test") as secured,
    ):
        shown = secured.getpeercert(binary_form=True)
        if shown:
            leaf = x509.load_der_x509_certificate(shown)
            with contextlib.suppress(x509.ExtensionNotFound):
                names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
                return " ".join(names.get_values_for_type(x509.DNSName))
    return ""


def _per_minute(issue: Callable[[str], None], rival: str, count: int) -> float:
    issue(f"{rival}-first.example.test")  # makes the account
    began = time.monotonic()
    for index in range(count):
        issue(f"{rival}-{index}.example.test")
    return 60 * count / (time.monotonic() - began)


def _certbot(pebble: Pebble, folder: Path, port: int, host: str) -> None:
    home = folder / "certbot"
    command = [str(Path(sys.executable).parent / "certbot"), "certonly", "--standalone", "-n", "--agree-tos"]
    command += ["--register-unsafely-without-email", "--http-01-port", str(port), "--server", pebble.directory]
    command += ["--config-dir", str(home), "--work-dir", str(home), "--logs-dir", str(home), "-d", host]
    _done(command, {"REQUESTS_CA_BUNDLE": _bundle(pebble, folder)})


def _lego(pebble: Pebble, folder: Path, port: int, host: str) -> None:
    command = ["lego", "--server", pebble.directory, "--accept-tos", "--email", "bench@example.test", "--http"]
    command += ["--http.port", f":{port}", "--path", str(folder / "lego"), "--domains", host, "run"]
    _done(command, {"LEGO_CA_CERTIFICATES": _bundle(pebble, folder)})


def _bundle(pebble: Pebble, folder: Path) -> str:
    path = folder / "pebble-ca.crt"
    path.write_text(pebble.ca)
    return str(path)


def _done(command: Sequence[str], variables: dict[str, str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **variables}, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stdout[-500:]}{done.stderr[-500:]}")
