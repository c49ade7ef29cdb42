"""A CertificateRequest carries who made it, whatever they write there themselves."""

import base64
from typing import Any

import msgspec

from hearthgate.apiserver.access.roles import Role
from hearthgate.apiserver.server import ApiServer
from hearthgate.certificates.x509.csr import request_of
from hearthgate.certificates.x509.keys import PrivateKeySpec, generate
from hearthgate.resources.certmanager.certificate import CertificateSpec
from tests.component.apiserver.api_users import add_user, user_client

REQUESTS = "/apis/cert-manager.io/v1/namespaces/default/certificaterequests"


async def test_the_requester_is_said_by_the_server(server: ApiServer) -> None:
    spec = msgspec.convert(
        {"secretName": "s", "issuerRef": {"name": "i"}, "dnsNames": ["a.test"]}, CertificateSpec
    )
    csr = request_of(spec, generate(PrivateKeySpec("ECDSA", 256)))
    assert isinstance(csr, bytes)
    asked = {"request": base64.b64encode(csr).decode(), "issuerRef": {"name": "i"}}
    obj: dict[str, Any] = {
        "apiVersion": "cert-manager.io/v1",
        "kind": "CertificateRequest",
        "metadata": {"name": "r"},
    }
    async with user_client(server, add_user(server, "ann", Role.EDITOR)) as ann:
        made = await ann.post(REQUESTS, {**obj, "spec": {**asked, "username": "root", "groups": ["admins"]}})
        assert made.status == 201, made.body
        assert made.body["spec"]["username"] == "ann"
        assert "admins" not in made.body["spec"]["groups"]
    async with user_client(server, add_user(server, "bob", Role.EDITOR)) as bob:
        labelled = {"name": "r", "labels": {"a": "b"}}
        again = await bob.send("PUT", f"{REQUESTS}/r", {**obj, "metadata": labelled, "spec": asked})
        assert (again.status, again.body["spec"]["username"]) == (200, "ann")
        stolen = await bob.send("PUT", f"{REQUESTS}/r", {**obj, "spec": {**asked, "username": "bob"}})
        assert stolen.status == 422
