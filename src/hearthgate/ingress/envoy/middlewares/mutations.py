"""Filters that change headers.

A filter's reply (a 401, a redirection) runs the response phase of the whole chain, of later filters too, while
upstream's middlewares see only answers from further inside. Where it matters, a filter marks on the request's
way that it was reached, and the response phase asks for the mark.
"""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from hearthgate.ingress.envoy.messages import APPEND, OVERWRITE, extension, header, literal, make
from hearthgate.ingress.envoy.middlewares import cel

_FILTERS = "envoy.extensions.filters.http."


class Change(NamedTuple):
    """A response header's new value: a text, or an expression (empty result = no change); neither = removed."""

    name: str
    text: str = ""
    expression: str = ""


def set_text(name: str, value: str) -> dict[str, Any]:
    return {"append": header(name, literal(value), OVERWRITE)}


def set_format(name: str, value: str) -> dict[str, Any]:
    """Sets a header to what a format string gives; nothing changes when that is empty."""
    return {"append": header(name, value, OVERWRITE)}


def add_format(name: str, value: str) -> dict[str, Any]:
    """Adds a line of a header beside those that are there."""
    return {"append": header(name, value, APPEND)}


def remove(name: str) -> dict[str, Any]:
    return {"remove": name}


def remove_spellings(name: str) -> dict[str, Any]:
    """Removes a header also where `_` stands for `-`: CGI and WSGI programs cannot tell the two apart.

    For headers that say who the client is, which a backend must not take from the client itself.
    """
    pattern = "[-_]".join(map(re.escape, re.split("[-_]", name)))
    return {"remove_on_match": {"key_matcher": {"safe_regex": {"regex": pattern}}}}


def mutation(*, request: Iterable[dict[str, Any]] = (), response: Iterable[dict[str, Any]] = ()) -> Any:
    """A filter with these mutations, in order."""
    return filter_config(
        "hearthgate.headers",
        f"{_FILTERS}header_mutation.v3.HeaderMutation",
        mutations={"request_mutations": list(request), "response_mutations": list(response)},
    )


def on_response(changes: Iterable[Change]) -> list[dict[str, Any]]:
    """The mutations of a filter that sees every answer."""
    return [_mutation(change.name, literal(change.text), change.expression) for change in changes]


def on_inner_response(changes: tuple[Change, ...], place: int) -> tuple[Any, list[dict[str, Any]]]:
    """A filter that leaves the mark, and mutations for answers from behind it. `place`: its own in the chain.

    Removals cannot ask for the mark and work on every answer.
    """
    namespace = f"hearthgate.reached.{place}"
    reached = f"({cel.quote(namespace)} in metadata.filter_metadata)"
    texts = {change.name: change.text for change in changes if change.text}
    mark = filter_config(
        "hearthgate.reached",
        f"{_FILTERS}set_metadata.v3.Config",
        metadata=[{"metadata_namespace": namespace, "value": texts or {"reached": "1"}}],
    )
    mutations = [
        _mutation(
            change.name,
            f"%DYNAMIC_METADATA({namespace}:{change.name})%" if change.text else "",
            cel.either(reached, change.expression, "''") if change.expression else "",
        )
        for change in changes
    ]
    return mark, mutations


def _mutation(name: str, text_format: str, expression: str) -> dict[str, Any]:
    if expression:
        return set_format(name, cel.command(expression))
    return set_format(name, text_format) if text_format else remove(name)


def filter_config(name: str, type_name: str, /, **fields: Any) -> Any:
    """A filter of a chain."""
    return make("envoy.config.core.v3.TypedExtensionConfig", **extension(name, type_name, **fields))
