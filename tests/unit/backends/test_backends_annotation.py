"""The annotation that says where a Service's servers are."""

from typing import Any

import msgspec
import pytest

from hearthgate.backends.annotation import ANNOTATION, FIELD, parse
from hearthgate.model.problems import Reason, Severity
from hearthgate.resources.core import Service

BOTH = {"http": 8080, "admin": 9000}
ONE = [{"name": "http", "port": 80}]
TWO = [{"name": "http", "port": 80, "targetPort": 8080}, {"name": "admin", "port": 9000, "appProtocol": "https"}]
UNNAMED = [{"port": 80}]


def service(text: str | None, ports: list[dict[str, Any]], **spec: Any) -> Service:
    annotations = {} if text is None else {ANNOTATION: text}
    metadata = {"name": "s", "namespace": "n", "annotations": annotations}
    return msgspec.convert({"metadata": metadata, "spec": {"ports": ports, **spec}}, Service)


def rows(text: str, ports: list[dict[str, Any]]) -> list[tuple[str, dict[str, int]]]:
    found = parse(service(text, ports))
    assert found.problems == ()
    return [(endpoint.address, {port.name: port.port for port in row}) for endpoint, row in found.rows]


@pytest.mark.parametrize(
    ("text", "ports", "expected"),
    [
        pytest.param("10.0.0.1:8096", ONE, [("10.0.0.1", {"http": 8096})], id="one"),
        pytest.param(
            "10.0.0.1:1, [fd00::0:1]:2 ,Nas.LAN.:3",
            ONE,
            [("10.0.0.1", {"http": 1}), ("fd00::1", {"http": 2}), ("nas.lan", {"http": 3})],
            id="families",
        ),
        pytest.param("127.0.0.1:1", UNNAMED, [("127.0.0.1", {"": 1})], id="port without name"),
        pytest.param("10.0.0.1", UNNAMED, [("10.0.0.1", {"": 80})], id="the Service's own port"),
        pytest.param("10.0.0.1,nas", TWO, [("10.0.0.1", BOTH), ("nas", BOTH)], id="each port"),
        pytest.param(
            "http=10.0.0.1:1,admin=10.0.0.1:2", TWO, [("10.0.0.1", {"http": 1, "admin": 2})], id="by name"
        ),
        pytest.param("80=10.0.0.1:1", TWO, [("10.0.0.1", {"http": 1})], id="by number"),
        pytest.param("http=10.0.0.1:1,10.0.0.2", TWO, [("10.0.0.1", {"http": 1}), ("10.0.0.2", BOTH)], id="mixed"),
        pytest.param(
            "10.0.0.1:1,10.0.0.1:2,10.0.0.1:1",
            ONE,
            [("10.0.0.1", {"http": 1}), ("10.0.0.1", {"http": 2})],
            id="two servers on one machine",
        ),
        pytest.param("fd00::1", ONE, [("fd00::1", {"http": 80})], id="bare IPv6"),
        pytest.param("[fd00::1]", ONE, [("fd00::1", {"http": 80})], id="IPv6 in brackets without port"),
        pytest.param("http=[fd00::1]:7", ONE, [("fd00::1", {"http": 7})], id="named IPv6"),
        pytest.param("fd00::1:8096", ONE, [("fd00::1:8096", {"http": 80})], id="no port after a bare IPv6"),
        pytest.param("my_nas.lan:1", ONE, [("my_nas.lan", {"http": 1})], id="underscore"),
    ],
)
def test_reads(text: str, ports: list[dict[str, Any]], expected: list[tuple[str, dict[str, int]]]) -> None:
    assert rows(text, ports) == expected


def test_application_protocol_goes_along() -> None:
    ((_endpoint, row),) = parse(service("10.0.0.1", TWO)).rows
    assert [port.app_protocol for port in row] == ["", "https"]


def test_no_annotation_is_nothing() -> None:
    assert parse(service(None, ONE)) == ((), ())


@pytest.mark.parametrize(
    ("text", "ports", "words"),
    [
        pytest.param("", ONE, "empty", id="empty"),
        pytest.param("10.0.0.1:1,", ONE, "empty", id="empty entry"),
        pytest.param("10.0.0.1:0", ONE, "1 to 65535", id="port 0"),
        pytest.param("10.0.0.1:65536", ONE, "1 to 65535", id="port too large"),
        pytest.param("10.0.0.1:" + "9" * 100, ONE, "1 to 65535", id="port of many digits"),
        pytest.param("10.0.0.1:http", ONE, "1 to 65535", id="port name"),
        pytest.param("10.0.0.1:", ONE, "1 to 65535", id="port left empty"),
        pytest.param("10.0.0.256:1", ONE, "neither", id="no IPv4"),
        pytest.param("[fd00::zz]:1", ONE, "not an IPv6", id="no IPv6"),
        pytest.param("[10.0.0.1]:1", ONE, "not an IPv6", id="IPv4 in brackets"),
        pytest.param("[fe80::1%eth0]:1", ONE, "zone", id="zone"),
        pytest.param("http://nas:1", ONE, "is a URL", id="URL"),
        pytest.param(":" * 200_000, ONE, "cannot read", id="colons"),
        pytest.param("[fd00::1]x", ONE, "cannot read", id="rest after brackets"),
        pytest.param("nas lan:1", ONE, "neither", id="space in a name"),
        pytest.param("-nas:1", ONE, "neither", id="dash first"),
        pytest.param("0.0.0.0:1", ONE, "nothing can be reached", id="any address"),
        pytest.param("224.0.0.1:1", ONE, "nothing can be reached", id="multicast"),
        pytest.param("10.0.0.1:1", TWO, "say which one", id="which port"),
        pytest.param("htpp=10.0.0.1:1", TWO, "did you mean 'http'", id="unknown port"),
        pytest.param("10.0.0.1", [{"port": 80, "targetPort": "web"}], "write the number", id="named targetPort"),
        pytest.param("10.0.0.1", [], "no ports", id="no ports"),
    ],
)
def test_a_bad_entry_is_one_problem(text: str, ports: list[dict[str, Any]], words: str) -> None:
    found = parse(service(text, ports))
    (problem,) = found.problems
    assert words in problem.message
    assert (problem.field, problem.is_error) == (FIELD, True)


def test_a_bad_entry_costs_itself() -> None:
    found = parse(service("10.0.0.1:1,10.0.0.2:x", ONE))
    assert [endpoint.address for endpoint, _row in found.rows] == ["10.0.0.1"]
    assert len(found.problems) == 1


def test_an_unknown_port_has_its_own_reason() -> None:
    (problem,) = parse(service("x=10.0.0.1:1", ONE)).problems
    assert problem.reason is Reason.SERVICE_PORT_NOT_FOUND


@pytest.mark.parametrize("spec", [{"selector": {"app": "x"}}, {"type": "ExternalName", "externalName": "x"}])
def test_where_it_has_no_effect(spec: dict[str, Any]) -> None:
    found = parse(service("10.0.0.1:1", ONE, **spec))
    assert found.rows == ()
    assert [problem.severity for problem in found.problems] == [Severity.WARNING]
