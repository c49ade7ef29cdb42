from pathlib import Path

import pytest

from hearthgate.ingress.proxy.ports import low_port_note

ALL, NONE, BIND = "000001ffffffffff", "0000000000000000", "0000000000000400"


def proc(
    folder: Path, *, uid: int, bounding: str = ALL, ambient: str = NONE, start: str | None = "1024\n"
) -> Path:
    (folder / "self").mkdir()
    fields = {"Name": "python", "Uid": f"{uid}\t{uid}\t{uid}\t{uid}", "CapEff": ALL, "CapBnd": bounding}
    lines = (f"{name}:\t{value}\n" for name, value in {**fields, "CapAmb": ambient}.items())
    (folder / "self/status").write_text("".join(lines))
    if start is not None:
        (folder / "sys/net/ipv4").mkdir(parents=True)
        (folder / "sys/net/ipv4/ip_unprivileged_port_start").write_text(start)
    return folder


@pytest.mark.parametrize(
    ("port", "fields", "allowed"),
    [
        (80, {"uid": 0}, True),
        (80, {"uid": 0, "bounding": NONE}, False),
        (80, {"uid": 1000}, False),
        (80, {"uid": 1000, "ambient": BIND}, True),
        (8080, {"uid": 1000}, True),
        (0, {"uid": 1000}, True),
        (80, {"uid": 1000, "start": "80\n"}, True),
        (79, {"uid": 1000, "start": "80\n"}, False),
        (1023, {"uid": 1000, "start": None}, False),
        (1024, {"uid": 1000, "start": None}, True),
    ],
    ids=[
        "root", "root in a tight container", "user", "user with ambient capability", "high port", "any port",
        "lowered start", "below the lowered start", "unknown start, low", "unknown start, high",
    ],
)  # fmt: skip
def test_low_ports(tmp_path: Path, port: int, fields: dict[str, object], *, allowed: bool) -> None:
    note = low_port_note(port, proc=proc(tmp_path, **fields))  # type: ignore[arg-type]
    assert (note is None) is allowed
    if note is not None:
        assert f"port {port} needs" in note
        assert "AmbientCapabilities=CAP_NET_BIND_SERVICE" in note


def test_without_proc_low_ports_count_as_closed(tmp_path: Path) -> None:
    assert low_port_note(80, proc=tmp_path) is not None
