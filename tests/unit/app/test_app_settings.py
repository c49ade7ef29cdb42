"""The settings file and --set."""

from pathlib import Path

import pytest

from hearthgate.app.settings import SettingsError, load_settings


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
    "misspelt section": ("entryPoint: {}", "did you mean 'entryPoints'"),
    "misspelt redirection": (
        "entryPoints: {web: {address: ':80', http: {redirections: {entrypoint: {to: x}}}}}",
        "did you mean 'entryPoint'",
    ),
    "not supported yet": ("experimental: {plugins: {}}", "experimental is not supported yet"),
    "address missing": ("entryPoints: {web: {}}", "entryPoints.web.address: is required"),
    "not YAML": ("entryPoints: [", "line 1"),
    "not a mapping": ("[1]", "must be a mapping"),
    "certResolver": (
        "entryPoints: {web: {address: ':80', http: {tls: {certResolver: le}}}}",
        "certResolver is not supported yet",
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
