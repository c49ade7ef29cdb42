"""redirectScheme as routes that answer, redirectRegex as a filter.

redirectScheme's decision needs only the scheme and the port, which route conditions can see. redirectRegex goes
on when the result is the URL that was asked for, and no condition can compare the two: an expression computes the
result, and a few lines of Lua, one program for all routes, compare and answer.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final

from hearthgate.ingress.envoy.messages import literal
from hearthgate.ingress.envoy.middlewares import cel
from hearthgate.ingress.envoy.middlewares.conditions import differs, is_value, matches
from hearthgate.ingress.envoy.middlewares.lane import FORWARDED_PROTO, Branch, Lane, Refusal, Steps
from hearthgate.ingress.envoy.middlewares.mutations import filter_config, mutation, remove, set_format
from hearthgate.ingress.middlewares.redirects import DEFAULT_PORTS, RedirectRegex, RedirectScheme
from hearthgate.ingress.middlewares.regexes import Template

_HOST: Final = r"(?:\[[^\]]*\]|[^:]*)"
_MEANT: Final = {"http": "http", "ws": "http", "https": "https", "wss": "https"}
_URL: Final = "x-hg-url"
_LOCATION: Final = "x-hg-location"

_SCRIPT: Final = """\
local TEXTS = {["301"] = "Moved Permanently", ["302"] = "Found",
               ["307"] = "Temporary Redirect", ["308"] = "Permanent Redirect"}

function envoy_on_request(handle)
  local headers = handle:headers()
  local location, url = headers:get("x-hg-location"), headers:get("x-hg-url")
  headers:remove("x-hg-location")
  headers:remove("x-hg-url")
  if location == nil or location == url then
    return
  end
  local get = headers:get(":method") == "GET"
  local status
  if handle:filterContext():get("permanent") then
    status = get and "301" or "308"
  else
    status = get and "302" or "307"
  end
  handle:respond({[":status"] = status, ["location"] = location}, TEXTS[status])
end
"""


def redirect_scheme(middleware: RedirectScheme, lane: Lane) -> Steps | Refusal:
    if FORWARDED_PROTO in lane.changed:
        return Refusal("an earlier middleware puts a user's name into X-Forwarded-Proto: use another header")
    branches = tuple(_scheme_branches(middleware, lane))
    takes_all = bool(branches) and len(branches[-1].conditions) == len(lane.conditions)
    return branches if takes_all else (*branches, lane)


def _scheme_branches(middleware: RedirectScheme, lane: Lane) -> Iterator[Branch]:
    for scheme, part in _by_scheme(lane):
        if middleware.scheme != scheme:
            yield from _moved(middleware, part)
        elif not lane.host:
            settled = differs(":authority", _port_pattern(middleware))
            yield from _moved(middleware, part.when(settled))
        elif _port(lane.host) not in (middleware.explicit_port, _redundant_port(middleware)):
            yield from _moved(middleware, part)


def _by_scheme(lane: Lane) -> Iterator[tuple[str, Lane]]:
    """The lane's requests by the scheme that they came by."""
    own = lane.scope.scheme
    if FORWARDED_PROTO in lane.headers:
        yield _MEANT.get((lane.headers[FORWARDED_PROTO] or "").lower(), own), lane
    elif not lane.scope.forwarded_trusted:
        yield own, lane
    else:
        other = "http" if lane.scope.tls else "https"
        pattern = "(?i:http|ws)" if lane.scope.tls else "(?i:https|wss)"
        yield other, lane.when(matches(FORWARDED_PROTO, pattern))
        yield own, lane.when(differs(FORWARDED_PROTO, pattern))


def _port_pattern(middleware: RedirectScheme) -> str:
    """What an authority looks like that is where the redirection leads."""
    if middleware.explicit_port:
        return f"{_HOST}:{middleware.explicit_port}"
    return f"{_HOST}(?::{_redundant_port(middleware)})?"


def _redundant_port(middleware: RedirectScheme) -> str:
    """The port that may stand in a URL or not, when the redirection leads to it."""
    return "" if middleware.explicit_port else DEFAULT_PORTS[middleware.scheme]


def _port(host: str) -> str:
    """The port of an authority, empty when it names none."""
    return host.rpartition("]")[2].partition(":")[2]


def _moved(middleware: RedirectScheme, lane: Lane) -> Iterator[Branch]:
    location = mutation(response=[set_format("location", _target(middleware, lane))])
    statuses = (301, 308) if middleware.permanent else (302, 307)
    for status, part in zip(statuses, (lane.when(is_value(":method", "GET")), lane), strict=True):
        yield part.answer(status, HTTPStatus(status).phrase, location)


def _target(middleware: RedirectScheme, lane: Lane) -> str:
    if lane.host:
        host = literal(lane.host.removesuffix(f":{_port(lane.host)}"))
    else:
        host = cel.command(cel.extract(cel.HOST, rf"^({_HOST})(?::.*)?$", r"\1"))
    port = f":{middleware.explicit_port}" if middleware.explicit_port else ""
    return f"{middleware.scheme}://{host}{port}{lane.path.target}"


def redirect_regex(middleware: RedirectRegex, lane: Lane) -> Steps | Refusal:
    host = literal(lane.host) if lane.host else "%REQ(:AUTHORITY)%"
    url = f"{lane.scope.scheme}://{host}{lane.path.target}"
    filters = _regex_filters(middleware.regex, middleware.replacement, middleware.permanent, url)
    return (replace(lane.through(*filters), replies=True),)


@lru_cache(maxsize=4096)
def _regex_filters(regex: str, replacement: Template, permanent: bool, url: str) -> tuple[Any, ...]:
    location = cel.command(cel.replace(cel.header(_URL), regex, replacement))
    compute = mutation(
        request=[remove(_URL), remove(_LOCATION), set_format(_URL, url), set_format(_LOCATION, location)]
    )
    answer = filter_config(
        "hearthgate.redirect",
        "envoy.extensions.filters.http.lua.v3.Lua",
        default_source_code={"inline_string": _SCRIPT},
        shared_vm_id="hearthgate.redirect",
        filter_context={"permanent": permanent},
    )
    return compute, answer
