import json
from pathlib import Path
from typing import Any

from hearthgate.ingress.proxy.bootstrap import BootstrapOptions, bootstrap
from hearthgate.ingress.proxy.process import restart_delay

OPTIONS = BootstrapOptions(xds_socket=Path("/run/x/xds.sock"), max_heap=1 << 20, max_connections=7)


def made(options: BootstrapOptions = OPTIONS) -> Any:
    return json.loads(bootstrap(options, admin_socket=Path("/run/x/admin.sock")))


def test_equal_options_give_equal_bytes() -> None:
    other = BootstrapOptions(xds_socket=Path("/run/x/xds.sock"), max_heap=1 << 20, max_connections=7)
    assert bootstrap(OPTIONS, admin_socket=Path("a")) == bootstrap(other, admin_socket=Path("a"))
    assert bootstrap(OPTIONS, admin_socket=Path("a")) != bootstrap(OPTIONS, admin_socket=Path("b"))


def test_admin_is_a_socket_of_this_user_with_few_paths() -> None:
    admin = made()["admin"]
    assert admin["address"] == {"pipe": {"path": "/run/x/admin.sock", "mode": 0o600}}
    allowed = [next(iter(entry.values())) for entry in admin["allow_paths"]]
    assert allowed == ["/ready", "/server_info", "/reopen_logs", "/stats", "/drain_listeners"]


def test_nothing_is_served_before_the_configuration_came() -> None:
    sources = [made()["dynamic_resources"][name] for name in ("cds_config", "lds_config")]
    assert [source["initial_fetch_timeout"] for source in sources] == ["0s", "0s"]


def test_limits_and_stats_follow_the_options() -> None:
    heap, connections = made()["overload_manager"]["resource_monitors"]
    assert heap["typed_config"]["max_heap_size_bytes"] == 1 << 20
    assert connections["typed_config"]["max_active_downstream_connections"] == 7
    options = BootstrapOptions(xds_socket=Path("x"), node="n", stats_prefixes=("z.", "http."))
    patterns = made(options)["stats_config"]["stats_matcher"]["inclusion_list"]["patterns"]
    prefixes = [entry["prefix"] for entry in patterns if "prefix" in entry]
    assert prefixes == sorted(set(prefixes))
    assert "z." in prefixes
    assert made(options)["node"] == {"id": "n", "cluster": "n"}


def test_first_restart_is_immediate_and_later_ones_wait_longer_up_to_a_limit() -> None:
    assert [restart_delay(n) for n in (0, 1, 2, 3, 6, 7, 1000)] == [0.0, 0.25, 0.5, 1.0, 8.0, 10.0, 10.0]
