"""Which bridges carry frames past the kernel's rules, from what the kernel says of itself."""

import ipaddress
from pathlib import Path

import pytest

from hearthgate.netfilter.bridges import Route, routes4, routes6, unjudged

ROUTES4 = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
cni0\t00002A0A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
veth7\t09002A0A\t00000000\t0005\t0\t0\t0\tFFFFFFFF\t0\t0\t0
"""
ROUTES6 = """\
fd420000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 \
00000001 00000000 00000001     cni0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 fd000000000000000000000000000001 00000400 \
00000003 00000000 00000003     eth0
"""


def test_routes_are_read() -> None:
    assert list(routes4(ROUTES4))[1] == Route("cni0", ipaddress.ip_network("10.42.0.0/24"))
    assert [str(one.network) for one in routes6(ROUTES6)] == ["fd42::/64", "::/0"]


@pytest.mark.parametrize(
    ("address", "called", "found"),
    [
        ("10.42.0.5", "0", ["net.bridge.bridge-nf-call-iptables"]),
        ("10.42.0.5", "", ["net.bridge.bridge-nf-call-iptables"]),
        ("10.42.0.5", "1", []),
        ("10.42.0.9", "0", []),
        ("8.8.8.8", "0", []),
        ("fd42::5", "0", ["net.bridge.bridge-nf-call-ip6tables"]),
        ("fd42::5", "1", []),
    ],
    ids=["unseen", "no module", "seen", "own link", "elsewhere", "v6", "v6 seen"],
)
def test_members_on_a_bridge(tmp_path: Path, address: str, called: str, found: list[str]) -> None:
    proc, sys = tmp_path / "proc", tmp_path / "sys"
    (proc / "net").mkdir(parents=True)
    (proc / "net" / "route").write_text(ROUTES4)
    (proc / "net" / "ipv6_route").write_text(ROUTES6)
    for name in ("cni0/bridge", "eth0", "veth7"):
        (sys / "class" / "net" / name).mkdir(parents=True)
    if called:
        (proc / "sys/net/bridge").mkdir(parents=True)
        for name in ("bridge-nf-call-iptables", "bridge-nf-call-ip6tables"):
            (proc / "sys/net/bridge" / name).write_text(f"{called}\n")
    assert unjudged([ipaddress.ip_address(address)], proc=proc, sys=sys) == found
