"""Signed requests to one CA, sent until it has taken a nonce, and what its directory says."""

import time
from typing import Final, TypeVar
from urllib.parse import urlsplit

import msgspec

from hearthgate.certificates.acme import jws
from hearthgate.certificates.acme.account_key import AccountKey
from hearthgate.certificates.acme.answers import Directory
from hearthgate.certificates.acme.errors import AcmeError, BadAnswer, failure
from hearthgate.certificates.acme.nonces import NoncePool
from hearthgate.certificates.acme.transport import Answer, Transport

T = TypeVar("T")

NONCE_TRIES: Final = 10
"""Of one request: a CA that refuses one nonce in two still takes 999 requests of 1,000."""
DIRECTORY_KEPT: Final = 3600.0
"""Seconds after which the directory is read anew: CAs add profiles and ARI while we run."""


class Exchange:
    """Knows no account: that is an argument of each request."""

    def __init__(self, directory: str, key: AccountKey, transport: Transport) -> None:
        self.host = urlsplit(directory).netloc
        self._url = directory
        self._key = key
        self._transport = transport
        self._nonces = NoncePool()
        self._directory: tuple[Directory, float] | None = None

    async def directory(self) -> Directory:
        known = self._directory
        if known is not None and time.monotonic() - known[1] < DIRECTORY_KEPT:
            return known[0]
        found = self.decoded(await self.get(self._url, "discover"), Directory, "discover")
        self._directory = (found, time.monotonic())
        return found

    async def get(self, url: str, action: str) -> Answer:
        """A plain request. Raises AcmeError for a status that is not 2xx."""
        answer = await self._transport.send("GET", url, action=action)
        if answer.status >= 300:
            raise self._failure(answer, action)
        return answer

    async def post(
        self,
        url: str,
        payload: object,
        action: str,
        *,
        account: str,
        accept: str = "application/json",
        reading: bool = False,
    ) -> Answer:
        """payload: None for POST-as-GET. account: its URL; empty, the request carries the key. reading: see
        `failure`. Raises AcmeError for a status that is not 2xx."""
        tries = 0
        while True:
            nonce = self._nonces.take() or await self._new_nonce()
            body = jws.sign(self._key, payload, url=url, nonce=nonce, account=account)
            answer = await self._transport.send("POST", url, action=action, body=body, accept=accept)
            if answer.status < 300:
                self._nonces.put(answer.headers.get("Replay-Nonce"))
                return answer
            error = self._failure(answer, action, reading=reading)
            tries += 1
            if error.problem.word != "badNonce" or tries == NONCE_TRIES:
                self._nonces.put(answer.headers.get("Replay-Nonce"))
                raise error
            self._nonces.refused()
            self._nonces.put(answer.headers.get("Replay-Nonce"))

    def decoded(self, answer: Answer, kind: type[T], action: str) -> T:
        try:
            return msgspec.json.decode(answer.body, type=kind, strict=False)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BadAnswer(f"{action} at {self.host}: the answer is not what ACME says: {error}") from None

    async def _new_nonce(self) -> str:
        url = (await self.directory()).new_nonce
        answer = await self._transport.send("HEAD", url, action="new_nonce")
        if answer.status >= 300:
            raise self._failure(answer, "new_nonce")
        nonce = answer.headers.get("Replay-Nonce")
        if not nonce:
            raise BadAnswer(f"new_nonce at {self.host}: the answer has no nonce")
        return nonce

    def _failure(self, answer: Answer, action: str, *, reading: bool = False) -> AcmeError:
        return failure(
            answer.body,
            asked=f"{action} at {self.host}",
            status=answer.status,
            retry_after=answer.retry_after,
            reading=reading,
        )
