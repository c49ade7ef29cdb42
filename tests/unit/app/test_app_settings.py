"""The settings file and --set."""

from pathlib import Path

import pytest

from hearthgate.app.settings import SettingsError, load_settings
from hearthgate.app.settings_use import settings_warnings, unused_settings


def test_defaults_follow_the_privilege() -> None:
    ports = [
        [
            load_settings(None, [], privileged=privileged).entry_points[name].address
            for name in ("web", "websecure")
        ]
        for privileged in (True, False)
    ]
    assert ports == [[":80", ":443"], [":8080", ":8443"]]


def test_file_and_overrides(tmp_path: Path) -> None:
    path = tmp_path / "hearthgate.yaml"
    path.write_text("entryPoints:\n  websecure:\n    address: ':443'\n    http: {tls: {}}\n")
    settings = load_settings(path, ["entryPoints.websecure.address=127.0.0.1:8443", "log.level=DEBUG"])
    assert settings.entry_points["websecure"].address == "127.0.0.1:8443"
    assert settings.entry_points["websecure"].http.tls is not None
    assert settings.log.level == "DEBUG"


BAD = {
    "a share as text": ("tracing: {sampleRate: often}", "sampleRate: must be a number, not 'often'"),
    "a share beyond all": ("tracing: {sampleRate: 2}", "sampleRate: 2 is too large: the most is 1"),
    "a bound that is none": ("metrics: {prometheus: {buckets: [0.5, true]}}", r"buckets\[1\]: must be a number"),
    "misspelt section": ("entryPoint: {}", "did you mean 'entryPoints'"),
    "misspelt redirection": (
        "entryPoints: {web: {address: ':80', http: {redirections: {entrypoints: {to: x}}}}}",
        "did you mean 'entryPoint'",
    ),
    "access log below log": (
        "log: {accessLog: {format: json}}",
        r"log.accessLog: unknown field 'accessLog' \(it belongs at the top of the file\)",
    ),
    "endpoint of a protocol": (
        "tracing: {otlp: {endpoint: 'x'}}",
        r"\(it belongs under tracing.otlp.grpc or tracing.otlp.http\)",
    ),
    "TLS of an entrypoint": (
        "entryPoints: {web: {address: ':80', redirections: {}}}",
        r"entryPoints.web.redirections: .*\(it belongs under entryPoints.web.http\)",
    ),
    "dynamic section": ("http: {routers: {}}", "routers and middlewares are objects"),
    "a key twice": ("log: {level: INFO, LEVEL: DEBUG}", "unknown field 'LEVEL'"),
    "not supported yet": ("experimental: {plugins: {}}", "experimental is not supported yet"),
    "address missing": ("entryPoints: {web: {}}", "entryPoints.web.address: is required"),
    "not YAML": ("entryPoints: [", "line 1"),
    "not a mapping": ("[1]", "must be a mapping"),
    "certificatesResolvers": (
        "certificatesResolvers: {le: {acme: {email: me@example.org}}}",
        "certificatesResolvers is not supported yet: make a ClusterIssuer",
    ),
}


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD.keys())
def test_mistakes_are_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "hearthgate.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=message):
        load_settings(path, [])


def test_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        load_settings(tmp_path / "nowhere.yaml", [])


@pytest.mark.parametrize("override", ["x", "a..b=1", "=1", "log=5"])
def test_bad_override_is_told(override: str) -> None:
    with pytest.raises(SettingsError):
        load_settings(None, [override])


def test_override_keeps_the_rest_of_the_default_entrypoints() -> None:
    settings = load_settings(None, ["entryPoints.websecure.address=127.0.0.1:8443"], privileged=True)
    websecure = settings.entry_points["websecure"]
    assert websecure.address == "127.0.0.1:8443"
    assert websecure.http.tls is not None
    assert websecure.http3 is not None
    assert settings.entry_points["web"].address == ":80"


def test_value_that_yaml_cannot_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "hearthgate.yaml"
    path.write_text("entryPoints: 2026-13-45")
    with pytest.raises(SettingsError):
        load_settings(path, [])


def test_keys_are_found_in_any_case(tmp_path: Path) -> None:
    path = tmp_path / "hearthgate.yaml"
    path.write_text(
        "entrypoints: {Web: {Address: ':80', HTTP: {redirections: {entrypoint: {to: Web}}}, "
        "forwardedheaders: {trustedips: [10.0.0.1]}}}\nGLOBAL: {checkNewVersion: true}\n"
    )
    settings = load_settings(path, [])
    web = settings.entry_points["Web"]
    assert web.http.redirections is not None
    assert web.http.redirections.entry_point is not None
    assert web.forwarded_headers.trusted_ips == ("10.0.0.1",)
    assert [warning.field for warning in settings_warnings(settings, on_box=True)] == ["global"]


def test_what_a_cluster_makes_of_no_use_is_told(tmp_path: Path) -> None:
    path = tmp_path / "hearthgate.yaml"
    assert unused_settings(load_settings(None, [])) == ()
    path.write_text("embeddedAPI: {address: '127.0.0.1:7443'}")
    assert [problem.field for problem in unused_settings(load_settings(path, []))] == ["embeddedAPI"]
    member = 'policy.members=[{"namespace": "a", "name": "b", "addresses": ["10.0.0.1"]}]'
    fenced = load_settings(None, ["policy.enforce=true", member])
    assert [problem.field for problem in unused_settings(fenced)] == ["policy.enforce"]
