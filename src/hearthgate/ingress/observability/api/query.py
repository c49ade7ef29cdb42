"""Search, order and pages of lists, as upstream's API understands them in the query of a URL. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

Item = Mapping[str, Any]
"""One router, service or middleware as JSON shows it."""
PER_PAGE: Final = 100


class QueryError(ValueError):
    """What is asked for is not there to be given."""


class Page(NamedTuple):
    """next: the page after this one; 1 on the last."""

    items: Sequence[Item]
    next: int


def chosen(items: Sequence[Item], query: Mapping[str, str]) -> Page:
    """The page that a query asks for. Raises QueryError."""
    found = [item for item in items if _matches(item, query)]
    return _page(_sorted(found, query.get("sortBy", "name"), query.get("direction", "asc")), query)


def _matches(item: Item, query: Mapping[str, str]) -> bool:
    search, status = query.get("search", "").lower(), query.get("status", "").lower()
    service, middleware = query.get("serviceName", ""), query.get("middlewareName", "")
    if status and str(item.get("status", "")).lower() != status:
        return False
    if service and item.get("service") != service:
        return False
    if middleware and middleware not in item.get("middlewares", ()):
        return False
    texts = [str(item.get(key, "")) for key in ("name", "rule", "service")] if search else []
    return not search or any(search in text.lower() for text in texts)


def _sorted(items: list[Item], by: str, direction: str) -> list[Item]:
    def value(item: Item) -> tuple[Any, ...]:
        if by == "priority":
            return (int(item.get("priority", 0)),)
        if by == "servers":
            return (len(item.get("loadBalancer", {}).get("servers", ())),)
        said = item.get(by, "")
        return (",".join(said) if isinstance(said, list) else str(said),)

    return sorted(items, key=lambda item: (*value(item), item["name"]), reverse=direction == "desc")


def _page(items: Sequence[Item], query: Mapping[str, str]) -> Page:
    page, size = _number(query, "page", 1), _number(query, "per_page", PER_PAGE)
    first = (page - 1) * size
    if first and first >= len(items):
        raise QueryError(f"invalid request: page: {page}, per_page: {size}")
    return Page(items[first : first + size], page + 1 if first + size < len(items) else 1)


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or not int(text[:9]) > 0:
        raise QueryError(f"invalid request: {name}: {text[:20]}")
    return int(text[:9])
