"""compress (traefik.io Middleware)."""

import re
from collections.abc import Iterable
from typing import Final

from hearthgate.ingress.middlewares.draft import Draft
from hearthgate.ingress.middlewares.middleware import Middleware
from hearthgate.ingress.middlewares.regexes import check_length
from hearthgate.model.problems import Reason, did_you_mean, shorten
from hearthgate.resources.traefik import middleware as spec

ENCODINGS: Final = ("gzip", "br", "zstd")
_MEDIA_TYPE: Final = re.compile(r"[!#$&^_.+0-9A-Za-z-]+/[!#$&^_.+0-9A-Za-z*-]+")


class Compress(Middleware, frozen=True, kw_only=True):
    """encodings: preferred first. included, excluded: media types, lower case; not both.
    default_encoding: for requests without Accept-Encoding, empty = none."""

    encodings: tuple[str, ...] = ENCODINGS
    included: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    min_bytes: int = 1024
    default_encoding: str = ""


def compress(options: spec.Compress, draft: Draft) -> Compress:
    for index, encoding in enumerate(options.encodings):
        _check_encoding(encoding, draft, f"encodings[{index}]")
    if not options.encodings:
        draft.refuse("encodings", f"is empty: name some of {', '.join(ENCODINGS)}", Reason.MISSING_FIELD)
    if options.default_encoding:
        _check_encoding(options.default_encoding, draft, "defaultEncoding")
    if options.included_content_types and options.excluded_content_types:
        message = "exclude each other with excludedContentTypes: take one of the two out"
        draft.refuse("includedContentTypes", message)
    return Compress(
        name=draft.name,
        encodings=tuple(dict.fromkeys(options.encodings)),
        included=_media_types(options.included_content_types, draft, "includedContentTypes"),
        excluded=_media_types(options.excluded_content_types, draft, "excludedContentTypes"),
        min_bytes=options.min_response_body_bytes,
        default_encoding=options.default_encoding,
    )


def _check_encoding(encoding: str, draft: Draft, field: str) -> None:
    if encoding not in ENCODINGS:
        hint = did_you_mean(encoding, ENCODINGS) or f" (known: {', '.join(ENCODINGS)})"
        draft.refuse(field, f"unknown encoding {shorten(encoding)}{hint}")


def _media_types(texts: Iterable[str], draft: Draft, field: str) -> tuple[str, ...]:
    types = set()
    for index, text in enumerate(texts):
        if ";" in text:
            message = (
                f"{shorten(text)}: parameters are not compared: write {shorten(text.partition(';')[0].strip())}"
            )
            draft.refuse(f"{field}[{index}]", message, Reason.UNSUPPORTED)
        elif not _MEDIA_TYPE.fullmatch(text.strip()):
            draft.refuse(f"{field}[{index}]", f"not a media type: {shorten(text)}")
        else:
            types.add(text.strip().lower())
    check_length(draft, field, *types)
    return tuple(sorted(types))
