"""Challenges through the whole program: one write to the API, and a CA that comes is answered."""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cryptography import x509

from examples.up import DOMAIN
from hearthgate.ingress.proofs.certificate import IDENTIFIER
from tests.component.ingress.challenges import CA, HTTP, TLS_ALPN, challenge
from tests.component.ingress.streams import anyone
from tests.system.running import Hearthgate, homelab
from tests.waiting import wait_for

HOST = f"new.{DOMAIN}"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hearthgate]:
    folder: Path = tmp_path_factory.mktemp("challenges")
    # Nobody shall act on Challenges that come from no CA.
    with homelab(folder, "--set", "certificates.enabled=false") as running:
        yield running


def fetch(gateway: Hearthgate, token: str, host: str = HOST) -> httpx.Response:
    url = f"http://127.0.0.1:{gateway.http}/.well-known/acme-challenge/{token}"
    return httpx.get(url, headers={"Host": host})


def test_http_proof_comes_and_goes_with_its_challenge(gateway: Hearthgate) -> None:
    assert fetch(gateway, "token-1").status_code in (301, 308), "the example redirects everything"
    gateway.kubectl("apply", "-f", "-", stdin=json.dumps(challenge("web", HOST, HTTP)))
    began = time.monotonic()
    wait_for(lambda: fetch(gateway, "token-1").status_code == 200, within=2, what="the proof")
    assert time.monotonic() - began < 1
    assert fetch(gateway, "token-1").text == "token-1.thumb"
    assert fetch(gateway, "token-1", f"photos.{DOMAIN}").status_code != 200
    listed = gateway.kubectl("get", "challenges")
    assert HOST in listed
    gateway.kubectl("delete", "challenge", "web")
    wait_for(lambda: fetch(gateway, "token-1").status_code != 200, within=2, what="the end of the proof")


def test_proof_by_handshake(gateway: Hearthgate) -> None:
    gateway.kubectl("apply", "-f", "-", stdin=json.dumps(challenge("tls", HOST, TLS_ALPN)))
    shown = wait_for(lambda: asyncio.run(handshake(gateway.https)), within=2, what="the proof")
    assert shown is not None
    assert shown.extensions.get_extension_for_oid(IDENTIFIER).critical
    assert gateway.request("grafana").status_code < 500, "sites are served beside"


async def handshake(port: int) -> x509.Certificate | None:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=anyone(CA), server_hostname=HOST)
    except (OSError, EOFError):
        return None
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return x509.load_der_x509_certificate(der)
