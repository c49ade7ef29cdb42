"""Filters of HTTPRoute and GRPCRoute: headers, redirections, rewriting, copies, deadlines, answers in place of
backends that do not exist."""

import re
from dataclasses import replace
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final

from hearthgate.ingress.envoy.match_path import whole_path, wire_path
from hearthgate.ingress.envoy.messages import duration, literal, make
from hearthgate.ingress.envoy.middlewares import cel
from hearthgate.ingress.envoy.middlewares.lane import Lane, Path, Refusal, Rewrite, Steps
from hearthgate.ingress.envoy.middlewares.mutations import (
    add_format,
    filter_config,
    mutation,
    remove,
    set_format,
    set_text,
)
from hearthgate.ingress.middlewares.gateway import (
    Deadline,
    FixedAnswer,
    HeaderChanges,
    PathChange,
    RequestMirror,
    RouteRedirect,
    URLRewrite,
)
from hearthgate.ingress.middlewares.redirects import DEFAULT_PORTS

WHOLE: Final = 1_000_000
_FORWARDED_FOR: Final = "x-forwarded-for"
_HOST: Final = r"(?:\[[^\]]*\]|[^:]*)"


def header_changes(middleware: HeaderChanges, lane: Lane) -> Steps | Refusal:
    through = lane.through(*_header_filters(middleware))
    if middleware.response:
        return (through,)
    added = {name for name, _ in middleware.add}
    known: dict[str, str | None] = {**lane.headers, **dict(middleware.set), **dict.fromkeys(middleware.remove)}
    hides = _FORWARDED_FOR in middleware.remove or (
        lane.hides_client and _FORWARDED_FOR not in dict(middleware.set)
    )
    return (
        replace(
            through,
            host=middleware.host or lane.host,
            headers={name: value for name, value in known.items() if name not in added},
            changed=(lane.changed - dict(middleware.set).keys() - set(middleware.remove)) | added,
            hides_client=hides,
        ),
    )


@lru_cache(maxsize=4096)
def _header_filters(middleware: HeaderChanges) -> tuple[Any, ...]:
    changes = [
        *(set_text(name, value) for name, value in middleware.set),
        *(add_format(name, literal(value)) for name, value in middleware.add),
        *(remove(name) for name in middleware.remove),
    ]
    if not changes:
        return ()
    return (mutation(response=changes) if middleware.response else mutation(request=changes),)


def route_redirect(middleware: RouteRedirect, lane: Lane) -> Steps | Refusal:
    location = mutation(response=[set_format("location", _location(middleware, lane))])
    return (lane.answer(middleware.status, HTTPStatus(middleware.status).phrase, location),)


def _location(middleware: RouteRedirect, lane: Lane) -> str:
    scheme = middleware.scheme or _own_scheme(lane)
    if middleware.host:
        host = literal(middleware.host)
    elif lane.host:
        host = literal(lane.host.rpartition(":")[0] if _has_port(lane.host) else lane.host)
    else:
        host = cel.command(_part_of_host(1))
    return f"{scheme}://{host}{_port(middleware, lane)}{_new_target(middleware.path, lane)}"


def _own_scheme(lane: Lane) -> str:
    return "%REQ(X-FORWARDED-PROTO)%" if lane.scope.forwarded_trusted else lane.scope.scheme


def _port(middleware: RouteRedirect, lane: Lane) -> str:
    """With its colon. The request's own one is kept where neither scheme nor port is asked for: behind a port
    mapping, that of the listener (which the specification names) would lead nowhere."""
    if middleware.port:
        redundant = DEFAULT_PORTS.get(middleware.scheme or lane.scope.scheme) == str(middleware.port)
        return "" if redundant else f":{middleware.port}"
    if middleware.scheme:
        return ""
    return cel.command(_part_of_host(2))


def _part_of_host(group: int) -> str:
    return cel.extract(cel.HOST, rf"^({_HOST})(:[0-9]*)?$", rf"\{group}")


def _has_port(host: str) -> bool:
    return re.search(r":[0-9]+$", host) is not None


def _new_target(change: PathChange | None, lane: Lane) -> str:
    """The format string of path and query."""
    if change is None:
        return lane.path.target
    path = _changed(change, lane.path)
    shown = literal(path.constant) if path.constant is not None else cel.command(path.expression)
    return shown + cel.command(cel.query())


def url_rewrite(middleware: URLRewrite, lane: Lane) -> Steps | Refusal:
    path = lane.path if middleware.path is None else _changed(middleware.path, lane.path)
    return (replace(lane, host=middleware.host or lane.host, path=path),)


def _changed(change: PathChange, path: Path) -> Path:
    if change.full is not None:
        return Path(expression=cel.quote(change.full), constant=change.full)
    pattern, substitution = _prefix_rewrite(change)
    if path.constant is not None:
        text = re.sub(pattern, lambda found: _substituted(substitution, found), path.constant, count=1)
        return Path(expression=cel.quote(text), constant=text)
    expression = cel.extract(path.expression, pattern, substitution)
    if path.is_original:
        return Path(expression=expression, rewrite=Rewrite(pattern, substitution))
    # A middleware before it changed the path: it may no longer start with what the rule asked for.
    return Path(expression=cel.either(cel.matches(path.expression, pattern), expression, path.expression))


def _prefix_rewrite(change: PathChange) -> tuple[str, str]:
    """Pattern and RE2 substitution of the path. Whole segments only: `/foo` is no prefix of `/foobar`."""
    prefix = whole_path(wire_path(change.prefix)) if change.prefix else ""
    replacement = change.replacement.replace("\\", "\\\\")
    if not replacement:
        return rf"^{prefix}(?:/+(.*))?$", r"/\1"
    return (rf"^{prefix}(/.*)?$" if prefix else "^(/.*)$"), rf"{replacement}\1"


def _substituted(substitution: str, found: re.Match[str]) -> str:
    return substitution.replace("\\1", found[1] or "").replace("\\\\", "\\")


def request_mirror(middleware: RequestMirror, lane: Lane) -> Steps | Refusal:
    cluster = lane.upstream(middleware.balancer)
    if cluster is None:
        return Refusal("the backend that gets the copies cannot be served")
    share = {"numerator": middleware.millionths, "denominator": "MILLION"}
    policy = {
        "cluster": cluster,
        "disable_shadow_host_suffix_append": True,
        "runtime_fraction": {"default_value": share},
    }
    return (_with_action(lane, make("envoy.config.route.v3.RouteAction", request_mirror_policies=[policy])),)


def deadline(middleware: Deadline, lane: Lane) -> Steps | Refusal:
    action = make("envoy.config.route.v3.RouteAction", timeout=duration(middleware.seconds))
    return (_with_action(lane, action),)


def fixed_answer(middleware: FixedAnswer, lane: Lane) -> Steps | Refusal:
    if middleware.millionths >= WHOLE:
        return (lane.answer(middleware.status, HTTPStatus(middleware.status).phrase),)
    return (replace(lane.through(_fault(middleware)), replies=True),)


@lru_cache(maxsize=1024)
def _fault(middleware: FixedAnswer) -> Any:
    return filter_config(
        "hearthgate.fault",
        "envoy.extensions.filters.http.fault.v3.HTTPFault",
        abort={
            "http_status": middleware.status,
            "percentage": {"numerator": middleware.millionths, "denominator": "MILLION"},
        },
    )


def _with_action(lane: Lane, action: Any) -> Lane:
    """The lane with further settings of its RouteAction."""
    whole = make("envoy.config.route.v3.RouteAction")
    if lane.action is not None:
        whole.MergeFrom(lane.action)
    whole.MergeFrom(action)
    return replace(lane, action=whole)
