"""URLs of servers that middlewares speak to (RFC 3986, http and https only)."""

import re
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from hearthgate.ingress.middlewares.draft import Draft
from hearthgate.model.problems import Reason, shorten

_PORTS: Final = {"http": 80, "https": 443}
_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,252}[A-Za-z0-9.])?|[0-9A-Fa-f:.]+")
_TARGET: Final = re.compile(r"[\x21-\x7e]*")
_MAX_TARGET: Final = 4096


class Server(NamedTuple):
    """`authority`: host and port as the URL has them. `path`: with the query, never empty."""

    scheme: str
    host: str
    port: int
    authority: str
    path: str


def parse_server(draft: Draft, field: str, url: str) -> Server | None:
    """The server of a URL; what is wrong with the URL goes to the draft."""
    if not url:
        draft.refuse(field, "is required: the URL of a server", Reason.MISSING_FIELD)
        return None
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        draft.refuse(field, f"not a URL: {_shown(url)}")
        return None
    host = parts.hostname or ""
    if parts.scheme not in _PORTS or not _HOST.fullmatch(host) or port == 0:
        draft.refuse(field, f"not a URL with http:// or https:// and a host: {_shown(url)}")
        return None
    if parts.username is not None or parts.password is not None:
        draft.refuse(field, "holds a name or password: they would be sent nowhere, take them out")
        return None
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not _TARGET.fullmatch(path) or len(path) > _MAX_TARGET:
        draft.refuse(field, f"path and query hold only escaped characters, at most {_MAX_TARGET}: {_shown(url)}")
        return None
    return Server(parts.scheme, host, port or _PORTS[parts.scheme], parts.netloc, path)


def _shown(url: str) -> str:
    """A URL for a message, without what may be a password."""
    return shorten(re.sub(r"//[^/]*@", "//…@", url))
