"""MaxMind databases (MaxMind DB file format 2.0) as far as ranges of addresses by country need them. Pure.

A file is a binary tree over the bits of addresses, whose leaves point into a section of data; metadata at its end
say how the tree is laid out.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

from hearthgate.ingress.middlewares.ranges import Ranges, Span, joined
from hearthgate.model.errors import WireError

_MARKER: Final = b"\xab\xcd\xefMaxMind.com"
_SEPARATOR: Final = 16
_END4: Final = 1 << 32
_DEEPEST: Final = 32
"""How many maps and pointers may stand inside each other."""
_POINTER, _TEXT, _DOUBLE, _BYTES, _UINT16, _UINT32, _MAP = 1, 2, 3, 4, 5, 6, 7
_INT32, _UINT64, _UINT128, _ARRAY, _BOOLEAN, _FLOAT = 8, 9, 10, 11, 14, 15


class _Data:
    """A section of data: values by their offset."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def value(self, offset: int, depth: int = 0) -> tuple[Any, int]:
        """A value, and where the next one begins. Raises WireError."""
        if depth > _DEEPEST or not 0 <= offset < len(self._body):
            raise WireError("a value that leads nowhere")
        control = self._body[offset]
        kind, offset = control >> 5, offset + 1
        if kind == _POINTER:
            target, offset = self._pointer(control, offset)
            return self.value(target, depth + 1)[0], offset
        if kind == 0:
            kind, offset = 7 + self._number(offset, 1), offset + 1
        size, offset = self._size(control & 0x1F, offset)
        if kind == _MAP:
            return self._map(size, offset, depth)
        if kind == _ARRAY:
            items = []
            for _ in range(size):
                item, offset = self.value(offset, depth + 1)
                items.append(item)
            return items, offset
        if kind == _BOOLEAN:
            return bool(size), offset
        return self._plain(kind, size, offset), offset + size

    def _plain(self, kind: int, size: int, offset: int) -> Any:
        raw = self._body[offset : offset + size]
        if len(raw) != size:
            raise WireError("a value is cut off")
        if kind == _TEXT:
            return raw.decode("utf-8", "replace")
        if kind in (_UINT16, _UINT32, _UINT64, _UINT128, _INT32):
            return int.from_bytes(raw)
        if kind in (_DOUBLE, _FLOAT, _BYTES):
            return raw
        raise WireError(f"a value of unknown type {kind}")

    def _map(self, size: int, offset: int, depth: int) -> tuple[dict[str, Any], int]:
        found = {}
        for _ in range(size):
            key, offset = self.value(offset, depth + 1)
            item, offset = self.value(offset, depth + 1)
            found[str(key)] = item
        return found, offset

    def _pointer(self, control: int, offset: int) -> tuple[int, int]:
        width = (control >> 3 & 3) + 1
        number = self._number(offset, width)
        if width < 4:
            number += (control & 7) << (8 * width)
        return number + (0, 2048, 526336, 0)[width - 1], offset + width

    def _size(self, size: int, offset: int) -> tuple[int, int]:
        if size < 29:
            return size, offset
        width = size - 28
        return self._number(offset, width) + (29, 285, 65821)[width - 1], offset + width

    def _number(self, offset: int, width: int) -> int:
        return int.from_bytes(self._body[offset : offset + width])


class Database:
    """Raises WireError where the file is not such a database."""

    def __init__(self, content: bytes) -> None:
        place = content.rfind(_MARKER)
        if place < 0:
            raise WireError("not a MaxMind database")
        metadata, _ = _Data(content[place + len(_MARKER) :]).value(0)
        try:
            self._nodes = int(metadata["node_count"])
            self._record = int(metadata["record_size"])
            self._version = int(metadata["ip_version"])
            self.kind = str(metadata["database_type"])
        except (KeyError, TypeError, ValueError):
            raise WireError("its metadata are incomplete") from None
        size = self._nodes * self._record // 4
        if self._record not in (24, 28, 32) or self._version not in (4, 6) or size > place:
            raise WireError("its layout is unknown")
        self._tree = content[:size]
        self._data = _Data(content[size + _SEPARATOR : place])

    def ranges(self, wanted: Callable[[str], bool]) -> Ranges:
        """The addresses of countries that are wanted, told by their code; empty = the database does not say."""
        return joined(self._spans(wanted))

    def _spans(self, wanted: Callable[[str], bool]) -> Iterator[Span]:
        judged: dict[int, bool] = {}
        unknown = wanted("")
        bits = 128 if self._version == 6 else 32
        root4 = self._root4() if self._version == 6 else -1
        stack = [(0, 0, 0)]
        visited = 0
        while stack:
            node, prefix, depth = stack.pop()
            if node < self._nodes:
                visited += 1
                if depth >= bits or visited > self._nodes:
                    raise WireError("its tree is none")
                if node == root4 and prefix:
                    continue  # another name for IPv4, such as 2002::/16
                left, right = self._children(node)
                rest = bits - depth - 1
                stack.append((right, prefix | 1 << rest, depth + 1))
                stack.append((left, prefix, depth + 1))
                continue
            if node == self._nodes:
                refused = unknown
            elif (known := judged.get(node)) is None:
                refused = judged[node] = wanted(self._country(node))
            else:
                refused = known
            if refused:
                yield from _spans_of(prefix, prefix | (1 << bits - depth) - 1)
        if bits == 32 and unknown:
            yield Span(6, 0, 2**128 - 1)

    def _root4(self) -> int:
        node = 0
        for _ in range(96):
            if node >= self._nodes:
                return -1
            node = self._children(node)[0]
        return node

    def _children(self, node: int) -> tuple[int, int]:
        if self._record == 28:
            place = node * 7
            middle = self._tree[place + 3]
            left = int.from_bytes(self._tree[place : place + 3]) | (middle & 0xF0) << 20
            return left, int.from_bytes(self._tree[place + 4 : place + 7]) | (middle & 0x0F) << 24
        width = self._record // 8
        place = node * 2 * width
        return (
            int.from_bytes(self._tree[place : place + width]),
            int.from_bytes(self._tree[place + width : place + 2 * width]),
        )

    def _country(self, record: int) -> str:
        value, _ = self._data.value(record - self._nodes - _SEPARATOR)
        return country_of(value)


def _spans_of(first: int, last: int) -> Iterator[Span]:
    """In a tree of IPv6, the first 2^32 addresses are those of IPv4."""
    if first < _END4:
        yield Span(4, first, min(last, _END4 - 1))
    if last >= _END4:
        yield Span(6, max(first, _END4), last)


def country_of(value: object) -> str:
    """The code of a record: MaxMind's own layout, and the flat ones of DB-IP and IPinfo. Empty: none."""
    if not isinstance(value, dict):
        return ""
    for name in ("country", "country_code", "registered_country"):
        found = value.get(name)
        code = found.get("iso_code") if isinstance(found, dict) else found
        if isinstance(code, str) and len(code) == 2:
            return code.upper()
    return ""
