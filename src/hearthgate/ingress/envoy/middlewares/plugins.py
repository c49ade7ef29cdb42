"""Plugins that are built in: one script that answers clients by their addresses, and a question to our service.

Decisions of CrowdSec and countries are files that the script reads, so that ten thousand of them are neither sent
to Envoy with every change nor compared with one by one, requests wait for nobody, and all stays in force whichever
of our processes dies. Rejected: Envoy's RBAC, whose ranges stand in every route; its geoip filter, which refuses
the whole table of routes when a file is missing; and a question for each request.
"""

from dataclasses import replace
from functools import lru_cache
from typing import Any

from hearthgate.ingress.envoy.messages import CLIENT_IP
from hearthgate.ingress.envoy.middlewares.lane import Lane, Refusal, Steps
from hearthgate.ingress.envoy.middlewares.mutations import (
    mutation,
    remove,
    remove_spellings,
    set_format,
    set_text,
)
from hearthgate.ingress.envoy.middlewares.scripts import script_filter
from hearthgate.ingress.envoy.middlewares.service import ask
from hearthgate.ingress.middlewares.counting import SOURCE_ABSENT, SOURCE_HEADER
from hearthgate.ingress.middlewares.plugins.answers import ClientAddress, FixedAnswer
from hearthgate.ingress.middlewares.plugins.cloudflare import RealAddress
from hearthgate.ingress.middlewares.plugins.crowdsec import Bouncer, Mode
from hearthgate.ingress.middlewares.plugins.geoblock import GeoBlock
from hearthgate.ingress.middlewares.plugins.maintenance import Fixed
from hearthgate.ingress.middlewares.plugins.nothing import Nothing
from hearthgate.ingress.middlewares.plugins.oidc import USER_HEADERS, Oidc, oidc_question
from hearthgate.ingress.middlewares.plugins.tables import geo_table_name, live_question, table_name
from hearthgate.ingress.middlewares.ranges import EVERYBODY, Ranges, joined, packed, span, without

_SCRIPT = "addresses"
_FORBIDDEN = 403


def nothing(_: Nothing, lane: Lane) -> Steps | Refusal:
    return (lane,)


def bouncer(middleware: Bouncer, lane: Lane) -> Steps | Refusal:
    if middleware.mode is not Mode.STREAM:
        return (replace(lane.through(*_questions(middleware)), replies=True),)
    table = f"{lane.folder}{table_name(middleware)}"
    return _answering(lane, _by_table(table, middleware.client, middleware.refusal, middleware.open_at_start))


def geoblock(middleware: GeoBlock, lane: Lane) -> Steps | Refusal:
    table = f"{lane.folder}{geo_table_name(middleware)}"
    return _answering(lane, _by_table(table, middleware.client, middleware.answer, False))


def fixed(middleware: Fixed, lane: Lane) -> Steps | Refusal:
    return _answering(lane, _fixed(middleware))


def real_address(middleware: RealAddress, lane: Lane) -> Steps | Refusal:
    names = {"x-forwarded-for", "x-real-ip", "cf-connecting-ip"}
    kept = {name: value for name, value in lane.headers.items() if name not in names}
    told = replace(lane, changed=lane.changed | names, headers=kept)
    return (replace(told.through(_real_address(middleware)), replies=lane.replies or middleware.only),)


def _answering(lane: Lane, filter_: Any) -> Steps:
    return (replace(lane.through(filter_), replies=True),)


@lru_cache(maxsize=1024)
def _by_table(table: str, client: ClientAddress, answer: FixedAnswer, is_open: bool) -> Any:
    options = {"table": table, "open": is_open or None, **_client(client), **_answer(answer)}
    return script_filter(_SCRIPT, options)


@lru_cache(maxsize=1024)
def _fixed(middleware: Fixed) -> Any:
    if not middleware.spared:
        return script_filter(_SCRIPT, {"all": True, **_answer(middleware.answer)})
    meant = without(EVERYBODY, joined(map(span, middleware.spared)))
    options = {**_networks("ranges", meant), **_client(middleware.client), **_answer(middleware.answer)}
    return script_filter(_SCRIPT, options)


@lru_cache(maxsize=1024)
def _real_address(middleware: RealAddress) -> Any:
    proxies = joined(map(span, middleware.proxies))
    options = {"real_ip": True, "only": middleware.only or None, **_networks("proxies", proxies)}
    return script_filter(_SCRIPT, {**options, **_answer(FixedAnswer(status=_FORBIDDEN))})


def _client(client: ClientAddress) -> dict[str, Any]:
    return {"header": client.header, **_networks("proxies", joined(map(span, client.proxies)))}


def _networks(name: str, ranges: Ranges) -> dict[str, Any]:
    return {f"{name}4": packed(ranges.v4, 4).hex() or None, f"{name}6": packed(ranges.v6, 16).hex() or None}


def _answer(answer: FixedAnswer) -> dict[str, Any]:
    return {
        "status": answer.status,
        "page": answer.page or None,
        "headers": dict(answer.all_headers) or None,
    }


def oidc(middleware: Oidc, lane: Lane) -> Steps | Refusal:
    kept = {name: value for name, value in lane.headers.items() if name not in USER_HEADERS}
    return (
        replace(
            lane.through(*_login(middleware)),
            replies=True,
            changed=lane.changed | frozenset(USER_HEADERS),
            headers=kept,
        ),
    )


@lru_cache(maxsize=1024)
def _login(middleware: Oidc) -> tuple[Any, ...]:
    """The client's own copies of what is said about users go first."""
    question = ask(
        oidc_question(middleware),
        ("cookie", "accept", "x-forwarded-proto"),
        told=("location", "set-cookie", "cache-control"),
        also_taken=USER_HEADERS,
        told_on_success=("set-cookie",),
        with_target=True,
        names_user=True,
    )
    return mutation(request=map(remove_spellings, USER_HEADERS)), question


@lru_cache(maxsize=1024)
def _questions(middleware: Bouncer) -> tuple[Any, ...]:
    peer = f"%FILTER_STATE({CLIENT_IP}:PLAIN)%"
    note = mutation(request=[set_text(SOURCE_HEADER, SOURCE_ABSENT), set_format(SOURCE_HEADER, peer)])
    told = tuple(name for name, _ in middleware.refusal.headers)
    question = ask(live_question(middleware), (SOURCE_HEADER, middleware.client.header), told=told)
    return note, question, mutation(request=[remove(SOURCE_HEADER)])
