"""Programs for the kernel (classic BPF) that let only frames about our addresses through. Pure.

So a flood of foreign requests costs this process nothing. They may let too much through, never too little: whoever
reads the frames decides.
"""

import struct
from collections.abc import Collection
from typing import Final, NamedTuple

from hearthgate.balancer.frames import ndp

LONGEST: Final = 4096
"""Instructions that the kernel takes (BPF_MAXINSNS)."""
_RUNS: Final = 300
"""Of addresses, told apart at most: two searches with six instructions for each still fit."""
_WHOLE: Final = 0xFFFF
_LOAD_WORD, _LOAD_BYTE, _IF_EQUAL, _IF_ABOVE, _IF_AT_LEAST, _JUMP, _RETURN = (
    0x20,
    0x30,
    0x15,
    0x25,
    0x35,
    0x05,
    0x06,
)
_PACKET_TYPE: Final = 0xFFFFF004
"""Not of the frame, but what the kernel thinks of it (SKF_AD_OFF + SKF_AD_PKTTYPE)."""
_NOT_FOR_US: Final = 3
"""PACKET_OTHERHOST, which a frame with the tag of a VLAN that has no interface is too, and PACKET_OUTGOING."""
_ARP_SENDER, _ARP_TARGET = 28, 38
_NEXT_HEADER, _ICMP_TYPE, _TARGET_END = 20, 54, 74
_ICMPV6: Final = 58


class Instruction(NamedTuple):
    """struct sock_filter."""

    code: int
    value: int
    if_true: int = 0
    if_false: int = 0


_ACCEPT: Final = Instruction(_RETURN, _WHOLE)
_REJECT: Final = Instruction(_RETURN, 0)
_MISS: Final = Instruction(0, 0)
"""A place that becomes a jump behind the search."""
_FOR_US: Final = (Instruction(_LOAD_BYTE, _PACKET_TYPE), Instruction(_IF_AT_LEAST, _NOT_FOR_US, 0, 1), _REJECT)


def arp_filter(addresses: Collection[int]) -> tuple[Instruction, ...]:
    """Frames whose sender or target is among IPv4 addresses."""
    if not addresses:
        return (_REJECT,)
    search = _search(_runs(addresses))
    return (
        *_FOR_US,
        Instruction(_LOAD_WORD, _ARP_SENDER),
        *search,
        Instruction(_LOAD_WORD, _ARP_TARGET),
        *search,
        _REJECT,
    )


def ndp_filter(addresses: Collection[int]) -> tuple[Instruction, ...]:
    """Solicitations and advertisements whose target ends as one of the IPv6 addresses: the last 32 bits count."""
    if not addresses:
        return (_REJECT,)
    return (
        *_FOR_US,
        Instruction(_LOAD_BYTE, _NEXT_HEADER),
        Instruction(_IF_EQUAL, _ICMPV6, 1, 0),
        _REJECT,
        Instruction(_LOAD_BYTE, _ICMP_TYPE),
        Instruction(_IF_EQUAL, ndp.SOLICITATION, 2, 0),
        Instruction(_IF_EQUAL, ndp.ADVERTISEMENT, 1, 0),
        _REJECT,
        Instruction(_LOAD_WORD, _TARGET_END),
        *_search(_runs([address & 0xFFFFFFFF for address in addresses])),
        _REJECT,
    )


def encode_filter(program: Collection[Instruction]) -> bytes:
    return b"".join(struct.pack("=HBBI", one.code, one.if_true, one.if_false, one.value) for one in program)


def _runs(words: Collection[int]) -> list[tuple[int, int]]:
    """Neighbours together, as (first, last); when there are too many runs, across the smallest gaps as well."""
    ordered = sorted(set(words))
    gaps = sorted(
        (index for index in range(1, len(ordered)) if ordered[index] - ordered[index - 1] > 1),
        key=lambda index: ordered[index - 1] - ordered[index],
    )
    starts = [0, *sorted(gaps[: _RUNS - 1])]
    ends = [*(start - 1 for start in starts[1:]), len(ordered) - 1]
    return [(ordered[start], ordered[end]) for start, end in zip(starts, ends, strict=True)]


def _search(runs: list[tuple[int, int]]) -> list[Instruction]:
    """Accepts when the loaded word is in a run, else goes on behind."""
    tree = _tree(runs)
    return [Instruction(_JUMP, len(tree) - place - 1) if one is _MISS else one for place, one in enumerate(tree)]


def _tree(runs: list[tuple[int, int]]) -> list[Instruction]:
    """By halves: the jumps of conditions are short, so a long one stands behind each."""
    if len(runs) == 1:
        first, last = runs[0]
        return [Instruction(_IF_AT_LEAST, first, 0, 2), Instruction(_IF_ABOVE, last, 1, 0), _ACCEPT, _MISS]
    middle = len(runs) // 2
    left, right = _tree(runs[:middle]), _tree(runs[middle:])
    return [Instruction(_IF_AT_LEAST, runs[middle][0], 0, 1), Instruction(_JUMP, len(left)), *left, *right]
