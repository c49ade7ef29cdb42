"""Request bodies: JSON, YAML or protobuf, as one JSON-like value."""

from typing import Any, Final

import msgspec
import yaml

from hearthgate.apiserver.errors import ApiError, bad_request
from hearthgate.apiserver.semantics.nesting import nests_deeper
from hearthgate.apiserver.web import protobuf

_JSON: Final = frozenset({"", "application/json", "application/octet-stream", "*/*"})
_MAX_DEPTH: Final = 100
_MAX_JSON_DEPTH: Final = 200
"""More than an object may have, for what clients send back goes deeper in managedFields."""
_YAML: Final = frozenset({"application/yaml", "application/x-yaml", "text/yaml"})


def decode_object(content_type: str, body: bytes) -> Any:
    """The value in the body of a write. Raises ApiError 400, or 415 for a media type that is not taken."""
    if content_type in _JSON:
        return decode_json(body)
    if content_type in _YAML:
        return decode_yaml(body)
    if content_type == protobuf.MEDIA_TYPE:
        return protobuf.decode_body(body)
    message = f"the body of the request was in an unknown format - {content_type} is not accepted: send JSON"
    raise ApiError(415, "UnsupportedMediaType", message)


def decode_json(body: bytes) -> Any:
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise bad_request(f"the body is not JSON: {error}") from error
    _check_depth(body, value)
    return value


def decode_yaml(body: bytes) -> Any:
    """JSON is tried first: it is what kubectl sends under YAML's name."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        pass
    else:
        _check_depth(body, value)
        return value
    try:
        _check_events(body)
        value = yaml.load(body, _Loader)  # noqa: S506 - a subclass of the safe loader
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise bad_request(f"the body is not YAML: {str(error)[:300]}") from error
    if isinstance(value, dict) and not _plain(value):
        raise bad_request("the YAML body has a key that is not a string")
    return value


def _check_depth(body: bytes, value: Any) -> None:
    """Counting the brackets spares most bodies the walk."""
    if body.count(b"{") + body.count(b"[") > _MAX_JSON_DEPTH and nests_deeper(value, _MAX_JSON_DEPTH):
        raise bad_request(f"the body is nested too deeply: at most {_MAX_JSON_DEPTH} levels")


class _Loader(yaml.CSafeLoader):
    """Times stay text, as JSON has no other form for them."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the shape that yaml wants
        letter: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for letter, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }


def _check_events(body: bytes) -> None:
    """Refuses aliases, a few of which could unfold to gigabytes, and nesting that would exhaust the stack."""
    depth = 0
    for event in yaml.parse(body, yaml.CSafeLoader):
        match event:
            case yaml.AliasEvent():
                raise yaml.YAMLError("aliases are not accepted in a request")
            case yaml.CollectionStartEvent():
                depth += 1
                if depth > _MAX_DEPTH:
                    raise yaml.YAMLError("it is nested too deeply")
            case yaml.CollectionEndEvent():
                depth -= 1


def _plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _plain(item) for key, item in value.items())
    return all(map(_plain, value)) if isinstance(value, list) else True
