"""The books on the limits of each CA, kept in a ConfigMap so that no restart forgets what was used up.

They hold account URLs and names of certificates, nothing secret; `kubectl get configmap` may show them.
"""

import hashlib
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from hearthgate.certificates.acme.ledger import Ledger
from hearthgate.certificates.acme.limits import limits_of
from hearthgate.certificates.acme.registered import registered
from hearthgate.certificates.kept import Kept
from hearthgate.certificates.tools import Tools

CONFIG_MAP: Final = "hearthgate-acme-ledger"


class Ledgers:
    """One for each directory. Whoever changes one saves, before it relies on that."""

    def __init__(self, tools: Tools) -> None:
        self._now = tools.now
        self._ledgers: dict[str, Ledger] = {}
        self._stored: dict[str, str] | None = None
        self._kept = Kept(tools, CONFIG_MAP, self._content)

    async def of(self, directory: str) -> Ledger:
        """Raises Transient while what was stored cannot be read."""
        if self._stored is None:
            loaded = dict(await self._kept.load())
            if self._stored is None:  # another task may have been here meanwhile
                self._stored = loaded
        if directory not in self._ledgers:
            text = self._stored.get(_key(directory), "").encode()
            self._ledgers[directory] = Ledger.from_json(text, limits_of(directory), registered)
        return self._ledgers[directory]

    async def save(self) -> None:
        await self._kept.save()

    def _content(self) -> Mapping[str, str]:
        """Those of directories that nobody has asked for stay as they were read."""
        now = self._now()
        written = {_key(url): ledger.to_json(now).decode() for url, ledger in self._ledgers.items()}
        return {**(self._stored or {}), **written}


def _key(directory: str) -> str:
    """A name that a ConfigMap takes, in which people find the CA."""
    host = "".join(letter if letter.isalnum() else "-" for letter in urlsplit(directory).hostname or "")
    return f"{host[:200]}.{hashlib.blake2b(directory.encode(), digest_size=6).hexdigest()}"
