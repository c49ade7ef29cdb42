"""Writes MaxMind databases (MaxMind DB file format 2.0) of countries, small ones for tests."""

from collections.abc import Mapping
from ipaddress import IPv4Network, ip_network
from typing import Any

_MARKER = b"\xab\xcd\xefMaxMind.com"


def mmdb(countries: Mapping[str, Any], *, record: int = 24, version: int = 6) -> bytes:
    """A database. countries: a code, or any record, by network. record: bits of a record of the tree."""
    root: list[Any] = [None, None]
    for text, value in countries.items():
        network = ip_network(text)
        bits = 32 if version == 4 else 128
        prefix = network.prefixlen + (96 if version == 6 and isinstance(network, IPv4Network) else 0)
        number = int(network.network_address)
        node = root
        for depth in range(prefix - 1):
            bit = number >> (bits - 1 - depth) & 1
            if not isinstance(node[bit], list):
                node[bit] = [node[bit], node[bit]]
            node = node[bit]
        node[number >> (bits - prefix) & 1] = _record(value)
    nodes = list(_flat(root))
    places = {id(node): index for index, node in enumerate(nodes)}
    data = bytearray()
    offsets: dict[str, int] = {}

    def number_of(child: Any) -> int:
        if child is None:
            return len(nodes)
        if isinstance(child, list):
            return places[id(child)]
        key = repr(child)
        if key not in offsets:
            offsets[key] = len(data)
            data.extend(_encoded(child))
        return len(nodes) + 16 + offsets[key]

    tree = b"".join(_pair(number_of(node[0]), number_of(node[1]), record) for node in nodes)
    metadata = {
        "binary_format_major_version": 2,
        "database_type": "Test-Country",
        "ip_version": version,
        "node_count": len(nodes),
        "record_size": record,
    }
    return tree + bytes(16) + bytes(data) + _MARKER + _encoded(metadata)


def _record(value: Any) -> Any:
    return {"country": {"iso_code": value}} if isinstance(value, str) else value


def _flat(node: list[Any]) -> Any:
    yield node
    for child in node:
        if isinstance(child, list):
            yield from _flat(child)


def _pair(left: int, right: int, record: int) -> bytes:
    if record == 28:
        middle = (left >> 24) << 4 | right >> 24
        return (left & 0xFFFFFF).to_bytes(3) + bytes([middle]) + (right & 0xFFFFFF).to_bytes(3)
    return left.to_bytes(record // 8) + right.to_bytes(record // 8)


def _encoded(value: Any) -> bytes:
    if isinstance(value, dict):
        return _control(7, len(value)) + b"".join(_encoded(k) + _encoded(v) for k, v in value.items())
    if isinstance(value, str):
        return _control(2, len(value.encode())) + value.encode()
    if isinstance(value, bool):
        return bytes([int(value), 14 - 7])
    if isinstance(value, list):
        return bytes([len(value), 11 - 7]) + b"".join(map(_encoded, value))
    number = int(value)
    size = (number.bit_length() + 7) // 8
    return _control(6, size) + number.to_bytes(size)


def _control(kind: int, size: int) -> bytes:
    return bytes([kind << 5 | size]) if size < 29 else bytes([kind << 5 | 29, size - 29])
