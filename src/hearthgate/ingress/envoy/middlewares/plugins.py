"""Plugins that are built in: CrowdSec's bouncer as a script with a table, or as a question to the auth service.

The table is a file that the script reads, so that ten thousand decisions are neither sent to Envoy with every
change nor compared with one by one, requests wait for nobody, and all stays in force whichever of our processes
dies. Rejected: Envoy's RBAC, whose ranges stand in every route, and a question for each request.
"""

from dataclasses import replace
from functools import lru_cache
from typing import Any

from hearthgate.ingress.envoy.messages import CLIENT_IP
from hearthgate.ingress.envoy.middlewares.lane import Lane, Refusal, Steps
from hearthgate.ingress.envoy.middlewares.mutations import mutation, remove, set_format, set_text
from hearthgate.ingress.envoy.middlewares.scripts import script_filter
from hearthgate.ingress.envoy.middlewares.service import ask
from hearthgate.ingress.middlewares.counting import SOURCE_ABSENT, SOURCE_HEADER
from hearthgate.ingress.middlewares.plugins.crowdsec import Bouncer, Mode, Nothing
from hearthgate.ingress.middlewares.plugins.tables import live_question, table_name
from hearthgate.ingress.middlewares.ranges import joined, packed, span


def nothing(_: Nothing, lane: Lane) -> Steps | Refusal:
    return (lane,)


def bouncer(middleware: Bouncer, lane: Lane) -> Steps | Refusal:
    if middleware.client.header in lane.headers or middleware.client.header in lane.changed:
        return Refusal(
            f"it must see {middleware.client.header} before another middleware changes it: list this one first"
        )
    if middleware.mode is Mode.STREAM:
        return (replace(lane.through(_script(middleware, lane.folder)), replies=True),)
    return (replace(lane.through(*_questions(middleware)), replies=True),)


@lru_cache(maxsize=1024)
def _script(middleware: Bouncer, folder: str) -> Any:
    proxies = joined(map(span, middleware.client.proxies))
    refusal = middleware.refusal
    options = {
        "table": f"{folder}{table_name(middleware)}",
        "open": middleware.open_at_start or None,
        "header": middleware.client.header,
        "proxies4": packed(proxies.v4, 4).hex() or None,
        "proxies6": packed(proxies.v6, 16).hex() or None,
        "status": refusal.status,
        "page": refusal.page or None,
        "content_type": refusal.content_type if refusal.page else None,
        "mark": refusal.header or None,
    }
    return script_filter("refuse_addresses", options)


@lru_cache(maxsize=1024)
def _questions(middleware: Bouncer) -> tuple[Any, ...]:
    peer = f"%FILTER_STATE({CLIENT_IP}:PLAIN)%"
    note = mutation(request=[set_text(SOURCE_HEADER, SOURCE_ABSENT), set_format(SOURCE_HEADER, peer)])
    told = (middleware.refusal.header,) if middleware.refusal.header else ()
    question = ask(live_question(middleware), (SOURCE_HEADER, middleware.client.header), told=told)
    return note, question, mutation(request=[remove(SOURCE_HEADER)])
