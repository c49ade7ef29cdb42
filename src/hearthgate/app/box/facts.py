"""What there is to know of this machine, read from the system: the only module here that does."""

import os
import platform
import socket
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from hearthgate import __version__
from hearthgate.app.box.node import Facts
from hearthgate.app.parts import Process

_PROC: Final = Path("/proc")
_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "armv6l": "arm", "i686": "386"}
_SOMEWHERE: Final = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
"""Documentation addresses: a datagram socket that is connected to them sends nothing, but has chosen a source."""


def host_name() -> str:
    """As Kubernetes names a node: lower case, and only what a name may have."""
    name = "".join(
        letter if letter.isalnum() or letter in "-." else "-" for letter in socket.gethostname().lower()
    )
    return name.encode("ascii", "replace").decode().replace("?", "-").strip("-.")[:200] or "localhost"


def read_facts() -> Facts:
    """As they are now: addresses change while the machine runs."""
    system = os.uname()
    return Facts(
        host=host_name(),
        addresses=tuple(_addresses()) or ("127.0.0.1",),
        architecture=_ARCHITECTURES.get(system.machine, system.machine),
        kernel=system.release,
        os_image=_os_image(),
        boot_id=_text(_PROC / "sys/kernel/random/boot_id"),
        cpus=os.cpu_count() or 1,
        memory_kib=_memory_kib(),
        version=__version__,
    )


def process_run(pid: int | None) -> Process | None:
    """The run of a process; None when there is none. Its identity outlives us: an adopted process keeps it."""
    if pid is None:
        return None
    try:
        # The fields after the command's name, which may hold anything.
        ticks = int((_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[19])
        boot = next(
            int(line.split()[1]) for line in (_PROC / "stat").read_text().splitlines() if line.startswith("btime")
        )
    except (OSError, ValueError, IndexError, StopIteration):
        return None
    started = datetime.fromtimestamp(boot + ticks / os.sysconf("SC_CLK_TCK"), UTC)
    # Without the time of the boot, which moves a little when the clock is set.
    boot_id = _text(_PROC / "sys/kernel/random/boot_id")[:8]
    return Process(f"{pid}-{ticks}-{boot_id}", started)


def _addresses() -> Iterable[str]:
    """The addresses that this machine speaks from; none without a network."""
    for family, somewhere in _SOMEWHERE:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((somewhere, 9))
                yield str(probe.getsockname()[0])
        except OSError:
            continue


def _os_image() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    except OSError:
        return "Linux"


def _memory_kib() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1024


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
