"""What opens Cloudflare's API: a token, or the key of an account with its e-mail address. Pure."""

import re
from dataclasses import dataclass
from typing import Final

from hearthgate.model.errors import Permanent
from hearthgate.model.secret import SecretBytes

_PRINTABLE: Final = re.compile(rb"[!-~]+")
_LONGEST: Final = 1024


class BadSecret(Permanent):
    """It cannot be a token or a key. The words say why, without a letter of it."""


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """secret: a token where no email is given, else the account's global key."""

    secret: SecretBytes
    email: str = ""

    @property
    def is_token(self) -> bool:
        return not self.email

    def headers(self) -> dict[str, str]:
        text = self.secret.reveal().decode("ascii")
        if self.is_token:
            return {"Authorization": f"Bearer {text}"}
        return {"X-Auth-Email": self.email, "X-Auth-Key": text}

    def hidden(self, text: str) -> str:
        """text, should anyone have written the secret into it."""
        return text.replace(self.secret.reveal().decode("ascii"), "…")


def token(secret: SecretBytes) -> Credentials:
    """Raises BadSecret."""
    return Credentials(secret=_read(secret, "API token"))


def account_key(email: str, secret: SecretBytes) -> Credentials:
    """Raises BadSecret."""
    if not email.strip().isascii() or not email.strip().isprintable() or not email.strip():
        raise BadSecret("the e-mail address of the account is missing, or not plain ASCII")
    return Credentials(secret=_read(secret, "API key"), email=email.strip())


def _read(secret: SecretBytes, what: str) -> SecretBytes:
    """Without the line break that `echo` leaves at its end, and blanks around it."""
    value = secret.reveal().strip()
    if not value:
        raise BadSecret(f"the {what} is empty")
    if len(value) > _LONGEST:
        raise BadSecret(f"the {what} has {len(value)} bytes: it cannot be one")
    if value[:7].lower() == b"bearer ":
        raise BadSecret(f"the {what} begins with 'Bearer': store the {what} alone")
    if not _PRINTABLE.fullmatch(value):
        raise BadSecret(
            f"the {what} holds a blank, a line break or another character that none has inside: "
            "store it anew, on one line"
        )
    if value[:1] in b"\"'" or value[-1:] in b"\"'":
        raise BadSecret(f"the {what} stands in quotes: store it without them")
    return SecretBytes(value)
