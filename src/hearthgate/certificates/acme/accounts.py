"""One client for each account in use: clients keep connections, nonces and the directory of their CA."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from hearthgate.certificates.acme.account_key import AccountKey
from hearthgate.certificates.acme.client import AcmeClient
from hearthgate.certificates.acme.transport import Call


class AccountAt(NamedTuple):
    """What makes two accounts different, or the way to them."""

    directory: str
    key: AccountKey
    ca_bundle: str = ""
    skip_tls_verify: bool = False


class Accounts:
    """observe: hears of every request of every client."""

    def __init__(self, observe: Callable[[Call], None] = lambda _: None) -> None:
        self._observe = observe
        self._clients: dict[AccountAt, AcmeClient] = {}

    def client(self, account: AccountAt) -> AcmeClient:
        """The same one as before for the same account. Raises Permanent, as AcmeClient does."""
        client = self._clients.get(account)
        if client is None:
            client = AcmeClient(
                account.directory,
                account.key,
                ca_bundle=account.ca_bundle,
                skip_tls_verify=account.skip_tls_verify,
                observe=self._observe,
            )
            self._clients[account] = client
        return client

    async def keep(self, used: Iterable[AccountAt]) -> None:
        """Closes the clients of all others."""
        wanted = frozenset(used)
        for account in [account for account in self._clients if account not in wanted]:
            await self._clients.pop(account).close()

    async def close(self) -> None:
        await self.keep(())
