"""Query parameters of the API, read as upstream reads them. Pure."""

from collections.abc import Mapping
from typing import Final

from hearthgate.apiserver.errors import bad_request
from hearthgate.apiserver.semantics.admission import FieldValidation
from hearthgate.apiserver.semantics.selection import Selection
from hearthgate.apiserver.verbs import Options
from hearthgate.apiserver.web.negotiate import Form
from hearthgate.apiserver.web.target import Target
from hearthgate.apiserver.web.watching import WatchOptions, parse_revision

Query = Mapping[str, str]

_MANAGER_LIMIT: Final = 128


def flag(query: Query, name: str) -> bool:
    """Anything but `false` and `0` is true: some clients send `True`."""
    return name in query and query[name].lower() not in {"false", "0"}


def number(query: Query, name: str) -> int | None:
    text = query.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise bad_request(f"{name}: invalid value {text[:40]!r}: must be a number")
    return int(text)


def write_options(query: Query, user_agent: str, subresource: str) -> Options:
    """Raises ApiError 400 for values that the API does not have."""
    try:
        validation = FieldValidation(query.get("fieldValidation") or FieldValidation.WARN)
    except ValueError as error:
        known = ", ".join(FieldValidation)
        raise bad_request(f"fieldValidation: unsupported value (supported: {known})") from error
    manager = query.get("fieldManager") or user_agent.partition("/")[0] or "unknown"
    if len(manager) > _MANAGER_LIMIT or not manager.isprintable():
        raise bad_request(f"fieldManager: at most {_MANAGER_LIMIT} printable characters")
    return Options(manager, validation, is_dry_run(query.get("dryRun", "")), subresource)


def is_dry_run(value: str) -> bool:
    if value not in {"", "All"}:
        raise bad_request("dryRun: unsupported value (supported: All)")
    return value == "All"


def selection(query: Query, target: Target) -> Selection:
    labels, fields = query.get("labelSelector", ""), query.get("fieldSelector", "")
    if target.name:
        fields = f"metadata.name={target.name}" + (f",{fields}" if fields else "")
    return Selection.parse(target.kind, target.namespace, labels, fields)


def watch_options(query: Query, form: Form) -> WatchOptions:
    revision = query.get("resourceVersion", "")
    match = query.get("resourceVersionMatch", "")
    initial = flag(query, "sendInitialEvents")
    if initial and match != "NotOlderThan":
        raise bad_request("sendInitialEvents needs resourceVersionMatch=NotOlderThan")
    timeout = number(query, "timeoutSeconds")
    start = None if revision in {"", "0"} else parse_revision(revision)
    bookmarks = flag(query, "allowWatchBookmarks")
    return WatchOptions(start, initial, bookmarks, timeout, form, include_object(query))


def include_object(query: Query) -> str:
    return query.get("includeObject") or "Metadata"
