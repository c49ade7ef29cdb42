"""Whether Envoy, started by this process, may open ports below 1024 (capabilities(7), ip(7))."""

from pathlib import Path
from typing import Final

_NET_BIND_SERVICE: Final = 10
_DEFAULT_START: Final = 1024


def low_port_note(port: int, *, proc: Path = Path("/proc")) -> str | None:
    """Why `port` cannot be opened and the ways out; None when it can."""
    start = _first_free_port(proc)
    if port == 0 or port >= start or _passes_capability(proc):
        return None
    return (
        f"port {port} needs the capability CAP_NET_BIND_SERVICE (ports from {start} do not): run as root, "
        f"set AmbientCapabilities=CAP_NET_BIND_SERVICE in the systemd unit, or sysctl "
        f"net.ipv4.ip_unprivileged_port_start={port}"
    )


def _first_free_port(proc: Path) -> int:
    try:
        return int((proc / "sys/net/ipv4/ip_unprivileged_port_start").read_text())
    except (OSError, ValueError):
        return _DEFAULT_START


def _passes_capability(proc: Path) -> bool:
    """Whether a program that this process executes has the capability.

    Root's programs get what the bounding set leaves; those of others only what is ambient, so a capability
    that this process merely holds itself is of no use to Envoy.
    """
    try:
        lines = (proc / "self/status").read_text().splitlines()
    except OSError:
        return False
    fields = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    effective_uid = fields.get("Uid", "").split()[1:2]
    mask = fields.get("CapBnd" if effective_uid == ["0"] else "CapAmb", "0")
    return bool(int(mask, 16) >> _NET_BIND_SERVICE & 1)
