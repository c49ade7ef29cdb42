"""The connections that the kernel remembers: read, and taken back."""

import errno
from collections.abc import Iterator

from hearthgate.netfilter import conntrack
from hearthgate.netfilter.asking import ask


def entries(version: int) -> Iterator[conntrack.Entry]:
    """Of a family. Blocks. Raises OSError."""
    for message in ask(conntrack.list_entries(version), protocol=conntrack.PROTOCOL):
        if (entry := conntrack.read_entry(message)) is not None:
            yield entry


def forget(version: int, key: bytes) -> None:
    """key: of an entry. Also right when it has ended meanwhile. Blocks. Raises OSError."""
    try:
        for _ in ask(conntrack.forget(version, key), protocol=conntrack.PROTOCOL):
            continue
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise
