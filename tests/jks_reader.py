"""Reads Java key stores, written from the description of the format and not from the code that writes them."""

import hashlib
from typing import NamedTuple


class Entry(NamedTuple):
    """key: PKCS #8 in DER; None for a certificate that is trusted. certificates: DER."""

    alias: str
    milliseconds: int
    key: bytes | None
    certificates: tuple[bytes, ...]


class _Bytes:
    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def take(self, count: int) -> bytes:
        found = self._content[self._at : self._at + count]
        assert len(found) == count, "the store is cut"
        self._at += count
        return found

    def number(self, size: int = 4) -> int:
        return int.from_bytes(self.take(size), "big")

    def text(self) -> str:
        return self.take(self.number(2)).decode()

    def certificate(self) -> bytes:
        assert self.text() == "X.509"
        return self.take(self.number())

    def rest(self) -> bytes:
        return self._content[self._at :]


def read_jks(store: bytes, password: str) -> tuple[Entry, ...]:
    """Asserts that the store is whole and that the password is right."""
    secret = password.encode("utf-16-be")
    source = _Bytes(store)
    assert source.take(4) == b"\xfe\xed\xfe\xed"
    assert source.number() == 2
    entries = []
    for _ in range(source.number()):
        kind, alias, moment = source.number(), source.text(), source.number(8)
        if kind == 1:
            key = _unprotected(source.take(source.number()), secret)
            chain = tuple(source.certificate() for _ in range(source.number()))
            entries.append(Entry(alias, moment, key, chain))
        else:
            assert kind == 2
            entries.append(Entry(alias, moment, None, (source.certificate(),)))
    digest = hashlib.sha1(secret + b"Mighty Aphrodite" + store[: -len(source.rest())])
    assert source.rest() == digest.digest()
    return tuple(entries)


def _unprotected(der: bytes, secret: bytes) -> bytes:
    """EncryptedPrivateKeyInfo: a sequence of the algorithm and an octet string."""
    algorithm, hidden = _children(_content(der, 0x30))
    assert _content(algorithm, 0x30) == bytes.fromhex("060a2b060104012a021101010500")
    content = _content(hidden, 0x04)
    salt, mixed, check = content[:20], content[20:-20], content[-20:]
    plain, block = bytearray(), salt
    for start in range(0, len(mixed), 20):
        block = hashlib.sha1(secret + block).digest()
        plain += bytes(one ^ other for one, other in zip(mixed[start : start + 20], block, strict=False))
    assert hashlib.sha1(secret + bytes(plain)).digest() == check, "the password is wrong"
    return bytes(plain)


def _header(der: bytes) -> tuple[int, int]:
    """(length of tag and length, length of the content)"""
    if der[1] < 0x80:
        return 2, der[1]
    size = der[1] & 0x7F
    return 2 + size, int.from_bytes(der[2 : 2 + size], "big")


def _content(der: bytes, tag: int) -> bytes:
    assert der[0] == tag
    head, size = _header(der)
    assert len(der) == head + size
    return der[head:]


def _children(content: bytes) -> list[bytes]:
    found = []
    while content:
        head, size = _header(content)
        found.append(content[: head + size])
        content = content[head + size :]
    return found
