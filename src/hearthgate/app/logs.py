"""Log set-up: readable on a terminal, JSON for machines. Every line goes to standard error."""

import logging
import sys
from typing import TextIO

import structlog

LEVELS = {"DEBUG": 10, "INFO": 20, "WARN": 30, "WARNING": 30, "ERROR": 40}


def configure_logs(level: str, form: str, stream: TextIO | None = None) -> None:
    """`form`: console, common (the same) or json."""
    stream = stream or sys.stderr
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso" if form == "json" else "%H:%M:%S", utc=form == "json"),
    ]
    if form == "json":
        renderers: list[structlog.types.Processor] = [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ]
    else:
        # Plain: the default shows the local variables of every frame, and with them secrets.
        renderers = [
            structlog.dev.ConsoleRenderer(
                colors=stream.isatty(), pad_event_to=44, exception_formatter=structlog.dev.plain_traceback
            )
        ]
    structlog.configure(
        processors=[*shared, *renderers],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=stream, format="%(name)s: %(message)s")
