"""TXT records at an acme-dns server (https://github.com/joohoi/acme-dns): `_acme-challenge` is a CNAME to it."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import aiohttp
import msgspec

from hearthgate.certificates.dns01.provider import PREFIX, Record
from hearthgate.model.errors import Permanent, Transient

TIMEOUT: Final = 20.0
_LONGEST: Final = 4096
_NAMED: Final = 8


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Of one domain, as acme-dns's /register answered. Other fields are of no use here."""

    username: str
    password: str
    subdomain: str
    fulldomain: str = ""

    def __repr__(self) -> str:
        return f"Account({self.subdomain})"


def read_accounts(text: bytes) -> Mapping[str, Account]:
    """By domain. Raises ValueError, without a word of what is in it."""
    try:
        found = msgspec.json.decode(text, type=dict[str, Account])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ValueError(
            "is not a mapping from domains to accounts in JSON (username, password, subdomain, fulldomain)"
        ) from None
    return {domain.lower().rstrip("."): account for domain, account in found.items()}


class AcmeDnsProvider:
    """host: the URL of the server. session: shared with others."""

    def __init__(self, host: str, accounts: Mapping[str, Account], session: aiohttp.ClientSession) -> None:
        self._url = host.rstrip("/")
        self._accounts = accounts
        self._session = session

    async def present(self, record: Record) -> None:
        """The server keeps the last two values of an account: enough for a domain and its wildcard."""
        account = self._account(record.name)
        body = msgspec.json.encode({"subdomain": account.subdomain, "txt": record.value})
        headers = {
            "X-Api-User": account.username,
            "X-Api-Key": account.password,
            "Content-Type": "application/json",
        }
        status, said = await self._send("POST", "/update", body, headers)
        if status in (400, 401, 403):
            raise Permanent(
                f"{self} refuses the account of {record.name}: {said or status}: register anew, "
                "and mind its allowfrom"
            )
        if status != 200:
            raise Transient(f"{self} could not take the value: {said or f'status {status}'}")

    async def remove(self, record: Record) -> None:
        """acme-dns has no way to remove a value: later ones push it out."""

    async def zone_of(self, name: str) -> str:
        account = self._account(name)
        return account.fulldomain.partition(".")[2] or self._host

    async def verify(self) -> str:
        status, said = await self._send("GET", "/health", None, {})
        if status != 200:
            raise Transient(f"{self} is not well: {said or f'status {status}'}")
        return f"{self} answers; accounts for {', '.join(sorted(self._accounts)) or 'nobody'}"

    def _account(self, name: str) -> Account:
        domain = name.removeprefix(PREFIX)
        found = self._accounts.get(domain) or next(
            (one for one in self._accounts.values() if one.fulldomain.lower().rstrip(".") == name), None
        )
        if found is None:
            known = sorted(self._accounts)
            few = ", ".join(known[:_NAMED]) + (" and more" if len(known) > _NAMED else "")
            raise Permanent(
                f"dns01.acmeDNS.accountSecretRef has no account for {domain} (it has {few or 'none'}): "
                f"register one at {self}, and add it"
            )
        return found

    async def _send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, str]:
        """Status, and the word for an error that acme-dns gives."""
        timeout = aiohttp.ClientTimeout(total=TIMEOUT)
        try:
            async with self._session.request(
                method, f"{self._url}{path}", data=body, headers=headers, allow_redirects=False, timeout=timeout
            ) as response:
                content = await response.content.read(_LONGEST)
                return response.status, _word(content)
        except TimeoutError as error:
            raise Transient(f"{self}: no answer in {TIMEOUT:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Transient(f"{self}: {error or type(error).__name__}") from error

    @property
    def _host(self) -> str:
        return urlsplit(self._url).hostname or self._url

    def __str__(self) -> str:
        return f"acme-dns at {self._host}"


class _Error(msgspec.Struct, frozen=True):
    error: str = ""


def _word(content: bytes) -> str:
    """`forbidden`, `bad_subdomain`, ...: one word, never a value that was sent."""
    try:
        word = msgspec.json.decode(content, type=_Error).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    return word if word.replace("_", "").isalnum() and len(word) <= 40 else ""
