"""One page that lists what the API tells, for people. Pure: no script, nothing from elsewhere."""

from collections.abc import Iterator, Sequence
from html import escape

from hearthgate.ingress.observability.api.query import Item
from hearthgate.ingress.observability.api.views import views_of
from hearthgate.ingress.observability.facts import Facts
from hearthgate.ingress.settings import IngressSettings

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%;margin-bottom:2rem}"
    "td,th{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid #ccc}"
    "td{word-break:break-word}"
    ".disabled{color:#b00020}.warning{color:#8a5a00}.enabled{color:#1b6e2d}"
)


def page(facts: Facts, settings: IngressSettings, version: str) -> str:
    """The page as HTML. Every text of an object is escaped."""
    name = (settings.api.dashboard_name if settings.api is not None else "") or "Hearthgate"
    return "".join(_written(facts, name, version))


def _written(facts: Facts, name: str, version: str) -> Iterator[str]:
    shown = views_of(facts)
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width">'
    yield f"<title>{escape(name)}</title><style>{_STYLE}</style></head><body><h1>{escape(name)}</h1>"
    running = "the proxy runs this configuration" if facts.confirmed else "the proxy has not confirmed it yet"
    yield f"<p>Version {escape(version)}; {running}.</p>"
    yield from _table("HTTP routers", shown.routers, ("name", "rule", "entryPoints", "service"))
    yield from _table("HTTP services", shown.services, ("name", "type", "usedBy"))
    yield from _table("HTTP middlewares", shown.middlewares, ("name", "type", "usedBy"))
    yield from _table("TCP routers", shown.tcp_routers, ("name", "rule", "entryPoints", "service"))
    yield from _table("UDP routers", shown.udp_routers, ("name", "entryPoints", "service"))
    yield "</body></html>"


def _table(title: str, items: Sequence[Item], columns: tuple[str, ...]) -> Iterator[str]:
    if not items:
        return
    heads = "".join(f"<th>{escape(column)}</th>" for column in (*columns, "status"))
    yield f"<h2>{title} ({len(items)})</h2><table><thead><tr>{heads}</tr></thead><tbody>"
    for item in items:
        yield f"<tr>{''.join(f'<td>{escape(_text(item.get(column)))}</td>' for column in columns)}"
        status = str(item.get("status", ""))
        said = "; ".join((status, *item.get("error", ())))
        yield f'<td class="{escape(status)}">{escape(said)}</td></tr>'
    yield "</tbody></table>"


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value or "")
