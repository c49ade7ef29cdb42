"""What is recorded of requests, as the settings ask for it: checked before anything starts."""

import os
from pathlib import Path
from typing import Final

from hearthgate.app.settings import SettingsError
from hearthgate.ingress.envoy.observability import counters
from hearthgate.ingress.envoy.observability.access_log import LogError
from hearthgate.ingress.envoy.observability.recording import Recording
from hearthgate.ingress.envoy.observability.tracing import TracingError
from hearthgate.ingress.routing.entrypoints import SETTINGS_REF
from hearthgate.ingress.routing.model import EntryPoint
from hearthgate.ingress.settings import IngressSettings
from hearthgate.model.problems import Problem, Reason

_TRIED_ON: Final = EntryPoint(name="any", host="127.0.0.1", port=1)


def recording(settings: IngressSettings, system_cas: str) -> Recording:
    """Raises SettingsError for what the proxy would refuse."""
    made = Recording(settings.access_log, settings.metrics.prometheus, settings.tracing)
    try:
        made.fields(_TRIED_ON)
        made.clusters(system_cas)
    except LogError as error:
        raise _refused(f"accessLog.{error.field}", Reason.INVALID_VALUE, str(error)) from None
    except TracingError as error:
        raise _refused(f"tracing.{error.field}", Reason.INVALID_VALUE, str(error)) from None
    return made


def prepare_files(settings: IngressSettings) -> None:
    """Makes the file of the access log, which the proxy writes with the rights of this process, and sees that the
    files of tracing can be read. Raises SettingsError."""
    if settings.access_log is not None and settings.access_log.file_path:
        path = Path(settings.access_log.file_path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
        except OSError as error:
            message = f"{path} cannot be written: {error.strerror}"
            raise _refused("accessLog.filePath", Reason.UNREADABLE, message) from error
    otlp = settings.tracing.otlp if settings.tracing is not None else None
    for kind in ("grpc", "http") if otlp is not None else ():
        section = getattr(otlp, kind)
        for name in ("ca", "cert", "key"):
            file = getattr(section.tls, name) if section is not None else ""
            if file and not os.access(file, os.R_OK):
                raise _refused(f"tracing.otlp.{kind}.tls.{name}", Reason.UNREADABLE, f"{file} cannot be read")


def counted(settings: IngressSettings) -> tuple[tuple[str, ...], tuple[tuple[str, tuple[float, ...]], ...]]:
    """Names of stats that the proxy must keep, and bounds of its histograms in milliseconds."""
    prometheus = settings.metrics.prometheus
    if prometheus is None:
        return (), ()
    prefix = f"{counters.PREFIX}."
    bounds = tuple(sorted({round(bound * 1000, 6) for bound in prometheus.buckets}))
    return (prefix,), ((prefix, bounds),)


def _refused(field: str, reason: Reason, message: str) -> SettingsError:
    return SettingsError([Problem(ref=SETTINGS_REF, field=field, reason=reason, message=message)])
