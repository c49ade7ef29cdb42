"""Log set-up: readable on a terminal, JSON for machines. Every line goes to standard error.

What is kept beside that, for `kubectl logs`, is the same line without colours.
"""

import logging
import sys
from collections.abc import Callable
from typing import Any, Final, TextIO

import structlog

LEVELS = {"DEBUG": 10, "INFO": 20, "WARN": 30, "WARNING": 30, "ERROR": 40}
_METHODS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40, "exception": 40, "critical": 50}
_FOREIGN_FORM: Final = "%(name)s: %(message)s"

Keep = Callable[[str, str], None]
"""Takes a logger's name and a line; never waits."""


def configure_logs(level: str, form: str, stream: TextIO | None = None, *, keep: Keep | None = None) -> None:
    """`form`: console, common (the same) or json. `keep` gets every line too."""
    stream = stream or sys.stderr
    set_log_level(level)
    shared: list[structlog.types.Processor] = [
        _gate,
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso" if form == "json" else "%H:%M:%S", utc=form == "json"),
    ]
    if form == "json":
        shared.append(structlog.processors.format_exc_info)
        plain: structlog.types.Processor = structlog.processors.JSONRenderer()
        shown = plain
    else:
        shown, plain = _console(colors=stream.isatty()), _console(colors=False)
    structlog.configure(
        processors=[*shared, shown if keep is None else _Keeping(shown, plain, keep, same=not stream.isatty())],
        wrapper_class=structlog.make_filtering_bound_logger(0),
        logger_factory=_Loggers(stream),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=stream, format=_FOREIGN_FORM)
    if keep is not None:
        logging.getLogger().addHandler(_KeepingHandler(keep))


def set_log_level(level: str) -> None:
    """What is less than `level` is not logged from now on. Loggers that exist obey too."""
    _Gate.least = LEVELS[level]


class _Gate:
    least = LEVELS["INFO"]


def _gate(_logger: object, method: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    if _METHODS.get(method, _Gate.least) < _Gate.least:
        raise structlog.DropEvent
    return event


def _console(*, colors: bool) -> structlog.dev.ConsoleRenderer:
    # Plain: the default shows the local variables of every frame, and with them secrets.
    return structlog.dev.ConsoleRenderer(
        colors=colors, pad_event_to=44, exception_formatter=structlog.dev.plain_traceback
    )


class _Logger(structlog.PrintLogger):
    """Knows its name."""

    def __init__(self, stream: TextIO, name: str) -> None:
        super().__init__(stream)
        self.name = name


class _Loggers:
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __call__(self, name: str = "", *_: object) -> _Logger:
        return _Logger(self._stream, name)


class _Keeping:
    """The last processor: renders a line for standard error, and hands it, without colours, to `keep`."""

    def __init__(self, shown: Callable[..., Any], plain: Callable[..., Any], keep: Keep, *, same: bool) -> None:
        self._shown = shown
        self._plain = plain
        self._keep = keep
        self._same = same

    def __call__(self, logger: Any, method: str, event: structlog.types.EventDict) -> str:
        kept = str(self._plain(logger, method, dict(event)))
        self._keep(getattr(logger, "name", ""), kept)
        return kept if self._same else str(self._shown(logger, method, event))


class _KeepingHandler(logging.Handler):
    """What libraries log."""

    def __init__(self, keep: Keep) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter(_FOREIGN_FORM))
        self._keep = keep

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._keep(record.name, self.format(record))
        except Exception:  # as every handler: a record that cannot be formatted is told, not raised
            self.handleError(record)
