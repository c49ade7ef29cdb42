"""What Cloudflare answers, as far as it is read (https://developers.cloudflare.com/api). Pure."""

from datetime import datetime
from typing import Final

import msgspec


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """A mapping of which a part is read. Cloudflare adds fields at any time."""


class ApiError(Answered, frozen=True, kw_only=True):
    """chain: what led to it."""

    code: int = 0
    message: str = ""
    chain: "tuple[ApiError, ...]" = msgspec.field(default=(), name="error_chain")


class ResultInfo(Answered, frozen=True, kw_only=True):
    page: int = 1
    total_pages: int | None = None
    total_count: int | None = None


class Envelope(Answered, frozen=True, kw_only=True):
    """Around every answer."""

    success: bool = False
    errors: tuple[ApiError, ...] | None = ()
    result: msgspec.Raw = msgspec.Raw(b"null")
    result_info: ResultInfo | None = None


class Zone(Answered, frozen=True, kw_only=True):
    """status: initializing, pending, active or moved. name_servers: those that the registrar must name.
    permissions: what the credentials may do in it, such as `#dns_records:edit`; often empty."""

    id: str
    name: str
    status: str = ""
    name_servers: tuple[str, ...] | None = ()
    permissions: tuple[str, ...] | None = ()

    @property
    def is_served(self) -> bool:
        """Whether the world asks Cloudflare about it."""
        return self.status in ("active", "")


class DnsRecord(Answered, frozen=True, kw_only=True):
    """ttl: seconds; 1 is automatic."""

    id: str
    type: str
    name: str
    content: str = ""
    ttl: int = 1
    proxied: bool = False
    comment: str | None = None
    created_on: datetime | None = None
    modified_on: datetime | None = None

    @property
    def text(self) -> str:
        """The content; of a TXT record without the quotes that Cloudflare writes around each of its strings."""
        return unquoted(self.content) if self.type == "TXT" else self.content


class NewRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """comment: at most COMMENT_LIMIT characters, on free plans."""

    type: str
    name: str
    content: str
    ttl: int = msgspec.field(default_factory=lambda: 1)
    proxied: bool = False
    comment: str = ""


class TokenStatus(Answered, frozen=True, kw_only=True):
    """status: active, disabled or expired."""

    status: str
    expires_on: datetime | None = None
    not_before: datetime | None = None


class User(Answered, frozen=True, kw_only=True):
    email: str = ""


class Setting(Answered, frozen=True, kw_only=True):
    """Of a zone. value: most are words, some are numbers."""

    id: str = ""
    value: str | int | float | bool | None = None


class Addresses(Answered, frozen=True, kw_only=True):
    """Cloudflare's own networks."""

    ipv4_cidrs: tuple[str, ...] = ()
    ipv6_cidrs: tuple[str, ...] = ()


class Batch(Answered, frozen=True, kw_only=True):
    """Records as they are after a batch."""

    deletes: tuple[DnsRecord, ...] | None = ()
    patches: tuple[DnsRecord, ...] | None = ()
    posts: tuple[DnsRecord, ...] | None = ()


COMMENT_LIMIT: Final = 100


def quoted(text: str) -> str:
    """As Cloudflare wants the content of a TXT record of one string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def unquoted(content: str) -> str:
    """The text of a TXT record: what stands between quotes, put together; without quotes the content itself."""
    if not content.startswith('"'):
        return content
    text, inside, escaped = [], False, False
    for letter in content:
        if escaped:
            text.append(letter)
            escaped = False
        elif letter == "\\" and inside:
            escaped = True
        elif letter == '"':
            inside = not inside
        elif inside:
            text.append(letter)
    return "".join(text)
