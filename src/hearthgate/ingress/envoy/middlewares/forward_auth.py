"""forwardAuth: a script asks the server, so that a request may pass whether or not our own processes live.

Rejected: Envoy's `ext_authz`, which takes only 200 for a yes (oauth2-proxy says 202), answers errors itself,
cannot name cookies and does not know a sign-in page; and our auth service, which would carry every request.
"""

from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

from hearthgate.ingress.envoy.middlewares.lane import Lane, Refusal, Steps
from hearthgate.ingress.envoy.middlewares.mutations import filter_config, mutation, set_format
from hearthgate.ingress.envoy.middlewares.scripts import script_filter
from hearthgate.ingress.middlewares.forward_auth import ForwardAuth

URI_HEADER: Final = "x-hg-uri"
"""What scripts take for the path and query, where middlewares before them changed it."""
_SLACK: Final = 1 << 20
"""More than the limit is held, so that the script and not the proxy refuses a body of unknown length."""


def forward_auth(middleware: ForwardAuth, lane: Lane) -> Steps | Refusal:
    cluster = lane.upstream(middleware.balancer)
    if cluster is None:
        return Refusal(f"the server at {middleware.server.authority} cannot be asked")
    namespace = f"hearthgate.forward_auth.{len(lane.filters)}"
    filters = [*uri_filters(lane), _asking(middleware, cluster, namespace, lane.host, lane.scope.tls)]
    if middleware.response_pattern:
        filters += _taking_names(middleware.response_pattern, namespace)
    taken = frozenset(middleware.response_headers)
    pattern = "|".join(f"(?:{one})" for one in (lane.changed_pattern, _any_case(middleware)) if one)
    limit = middleware.max_body + _SLACK if middleware.max_body >= 0 else 0
    return (
        replace(
            lane,
            filters=(*lane.filters, *filters),
            replies=True,
            changed=lane.changed | taken,
            headers={name: value for name, value in lane.headers.items() if name not in taken},
            changed_pattern=pattern,
            body_limit=max(lane.body_limit, limit),
        ),
    )


def uri_filters(lane: Lane) -> tuple[Any, ...]:
    """A filter that tells scripts the path as the middlewares so far have left it; none where that is plain."""
    return () if lane.path.is_original else (_uri_filter(lane.path.target),)


@lru_cache(maxsize=1024)
def _uri_filter(target: str) -> Any:
    return mutation(request=[set_format(URI_HEADER, target)])


def _any_case(middleware: ForwardAuth) -> str:
    return f"(?i:{middleware.response_pattern})" if middleware.response_pattern else ""


@lru_cache(maxsize=4096)
def _asking(middleware: ForwardAuth, cluster: str, namespace: str, host: str, tls: bool) -> Any:
    server = middleware.server
    options: dict[str, Any] = {
        "cluster": cluster,
        "scheme": server.scheme,
        "authority": server.authority,
        "path": server.path,
        "namespace": namespace,
        "tls": tls,
        "host": host or None,
        "trust": middleware.trust.value,
        "request_headers": list(middleware.request_headers) or None,
        "response_headers": list(middleware.response_headers),
        "pattern": bool(middleware.response_pattern) or None,
        "cookies": list(middleware.cookies) or None,
        "user_header": middleware.user_header or None,
        "body": middleware.max_body >= 0 or None,
        "max_body": middleware.max_body,
        "max_response": middleware.max_response if middleware.max_response >= 0 else None,
        "keep_location": middleware.keep_location,
        "keep_method": middleware.keep_method,
        "sign_in": middleware.sign_in or None,
    }
    return script_filter("forward_auth", options)


@lru_cache(maxsize=1024)
def _taking_names(pattern: str, namespace: str) -> list[Any]:
    """Names of headers match in any case: they have none."""
    matcher = {"safe_regex": {"regex": f"(?s:.*?)(?i:{pattern})(?s:.*)"}}
    removal = filter_config(
        "hearthgate.headers",
        "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
        mutations={"request_mutations": [{"remove_on_match": {"key_matcher": matcher}}]},
    )
    return [removal, script_filter("forward_auth", {"namespace": namespace, "restore": True})]
