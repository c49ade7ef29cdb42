"""What a step of an Order or a Challenge has come to. Pure."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from hearthgate.resources.certmanager.orders import State


class End(NamedTuple):
    """It is decided."""

    state: State
    reason: str


class Again(NamedTuple):
    """Nothing new. after: seconds until the next look; None: as usual. reason: for the status."""

    after: float | None = None
    reason: str | None = None


class Said(NamedTuple):
    """It goes on. status: what is to be merged. event: reason and words."""

    status: Mapping[str, Any]
    event: tuple[str, str] | None = None


Step = End | Again | Said
