"""A stream of bytes under a passphrase: scrypt (RFC 7914), then AES-256-GCM in chunks.

Layout: a header (magic, scrypt's cost, salt), then chunks, each after its length. The key serves one file, so the
chunk's number is its nonce; the last one is marked in its nonce, so that a file that was cut off, or whose chunks
were moved, does not open. The header is authenticated with every chunk.
"""

import os
import struct
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from hearthgate.model.errors import Permanent
from hearthgate.model.secret import SecretBytes

MAGIC: Final = b"HGSEAL01"
_HEADER: Final = struct.Struct(">8sBBB16s")
_COST, _BLOCK, _PARALLEL = 16, 8, 1
"""2**16: 64 MiB of memory and a fraction of a second, also on a small board."""
_COST_LIMIT: Final = 20
_CHUNK: Final = 65536
_TAG: Final = 16
_LENGTH: Final = struct.Struct(">I")
_LAST: Final = 1 << 31


class SealedWriter:
    """Seals what is written into `target`. Without `finish` the result cannot be opened."""

    def __init__(self, target: BinaryIO, passphrase: SecretBytes) -> None:
        self._target = target
        self._header = _HEADER.pack(MAGIC, _COST, _BLOCK, _PARALLEL, os.urandom(16))
        self._aead = _derived(self._header, passphrase)
        self._number = 0
        self._held = bytearray()
        target.write(self._header)

    def write(self, data: bytes) -> int:
        self._held += data
        while len(self._held) > _CHUNK:
            self._seal(bytes(self._held[:_CHUNK]), last=False)
            del self._held[:_CHUNK]
        return len(data)

    def flush(self) -> None:
        """Nothing leaves before its chunk is full."""

    def finish(self) -> None:
        self._seal(bytes(self._held), last=True)
        self._held.clear()

    def _seal(self, plain: bytes, *, last: bool) -> None:
        sealed = self._aead.encrypt(_nonce(self._number, last=last), plain, self._header)
        self._target.write(_LENGTH.pack(len(sealed) | (_LAST if last else 0)) + sealed)
        self._number += 1


class SealedReader:
    """Opens what `SealedWriter` wrote; `source` stands at its beginning.

    Every method raises Permanent when the passphrase is wrong or the file damaged or cut off.
    """

    def __init__(self, source: BinaryIO, passphrase: SecretBytes) -> None:
        self._source = source
        self._header = source.read(_HEADER.size)
        self._aead = _derived(self._header, passphrase)
        self._number = 0
        self._held = b""
        self._ended = False

    def read(self, size: int = -1) -> bytes:
        """Fewer bytes than `size` only at the end."""
        while not self._ended and (size < 0 or len(self._held) < size):
            self._held += self._open()
        taken = self._held if size < 0 else self._held[:size]
        self._held = self._held[len(taken) :]
        return taken

    def _open(self) -> bytes:
        head = self._source.read(_LENGTH.size)
        if len(head) != _LENGTH.size:
            raise Permanent("the file is cut off")
        (length,) = _LENGTH.unpack(head)
        last, length = bool(length & _LAST), length & ~_LAST
        if not _TAG <= length <= _CHUNK + _TAG:
            raise Permanent("the file is damaged")
        sealed = self._source.read(length)
        if len(sealed) != length:
            raise Permanent("the file is cut off")
        try:
            plain = self._aead.decrypt(_nonce(self._number, last=last), sealed, self._header)
        except InvalidTag as error:
            why = "the file is damaged" if self._number else "the passphrase is wrong, or the file is damaged"
            raise Permanent(why) from error
        self._number += 1
        if last:
            self._ended = True
            if self._source.read(1):
                raise Permanent("the file is damaged: something follows its end")
        return plain


def _derived(header: bytes, passphrase: SecretBytes) -> AESGCM:
    try:
        magic, cost, block, parallel, salt = _HEADER.unpack(header)
    except struct.error as error:
        raise Permanent("the file is cut off") from error
    if magic != MAGIC or not 0 < cost <= _COST_LIMIT or (block, parallel) != (_BLOCK, _PARALLEL):
        raise Permanent("the file is sealed in a way that this program does not know")
    return AESGCM(Scrypt(salt=salt, length=32, n=1 << cost, r=block, p=parallel).derive(passphrase.reveal()))


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\1" if last else b"\0")
