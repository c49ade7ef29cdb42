"""What writes and removes TXT records: one for each kind of DNS server or service."""

from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from hearthgate.model.errors import Permanent
from hearthgate.model.secret import SecretBytes
from hearthgate.resources.certmanager.references import SecretKeyRef

PREFIX: Final = "_acme-challenge."
TTL: Final = 60
"""Seconds. The least that Cloudflare takes; a wrong value shall not live longer than it must."""


class Record(NamedTuple):
    """A TXT record of one string. name: without a dot at its end, lower case. ttl: seconds."""

    name: str
    value: str
    ttl: int = TTL


class ProviderProblem(Permanent):
    """The solver cannot work as it is written. field: from `dns01` on; words: what is wrong, and the way out."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(f"{field}: {words}")
        self.field = field
        self.words = words


ReadSecret = Callable[[str, SecretKeyRef], SecretBytes]
"""The value of a reference in a field. Raises ProviderProblem when the Secret, or the key in it, is missing."""


class Provider(Protocol):
    """Everything may be done twice, and at the same time for several values of a name. All raise Transient and
    Permanent, with words for a status."""

    async def present(self, record: Record) -> None:
        """Other values of the name stay."""

    async def remove(self, record: Record) -> None:
        """Only this value of this name, if it is there; found by them, never by what was remembered."""

    async def zone_of(self, name: str) -> str:
        """The zone that a record of this name is written into."""

    async def verify(self) -> str:
        """Tries the credentials, changing nothing; says what was found."""


def challenge_name(host: str) -> str:
    """Where the CA looks; host: without `*.`."""
    return f"{PREFIX}{host.lower().rstrip('.')}"
