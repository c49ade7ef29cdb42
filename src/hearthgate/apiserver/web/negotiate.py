"""Which form of the answer a client wants (Accept), as upstream's `as=` parameters say it. Pure."""

from enum import StrEnum
from typing import NamedTuple

from hearthgate.apiserver.errors import ApiError


class Form(StrEnum):
    """How objects are sent."""

    OBJECT = ""
    TABLE = "Table"
    PARTIAL = "PartialObjectMetadata"
    PARTIAL_LIST = "PartialObjectMetadataList"


class MediaRange(NamedTuple):
    type: str
    parameters: dict[str, str]


def media_ranges(accept: str) -> list[MediaRange]:
    """The ranges of an Accept header in the order of preference: by `q`, then as written (RFC 9110 12.5.1)."""
    ranges = []
    for index, part in enumerate(accept.split(",")):
        kind, *parameters = (piece.strip() for piece in part.split(";"))
        if kind:
            pairs = (parameter.partition("=") for parameter in parameters)
            named = {key.strip().lower(): value.strip() for key, _, value in pairs}
            ranges.append((-_weight(named.get("q", "1")), index, MediaRange(kind.lower(), named)))
    return [media for weight, _, media in sorted(ranges, key=lambda item: item[:2]) if weight < 0]


def wanted_form(accept: str) -> Form:
    """Raises ApiError 406 when the client takes nothing that can be sent."""
    if not accept.strip():
        return Form.OBJECT
    for media in media_ranges(accept):
        if media.type not in {"application/json", "application/*", "*/*"}:
            continue
        asked = media.parameters.get("as", "")
        if not asked:
            return Form.OBJECT
        version_known = media.parameters.get("v", "v1") in {"v1", "v1beta1"}
        if asked in set(Form) and version_known and media.parameters.get("g", "meta.k8s.io") == "meta.k8s.io":
            return Form(asked)
    message = "only the following media types are accepted: application/json"
    raise ApiError(406, "NotAcceptable", message)


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 1.0
