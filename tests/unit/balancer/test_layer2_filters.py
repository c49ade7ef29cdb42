"""What the kernel lets through, asked of the kernel itself: a pair of sockets needs no network."""

import ctypes
import socket
import struct
from collections.abc import Collection
from ipaddress import IPv4Address

from hypothesis import given
from hypothesis import strategies as st

from hearthgate.balancer.frames import arp
from hearthgate.balancer.frames.ethernet import Mac
from hearthgate.balancer.layer2.filters import LONGEST, arp_filter, encode_filter, ndp_filter

ATTACH = 26
MAC = Mac(bytes(6))
WORDS = st.sets(st.integers(0, 2**32 - 1) | st.integers(0, 300), max_size=200)


def passes(addresses: Collection[int], frame: bytes) -> bool:
    program = arp_filter(addresses)
    memory = ctypes.create_string_buffer(encode_filter(program))
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with near, far:
        far.setblocking(False)
        far.setsockopt(socket.SOL_SOCKET, ATTACH, struct.pack("@HP", len(program), ctypes.addressof(memory)))
        near.send(frame)
        try:
            return far.recv(2048) == frame
        except BlockingIOError:
            return False


@given(WORDS, st.integers(0, 2**32 - 1) | st.integers(0, 300))
def test_frames_about_our_addresses_pass_and_no_others(addresses: set[int], word: int) -> None:
    asked = arp.probe(IPv4Address(word), MAC).encode()
    said = arp.Arp(MAC, MAC, arp.Operation.REPLY, MAC, IPv4Address(word), MAC, IPv4Address("255.1.2.3")).encode()
    ours = addresses - {0, int(IPv4Address("255.1.2.3"))}
    assert passes(ours, asked) == (word in ours)
    assert passes(ours, said) == (word in ours)


def test_as_many_addresses_as_anyone_has_fit() -> None:
    scattered = [number * 7 for number in range(5000)]
    assert len(arp_filter(scattered)) <= LONGEST
    assert len(ndp_filter(scattered)) <= LONGEST
    assert all(passes(scattered, arp.probe(IPv4Address(word), MAC).encode()) for word in scattered[::97])
