"""The settings file `hearthgate.yaml` and `--set`: read, checked, every mistake named. Upstream's names."""

import ipaddress
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import yaml

from hearthgate.apiserver.semantics.names import is_label
from hearthgate.app.settings_keys import placed, spelled
from hearthgate.balancer import settings as load_balancer
from hearthgate.balancer.settings import LoadBalancerSettings
from hearthgate.certificates import settings_checks
from hearthgate.certificates.settings import CertificateSettings
from hearthgate.dns import settings as dns
from hearthgate.dns.settings import DNSSettings
from hearthgate.ingress.routing.internal_routers import with_internal_entrypoint
from hearthgate.ingress.settings import EntryPoint, IngressSettings
from hearthgate.model.problems import Problem, Reason, Severity, shorten
from hearthgate.model.refs import ObjectRef
from hearthgate.policy import settings as policy
from hearthgate.policy.settings import PolicySettings
from hearthgate.resources import support, walk
from hearthgate.resources.meta import Strict, ignored, unsupported

PRIVILEGED_PORTS = (80, 443)
UNPRIVILEGED_PORTS = (8080, 8443)


class Log(Strict, frozen=True, kw_only=True):
    level: Literal["DEBUG", "INFO", "WARN", "WARNING", "ERROR"] = "INFO"
    format: Literal["console", "json", "common"] = "console"


class EmbeddedAPI(Strict, frozen=True, kw_only=True):
    """The API that kubectl speaks to when there is no cluster. Loopback only.

    audit: whether a log of writes is kept."""

    address: str = "127.0.0.1:6443"
    audit: bool = True


class Settings(IngressSettings, frozen=True, kw_only=True):
    """All of hearthgate.yaml. What upstream's file has and Hearthgate does not honour yet is refused.

    pod_namespace: where the parts of Hearthgate appear as Pods.
    """

    log: Log = Log()
    embedded_api: EmbeddedAPI = msgspec.field(default=EmbeddedAPI(), name="embeddedAPI")
    pod_namespace: str = "hearthgate"
    certificates: CertificateSettings = CertificateSettings()
    load_balancer: LoadBalancerSettings = LoadBalancerSettings()
    dns: DNSSettings = DNSSettings()
    policy: PolicySettings = PolicySettings()
    global_: Annotated[Any, ignored("nothing is sent to anybody, and no version is looked for")] = msgspec.field(
        default=None, name="global"
    )
    certificates_resolvers: Annotated[
        Any, unsupported("make a ClusterIssuer of that name: certResolver means it")
    ] = None
    experimental: Annotated[Any, unsupported()] = None


class SettingsError(Exception):
    """The settings cannot be used. `problems` name every mistake."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


def load_settings(path: Path | None, overrides: Sequence[str], *, privileged: bool | None = None) -> Settings:
    """Reads `path` (None: all defaults) and applies `key.path=value` overrides. Raises SettingsError.

    privileged: whether ports 80 and 443 may be bound; None asks the system. It only decides the default ports.
    """
    ref = ObjectRef("Settings", "", str(path) if path else "hearthgate.yaml")
    data = spelled(Settings, _read(path, ref)) if path else {}
    privileged = may_bind_privileged() if privileged is None else privileged
    if overrides and not data.get("entryPoints"):
        # What is not overridden of the default entrypoints stays.
        data["entryPoints"] = default_entry_points(privileged=privileged)
    for override in overrides:
        _override(data, override, ref)
    return decode_settings(data, ref, privileged=privileged)


def decode_settings(data: Mapping[str, Any], ref: ObjectRef, *, privileged: bool) -> Settings:
    """Pure part of `load_settings`."""
    data = spelled(Settings, data)
    problems = [
        Problem(ref=ref, field=mistake.path, reason=mistake.reason, message=_message(mistake))
        for mistake in walk.mistakes(Settings, data, _no_custom_types)
    ]
    if problems:
        raise SettingsError(problems)
    settings = msgspec.convert(data, Settings)
    problems = [p for p in support.marked(settings, ref, Severity.ERROR) if p.is_error]
    problems += [
        Problem(ref=ref, field=f"certificates.{path}", reason=reason, message=message)
        for path, reason, message in settings_checks.mistakes(settings.certificates)
    ]
    problems += [
        Problem(ref=ref, field=f"loadBalancer.{path}", reason=reason, message=message)
        for path, reason, message in load_balancer.mistakes(settings.load_balancer)
    ]
    problems += [
        Problem(ref=ref, field=f"dns.{path}", reason=reason, message=message)
        for path, reason, message in dns.mistakes(settings.dns)
    ]
    problems += [
        Problem(ref=ref, field=f"policy.{path}", reason=reason, message=message)
        for path, reason, message in policy.mistakes(settings.policy)
    ]
    if problems:
        raise SettingsError(problems)
    if not settings.entry_points:
        defaults = default_entry_points(privileged=privileged)
        entry_points = {name: msgspec.convert(value, EntryPoint) for name, value in defaults.items()}
        settings = msgspec.structs.replace(settings, entry_points=entry_points)
    return with_internal_entrypoint(settings)


def default_entry_points(*, privileged: bool) -> dict[str, Any]:
    """As the settings file would write them: plain HTTP that sends to HTTPS what no route wants, and HTTPS with
    HTTP/3."""
    web, websecure = PRIVILEGED_PORTS if privileged else UNPRIVILEGED_PORTS
    return {
        "web": {
            "address": f":{web}",
            "http": {"redirections": {"entryPoint": {"to": "websecure", "priority": 1}}},
        },
        "websecure": {"address": f":{websecure}", "http": {"tls": {}}, "http3": {}},
    }


def api_address(settings: Settings) -> tuple[str, int]:
    """(host, port) of the embedded API; port 0 means any. Raises SettingsError unless it is on loopback: whoever
    reaches this API rules the proxy."""
    text = settings.embedded_api.address
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    host = "127.0.0.1" if host in {"localhost", ""} else host
    try:
        if not ipaddress.ip_address(host).is_loopback:
            raise ValueError
        number = int(port)
        if not 0 <= number < 65536:
            raise ValueError
    except ValueError:
        ref = ObjectRef("Settings", "", "hearthgate.yaml")
        message = f"{shorten(text)} is not a loopback address with a port ('127.0.0.1:6443')"
        problem = Problem(ref=ref, field="embeddedAPI.address", reason=Reason.INVALID_VALUE, message=message)
        raise SettingsError([problem]) from None
    return host, number


def pod_namespace(settings: Settings) -> str:
    """Where the parts appear as Pods. Raises SettingsError when no namespace can be called so."""
    if is_label(settings.pod_namespace):
        return settings.pod_namespace
    ref = ObjectRef("Settings", "", "hearthgate.yaml")
    message = f"{shorten(settings.pod_namespace)} cannot be a namespace: a-z, 0-9 and '-', at most 63"
    raise SettingsError([Problem(ref=ref, field="podNamespace", reason=Reason.INVALID_VALUE, message=message)])


def may_bind_privileged() -> bool:
    """Whether this process may bind port 80: root, the capability, or a lowered kernel limit."""
    if os.geteuid() == 0:
        return True
    try:
        start = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
        status = Path("/proc/self/status").read_text()
    except OSError:
        return False
    ambient = next((line for line in status.splitlines() if line.startswith("CapAmb:")), "CapAmb: 0")
    cap_net_bind_service = 1 << 10
    return start <= PRIVILEGED_PORTS[0] or bool(int(ambient.split()[1], 16) & cap_net_bind_service)


def _read(path: Path, ref: ObjectRef) -> dict[str, Any]:
    try:
        text = path.read_bytes()
    except OSError as error:
        message = f"cannot be read: {error.strerror}"
        raise SettingsError([Problem(ref=ref, reason=Reason.UNREADABLE, message=message)]) from error
    try:
        data = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}: " if mark else ""
        message = f"{line}{getattr(error, 'problem', None) or 'not YAML'}"
        raise SettingsError([Problem(ref=ref, reason=Reason.SYNTAX_ERROR, message=message)]) from error
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise SettingsError([Problem(ref=ref, reason=Reason.INVALID_VALUE, message="must be a mapping")])
    return data


def _override(data: dict[str, Any], text: str, ref: ObjectRef) -> None:
    key, equals, value = text.partition("=")
    if not equals or not all(part for part in key.split(".")):
        message = f"--set {text!r}: write key.path=value, such as entryPoints.web.address=:8080"
        raise SettingsError([Problem(ref=ref, reason=Reason.INVALID_VALUE, message=message)])
    *parents, last = key.split(".")
    below: Any = data
    for parent in parents:
        if below.get(parent) is None:
            below[parent] = {}
        below = below[parent]
        if not isinstance(below, dict):
            message = f"--set {text!r}: {parent} is not a mapping"
            raise SettingsError([Problem(ref=ref, reason=Reason.INVALID_VALUE, message=message)])
    try:
        below[last] = yaml.safe_load(value)
    except (yaml.YAMLError, ValueError):
        below[last] = value


def _message(mistake: walk.Mistake) -> str:
    """A key that resembles none beside it may stand in the wrong place."""
    is_placed = mistake.reason is not Reason.UNKNOWN_FIELD or "did you mean" in mistake.message
    place = "" if is_placed else placed(Settings, mistake)
    return f"unknown field {shorten(mistake.path.rpartition('.')[2])}{place}" if place else mistake.message


def _no_custom_types(wanted: type, value: Any) -> Any:
    raise NotImplementedError(wanted, value)
