"""Questions and answers of DNS as bytes (RFC 1035, EDNS of RFC 6891), as a server of local names needs. Pure."""

import struct
from collections.abc import Iterable
from enum import IntEnum
from typing import Final, NamedTuple

HEADER: Final = struct.Struct("!HHHHHH")
LEAST: Final = 512
MOST: Final = 1232
"""Bytes of an answer by UDP: without EDNS (LEAST), and what passes every network without fragments (MOST)."""
LONGEST: Final = 65535
"""Bytes by TCP."""
_QR, _AA, _TC, _RD, _RA = 0x8000, 0x0400, 0x0200, 0x0100, 0x0080
_OPCODE, _OPCODE_SHIFT = 0x7800, 11
_POINTER: Final = 0xC0
_DO: Final = 0x8000
_OPT: Final = 41
_IN, _ANY_CLASS = 1, 255


class Type(IntEnum):
    """Kinds of records that are served or treated specially."""

    A = 1
    NS = 2
    CNAME = 5
    SOA = 6
    PTR = 12
    HINFO = 13
    TXT = 16
    AAAA = 28
    ANY = 255


class Code(IntEnum):
    """What became of a question."""

    NOERROR = 0
    FORMERR = 1
    SERVFAIL = 2
    NXDOMAIN = 3
    NOTIMP = 4
    REFUSED = 5
    BADVERS = 16


Labels = tuple[bytes, ...]
"""Of a name, from the left, in lower case; none for the root."""


class Question(NamedTuple):
    """number: of the message. flags: as they came. labels, type: what is asked for. raw: the question section,
    which is echoed in the case that it came in. size: what the asker takes by UDP. version: of EDNS; None
    without."""

    number: int
    flags: int
    labels: Labels
    type: int
    class_: int
    raw: bytes
    size: int = LEAST
    version: int | None = None

    @property
    def opcode(self) -> int:
        return (self.flags & _OPCODE) >> _OPCODE_SHIFT


class Record(NamedTuple):
    """owner: None for the name that was asked for. data: as it stands in a message."""

    owner: Labels | None
    type: int
    ttl: int
    data: bytes


class Answer(NamedTuple):
    code: Code
    records: tuple[Record, ...] = ()
    authority: tuple[Record, ...] = ()
    authoritative: bool = True


class Malformed(ValueError):
    """number, flags: of the message, None when not even these can be read, or when it is an answer itself: nothing
    is said to such."""

    def __init__(self, number: int | None = None, flags: int = 0) -> None:
        super().__init__("no question of DNS")
        self.number = number
        self.flags = flags


def read(message: bytes) -> Question:
    """Raises Malformed. What follows the question is only looked at for EDNS."""
    if len(message) < HEADER.size:
        raise Malformed
    number, flags, questions, answers, authorities, more = HEADER.unpack_from(message)
    if flags & _QR:
        raise Malformed
    if questions != 1 or answers or authorities:
        raise Malformed(number, flags)
    try:
        labels, end = _name(message, HEADER.size)
        type_, class_ = struct.unpack_from("!HH", message, end)
        end += 4
        size, version = _edns(message, end, more)
    except (IndexError, struct.error):
        raise Malformed(number, flags) from None
    return Question(number, flags, labels, type_, class_, message[HEADER.size : end], size, version)


def write(question: Question, answer: Answer, *, limit: int, recursion: bool = False) -> bytes:
    """limit: bytes; an answer that is longer is cut, and says so: it is asked for again by TCP."""
    flags = _QR | question.flags & (_OPCODE | _RD) | (answer.code & 15)
    flags |= (_AA if answer.authoritative else 0) | (_RA if recursion else 0)
    option = b""
    if question.version is not None:
        option = b"\0" + struct.pack("!HHIH", _OPT, MOST, answer.code >> 4 << 24, 0)
    body = b"".join(map(_record, (*answer.records, *answer.authority)))
    counts = len(answer.records), len(answer.authority)
    if HEADER.size + len(question.raw) + len(body) + len(option) > limit:
        flags, body, counts = flags | _TC, b"", (0, 0)
    head = HEADER.pack(question.number, flags, 1, *counts, 1 if option else 0)
    return head + question.raw + body + option


def refusal(malformed: Malformed, code: Code = Code.FORMERR) -> bytes:
    """To what cannot be read; empty when nothing is to be said."""
    if malformed.number is None:
        return b""
    flags = _QR | malformed.flags & (_OPCODE | _RD) | code
    return HEADER.pack(malformed.number, flags, 0, 0, 0, 0)


def encoded(labels: Iterable[bytes]) -> bytes:
    """A name without compression."""
    return b"".join(bytes((len(label),)) + label for label in labels) + b"\0"


def labels_of(host: str) -> Labels:
    """Of a host name in lower case."""
    return tuple(part.encode("ascii") for part in host.split(".") if part)


def is_internet(question: Question) -> bool:
    return question.class_ in (_IN, _ANY_CLASS)


def _record(record: Record) -> bytes:
    owner = b"\xc0\x0c" if record.owner is None else encoded(record.owner)
    return owner + struct.pack("!HHIH", record.type, _IN, record.ttl, len(record.data)) + record.data


def _name(message: bytes, at: int) -> tuple[Labels, int]:
    """Of a question, which has nothing before it to point at. Raises IndexError."""
    labels: list[bytes] = []
    start = at
    while length := message[at]:
        if length & _POINTER or at + 1 + length >= len(message) or at - start > 253:
            raise IndexError
        labels.append(message[at + 1 : at + 1 + length].lower())
        at += 1 + length
    return tuple(labels), at + 1


def _edns(message: bytes, at: int, records: int) -> tuple[int, int | None]:
    """The size and version that an OPT record says. Raises IndexError, struct.error."""
    size, version = LEAST, None
    for _ in range(records):
        while length := message[at]:
            at += 2 if length & _POINTER else 1 + length
            if length & _POINTER:
                break
        else:
            at += 1
        type_, class_, ttl, longest = struct.unpack_from("!HHIH", message, at)
        at += 10 + longest
        if at > len(message):
            raise IndexError
        if type_ == _OPT:
            if version is not None:
                raise IndexError  # RFC 6891 6.1.1: one at most
            size, version = min(max(class_, LEAST), MOST), ttl >> 16 & 255
    return size, version
