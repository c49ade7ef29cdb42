"""compress: one compressor filter per encoding, which share the choice.

Envoy takes the encoding with the highest weight and, among equals, the one that the client names first; upstream
the one that the configuration names first. So Accept-Encoding is narrowed to the preferred encoding while the
filters look at it, and put back behind them.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

from hearthgate.ingress.envoy.messages import extension, wrapped
from hearthgate.ingress.envoy.middlewares import cel
from hearthgate.ingress.envoy.middlewares.lane import Lane, Refusal, Steps
from hearthgate.ingress.envoy.middlewares.mutations import filter_config, mutation, remove, set_format
from hearthgate.ingress.middlewares.compress import Compress

_ACCEPT: Final = "accept-encoding"
_KEPT: Final = "x-hg-accept-encoding"
_GRPC: Final = "application/grpc"
_COMPRESSION: Final = "envoy.extensions.compression."
_LIBRARIES: Final = {
    "gzip": f"{_COMPRESSION}gzip.compressor.v3.Gzip",
    "br": f"{_COMPRESSION}brotli.compressor.v3.Brotli",
    "zstd": f"{_COMPRESSION}zstd.compressor.v3.Zstd",
}


def compress(middleware: Compress, lane: Lane) -> Steps | Refusal:
    return (lane.through(*_filters(middleware)),)


@lru_cache(maxsize=1024)
def _filters(middleware: Compress) -> tuple[Any, ...]:
    encodings = middleware.encodings
    if middleware.default_encoding and middleware.default_encoding not in encodings:
        encodings = (*encodings, middleware.default_encoding)
    compressors = [_compressor(name, middleware, first=name == encodings[0]) for name in encodings]
    narrow = mutation(
        request=[
            remove(_KEPT),
            set_format(_KEPT, f"%REQ({_ACCEPT})%"),
            set_format(_ACCEPT, cel.command(_narrowed(middleware))),
        ]
    )
    restore = mutation(request=[remove(_ACCEPT), set_format(_ACCEPT, f"%REQ({_KEPT})%"), remove(_KEPT)])
    return (narrow, *compressors, restore)


def _narrowed(middleware: Compress) -> str:
    """What the compressors shall take for the client's Accept-Encoding."""
    accepted = cel.header(_ACCEPT)
    choice = accepted
    for encoding in reversed(middleware.encodings):
        # Full weight: nothing can be preferred to it, so that only the order of the configuration counts.
        wanted = rf"(?i)(?:^|,)\s*{encoding}\s*(?:;\s*q=1(?:\.0*)?\s*)?(?:,|$)"
        choice = cel.either(cel.matches(accepted, wanted), cel.quote(encoding), choice)
    if middleware.default_encoding not in ("", *middleware.encodings):
        # It serves the silent alone: who asks for it by name does not get it.
        unlisted = rf"(?i)(?:^|,)\s*(?:{middleware.default_encoding}|\*)"
        choice = cel.either(cel.matches(choice, unlisted), "'identity'", choice)
    silent = cel.quote(middleware.default_encoding or "identity")
    choice = cel.either(cel.has_header(_ACCEPT), choice, silent)
    kind = cel.matches(cel.header("content-type"), _refused_request(middleware))
    return cel.either(f"{cel.has_header('content-type')} && {kind}", "'identity'", choice)


def _refused_request(middleware: Compress) -> str:
    """Request media types whose answers stay as they are."""
    types = "|".join(re.escape(name) for name in sorted({_GRPC, *middleware.excluded}))
    return rf"(?i)^\s*(?:{types})\s*(?:;|$)"


def _compressor(encoding: str, middleware: Compress, *, first: bool) -> Any:
    common = {"min_content_length": wrapped(middleware.min_bytes), "content_type_matcher": _types(middleware)}
    return filter_config(
        f"hearthgate.compress.{encoding}",
        "envoy.extensions.filters.http.compressor.v3.Compressor",
        compressor_library=extension(encoding, _LIBRARIES[encoding]),
        choose_first=first,
        response_direction_config={"common_config": common, "weaken_etag_on_compress": True},
    )


def _types(middleware: Compress) -> list[dict[str, Any]]:
    """Matchers of the media types, without parameters, of answers to compress."""
    if middleware.included:
        return [{"exact": name, "ignore_case": True} for name in middleware.included]
    return [{"safe_regex": {"regex": f"(?s:{all_except({_GRPC, *middleware.excluded})})"}}]


def all_except(words: Iterable[str]) -> str:
    """A pattern (without line breaks) that matches exactly the texts that are none of `words`, case aside.

    RE2 knows no negation, so it is written out: at every letter of a word, another letter, or too early an end.
    """
    tails: dict[str, set[str]] = {}
    ends = False
    for word in words:
        if word:
            tails.setdefault(word[0].lower(), set()).add(word[1:])
        else:
            ends = True
    letters = "".join(_class_member(letter) for letter in sorted(tails))
    parts = [f"[^{letters}].*" if letters else ".+"]
    parts += [f"{_either_case(letter)}(?:{all_except(tails[letter])})" for letter in sorted(tails)]
    return "|".join(parts if ends else ["", *parts])


def _class_member(letter: str) -> str:
    return "".join(f"\\x{{{ord(one):x}}}" for one in sorted({letter.lower(), letter.upper()}))


def _either_case(letter: str) -> str:
    return f"[{_class_member(letter)}]"
