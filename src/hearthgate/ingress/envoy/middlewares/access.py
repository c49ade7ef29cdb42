"""ipAllowList: by the peer's address as a route condition, by X-Forwarded-For as a question to the auth service.

The condition is that the address is allowed: were it missing, everybody would be refused.
"""

from dataclasses import replace
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from hearthgate.ingress.envoy.messages import CLIENT_IP, cidr, make
from hearthgate.ingress.envoy.middlewares.lane import Lane, Refusal, Steps
from hearthgate.ingress.envoy.middlewares.service import ask
from hearthgate.ingress.middlewares.access import IPAllowList
from hearthgate.ingress.middlewares.questions import question


def ip_allow_list(middleware: IPAllowList, lane: Lane) -> Steps | Refusal:
    if middleware.strategy is not None:
        asked = lane.through(ask(question(middleware), ("x-forwarded-for",)))
        return (replace(asked, replies=True),)
    refused = lane.answer(middleware.status, HTTPStatus(middleware.status).phrase)
    if not middleware.ranges:
        return (refused,)
    allowed = replace(lane, filter_state=(*lane.filter_state, _from(middleware.ranges)))
    return (allowed, refused)


@lru_cache(maxsize=4096)
def _from(ranges: tuple[str, ...]) -> Any:
    address = {"ranges": [cidr(network) for network in ranges]}
    return make("envoy.type.matcher.v3.FilterStateMatcher", key=CLIENT_IP, address_match=address)
