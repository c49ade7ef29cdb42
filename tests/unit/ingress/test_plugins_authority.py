"""The authority that an OIDC provider's certificate must come from."""

from typing import Any

import pytest

from hearthgate.ingress.middlewares.plugins.oidc import Oidc
from hearthgate.model.problems import Reason
from tests.component.ingress.certificates import self_signed
from tests.unit.ingress.middleware_values import attempt, secret


def oidc(**more: str) -> dict[str, Any]:
    urn = "urn:k8s:secret:users:client"
    options = {"providerURL": "https://id.example.org", "clientId": "door", "clientSecret": urn}
    return {"plugin": {"oidc": {**options, **more}}}


def test_authority_of_a_secret_is_taken() -> None:
    pem = self_signed("id.example.org").chain
    secrets = {"users": secret(client=b"a-secret-of-the-client", ca=pem)}
    value, problems = attempt(oidc(certificateAuthority="urn:k8s:secret:users:ca"), secrets)
    assert isinstance(value, Oidc), problems
    assert not [problem for problem in problems if problem.is_error]


@pytest.mark.parametrize("ca", [b"junk", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate_is_refused(ca: bytes) -> None:
    secrets = {"users": secret(client=b"a-secret-of-the-client", ca=ca)}
    given = {"certificateAuthority": "urn:k8s:secret:users:ca"}
    value, problems = attempt(oidc(**given), secrets)
    assert value is None
    assert [problem.reason for problem in problems if problem.is_error] == [Reason.SECRET_INVALID]
