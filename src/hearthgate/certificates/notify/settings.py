"""Who is told what, and how. Passwords and tokens lie in Secrets, never in the settings."""

from typing import Annotated, Literal

import msgspec

from hearthgate.resources.certmanager.references import SecretKeyRef
from hearthgate.resources.meta import Strict

Occasion = Literal["failure", "expiry", "recovery"]


class Webhook(Strict, frozen=True, kw_only=True):
    """Gets a POST with a JSON object.

    authorization_secret_ref: a Secret whose value goes as the Authorization header.
    """

    url: Annotated[str, msgspec.Meta(pattern=r"^https?://")]
    authorization_secret_ref: SecretKeyRef | None = None


class Ntfy(Strict, frozen=True, kw_only=True):
    """A topic of an ntfy server. token_secret_ref: an access token."""

    topic: str
    url: Annotated[str, msgspec.Meta(pattern=r"^https?://")] = "https://ntfy.sh"
    token_secret_ref: SecretKeyRef | None = None


class Email(Strict, frozen=True, kw_only=True):
    """By SMTP. from_, to: addresses. username, password_secret_ref: when the server wants them."""

    host: str
    from_: str = msgspec.field(name="from")
    to: tuple[str, ...]
    port: int = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    password_secret_ref: SecretKeyRef | None = None


class Notification(Strict, frozen=True, kw_only=True):
    """One way, or several, of telling. on: the occasions; all unless set. Secrets lie in the namespace
    `clusterResourceNamespace`."""

    on: tuple[Occasion, ...] = ("failure", "expiry", "recovery")
    webhook: Webhook | None = None
    ntfy: Ntfy | None = None
    email: Email | None = None
