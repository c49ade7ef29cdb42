"""A clock that tests move."""

from datetime import UTC, datetime, timedelta


class Clock:
    def __init__(self, ahead: timedelta = timedelta()) -> None:
        self.ahead = ahead

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def move(self, **by: float) -> None:
        """As timedelta takes it."""
        self.ahead += timedelta(**by)
