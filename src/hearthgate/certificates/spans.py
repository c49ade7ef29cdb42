"""Durations of specs and settings as spans of time that calendars can hold. Pure."""

from datetime import timedelta
from typing import Final

from hearthgate.model.durations import parse_duration

LONGEST: Final = timedelta(days=100 * 365)
"""What is longer means for ever, and no date lies that far ahead."""


def span(text: str) -> timedelta:
    """Not longer than LONGEST, nor negative. The form of the text was looked at when it was read."""
    return timedelta(seconds=min(max(parse_duration(text), 0.0), LONGEST.total_seconds()))
