"""The OpenAPI documents: v3, one for each group and version with an index, and v2, one for everything.

They are made when first asked for and kept compressed: most clients take gzip, and all of them keep a
document until its hash changes.
"""

import gzip
import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple, Self

import msgspec

from hearthgate.apiserver.errors import ApiError
from hearthgate.apiserver.web import gnostic, operations, swagger
from hearthgate.apiserver.web.metaschemas import components
from hearthgate.apiserver.web.negotiate import media_ranges
from hearthgate.apiserver.web.reviews import REVIEWS
from hearthgate.apiserver.web.schema import list_schema_of, schema_of
from hearthgate.resources.kinds import Kind

_JSON: Final = "application/json"
_GZIP_LEVEL: Final = 6


class Document(NamedTuple):
    """`etag` is the hash of the content, the same in every process."""

    compressed: bytes
    etag: str
    media: str = _JSON

    @classmethod
    def of(cls, content: bytes, media: str = _JSON) -> Self:
        etag = hashlib.sha256(content).hexdigest()[:32].upper()
        return cls(gzip.compress(content, _GZIP_LEVEL, mtime=0), etag, media)

    @property
    def content(self) -> bytes:
        return gzip.decompress(self.compressed)


class OpenApi:
    """The documents for one set of kinds and the reviews. What `before` made of the same kinds is taken over.

    Making a document takes milliseconds for each hundred kilobytes: call the methods in a thread.
    """

    def __init__(self, kinds: Iterable[Kind], version: str, before: "OpenApi | None" = None) -> None:
        self._version = version
        self._groups: dict[str, tuple[Kind, ...]] = {}
        for kind in (*kinds, *REVIEWS):
            path = f"apis/{kind.group}/{kind.version}" if kind.group else f"api/{kind.version}"
            self._groups[path] = (*self._groups.get(path, ()), kind)
        self._documents: dict[str, Document] = {}
        self._index: Document | None = None
        self._whole: dict[str, Document] = {}
        if before is not None and before._version == version:
            for path, document in before._documents.items():
                if _same(self._groups.get(path, ()), before._groups[path]):
                    self._documents[path] = document

    def index(self) -> Document:
        """Where each document is: its address names its hash, so that clients keep it."""
        if self._index is None:
            paths = {
                path: {"serverRelativeURL": f"/openapi/v3/{path}?hash={document.etag}"}
                for path in sorted(self._groups)
                if (document := self.document(path)) is not None
            }
            self._index = Document.of(msgspec.json.encode({"paths": paths}))
        return self._index

    def document(self, path: str) -> Document | None:
        """OpenAPI v3 of one group and version, by its path such as `apis/traefik.io/v1alpha1`."""
        kinds = self._groups.get(path)
        if kinds is None:
            return None
        if path not in self._documents:
            self._documents[path] = Document.of(msgspec.json.encode(self._made(kinds)))
        return self._documents[path]

    def whole(self, accept: str) -> Document:
        """OpenAPI v2 in the form that the client prefers. Raises ApiError 406."""
        media = _wanted(accept)
        if media not in self._whole:
            made = swagger.document([self._made(kinds) for _, kinds in sorted(self._groups.items())])
            content = msgspec.json.encode(made) if media == _JSON else gnostic.encode(made)
            self._whole[media] = Document.of(content, media)
        return self._whole[media]

    def _made(self, kinds: Sequence[Kind]) -> dict[str, Any]:
        paths: dict[str, Any] = {}
        schemas: dict[str, Any] = dict(components())
        for kind in kinds:
            name = operations.component_name(kind)
            schemas[name] = schema_of(kind)
            if kind in REVIEWS:
                paths.update(operations.review_paths(kind))
                continue
            paths.update(operations.paths(kind))
            schemas[f"{name}List"] = list_schema_of(kind, name)
        return {
            "openapi": "3.0.0",
            "info": {"title": "Hearthgate", "version": self._version},
            "paths": paths,
            "components": {"schemas": schemas},
        }


def _same(kinds: Sequence[Kind], before: Sequence[Kind]) -> bool:
    """By identity: a changed definition brings new kinds."""
    return len(kinds) == len(before) and all(one is other for one, other in zip(kinds, before, strict=True))


def _wanted(accept: str) -> str:
    if not accept.strip():
        return _JSON
    for media in media_ranges(accept):
        if media.type in {_JSON, "application/*", "*/*"}:
            return _JSON
        if media.type in gnostic.MEDIA_TYPES:
            return gnostic.MEDIA_TYPE
    message = f"only the following media types are accepted: {_JSON}, {gnostic.MEDIA_TYPE}"
    raise ApiError(406, "NotAcceptable", message)
