"""A sealed stream opens to what was sealed, and to nothing at all when a bit of it is different."""

import io
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearthgate.apiserver.backup import sealed
from hearthgate.model.errors import Permanent
from hearthgate.model.secret import SecretBytes

PASSPHRASE = SecretBytes(b"p")
CHUNK = 64


@pytest.fixture(scope="module", autouse=True)
def cheap() -> Iterator[None]:
    """The cost of scrypt and the size of a chunk are not what is tested."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sealed, "_COST", 1)
        patch.setattr(sealed, "_CHUNK", CHUNK)
        yield


def seal(pieces: list[bytes]) -> bytes:
    target = io.BytesIO()
    writer = sealed.SealedWriter(target, PASSPHRASE)
    for piece in pieces:
        writer.write(piece)
    writer.finish()
    return target.getvalue()


def read(data: bytes, size: int = -1) -> bytes:
    reader = sealed.SealedReader(io.BytesIO(data), PASSPHRASE)
    found = b""
    while piece := reader.read(size):
        found += piece
        if size > 0:
            assert len(piece) <= size
    return found


pieces = st.lists(st.binary(max_size=3 * CHUNK), max_size=4)


@given(pieces, st.integers(1, 200))
def test_it_opens_to_what_was_sealed(written: list[bytes], size: int) -> None:
    data = seal(written)
    assert read(data) == read(data, size) == b"".join(written)


@given(pieces, st.data())
def test_any_change_is_found(written: list[bytes], data: st.DataObject) -> None:
    whole = seal(written)
    place = data.draw(st.integers(0, len(whole) * 8 - 1))
    changed = bytearray(whole)
    changed[place // 8] ^= 1 << (place % 8)
    with pytest.raises(Permanent):
        read(bytes(changed))


@given(pieces, st.data())
def test_a_part_of_it_does_not_open(written: list[bytes], data: st.DataObject) -> None:
    whole = seal(written)
    with pytest.raises(Permanent):
        read(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(Permanent):
        read(whole + b"x")


def test_chunks_cannot_change_places() -> None:
    whole = seal([bytes(CHUNK), b"\1" * CHUNK, b"\2"])
    head, step = len(seal([])) - 4 - 16, 4 + CHUNK + 16
    first, second = whole[head : head + step], whole[head + step : head + 2 * step]
    with pytest.raises(Permanent):
        read(whole[:head] + second + first + whole[head + 2 * step :])
