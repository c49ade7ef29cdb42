import pytest

from hearthgate.ingress.envoy.schema import message
from hearthgate.ingress.proxy.descriptors import ensure_schema
from hearthgate.ingress.xds.resources import CLUSTER, SECRET, versioned
from hearthgate.ingress.xds.wire import Request, delta_response, parse_request
from hearthgate.model.errors import WireError

ensure_schema()
DISCOVERY = "envoy.service.discovery.v3"
SECRET_TYPE = "envoy.extensions.transport_sockets.tls.v3.Secret"


def test_response_is_what_protobuf_makes_of_it() -> None:
    big = message("envoy.config.cluster.v3.Cluster")(name="x" * 70_000).SerializeToString()
    resources = {"a": versioned(b""), "name of two bytes: é": versioned(big)}
    parsed = message(f"{DISCOVERY}.DeltaDiscoveryResponse").FromString(
        delta_response(CLUSTER, "7", resources.items(), ["gone", "too"])
    )
    expected = message(f"{DISCOVERY}.DeltaDiscoveryResponse")(
        type_url=CLUSTER, nonce="7", removed_resources=["gone", "too"]
    )
    for name, resource in resources.items():
        entry = expected.resources.add(name=name, version=resource.version)
        entry.resource.type_url, entry.resource.value = CLUSTER, resource.body
    assert parsed == expected


def test_secret_is_given_the_name_it_was_asked_for() -> None:
    body = message(SECRET_TYPE)(name="one certificate", generic_secret={}).SerializeToString()
    response = delta_response(SECRET, "1", [("asked.example", versioned(body))], [])
    parsed = message(f"{DISCOVERY}.DeltaDiscoveryResponse").FromString(response)
    secret = message(SECRET_TYPE).FromString(parsed.resources[0].resource.value)
    assert secret.name == "asked.example"
    assert secret.HasField("generic_secret")


def test_request_is_read_whole() -> None:
    sent = message(f"{DISCOVERY}.DeltaDiscoveryRequest")(
        node={"id": "envoy"},
        type_url=CLUSTER,
        resource_names_subscribe=["a"],
        resource_names_unsubscribe=["b"],
        initial_resource_versions={"c": "1"},
        response_nonce="3",
        error_detail={"message": "no"},
    )
    assert parse_request(sent.SerializeToString()) == Request(
        CLUSTER, "3", "no", ("a",), ("b",), {"c": "1"}, "envoy"
    )


def test_request_without_error_accepts() -> None:
    sent = message(f"{DISCOVERY}.DeltaDiscoveryRequest")(type_url=CLUSTER, response_nonce="3")
    assert parse_request(sent.SerializeToString()).error is None


@pytest.mark.parametrize(
    "data", [b"\xff\xff", b"", b"GET / HTTP/1.1\r\n"], ids=["binary", "empty", "another protocol"]
)
def test_anything_else_is_a_wire_error(data: bytes) -> None:
    with pytest.raises(WireError):
        parse_request(data)
