"""How a proof is given and looked for: one way for each type of Challenge."""

from typing import NamedTuple, Protocol

from hearthgate.certificates.issuers.named import AnyIssuer
from hearthgate.cluster.snapshot import Key, Snapshot
from hearthgate.resources.certmanager import Challenge


class Seen(NamedTuple):
    """What a look at a proof from outside has found. detail: what was asked and what it said.

    retry_after: seconds before another look can find anything else; 0: as usual.
    """

    ok: bool
    detail: str
    retry_after: float = 0.0


class Proofs(Protocol):
    """Of one type. Everything may be done twice: the second time changes nothing."""

    async def present(self, snapshot: Snapshot, challenge: Challenge, issuer: AnyIssuer) -> None:
        """Gives the proof. Raises Transient and Permanent, with words for the status."""

    async def look(self, challenge: Challenge) -> Seen:
        """As the CA will. Never raises for what it finds; takes some seconds at most."""

    async def clear(self, snapshot: Snapshot, challenge: Key) -> None:
        """Takes back what was given for a Challenge, which may be gone. Raises as `present` does."""


class GivenByProxy:
    """The proxy reads Challenges itself: it gives proofs from the moment they exist until they are decided."""

    async def present(self, snapshot: Snapshot, challenge: Challenge, issuer: AnyIssuer) -> None:
        pass

    async def clear(self, snapshot: Snapshot, challenge: Key) -> None:
        pass
