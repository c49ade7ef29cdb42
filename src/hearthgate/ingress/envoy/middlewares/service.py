"""Questions to the auth service: filters that let a request pass only when it says so. No answer, no passage."""

from functools import lru_cache
from typing import Any, Final

from hearthgate.ingress.envoy.messages import duration
from hearthgate.ingress.envoy.middlewares.mutations import filter_config

AUTH_CLUSTER: Final = "hearthgate-auth"
USER_HEADER: Final = "x-hg-user"
"""Of an answer: whose password it was. Never goes on to the backend."""
_TIMEOUT: Final = 10.0
"""Several bcrypt checks may stand in line before this one."""


@lru_cache(maxsize=4096)
def ask(
    path: str,
    shown: tuple[str, ...],
    taken: str = "",
    *,
    also_taken: tuple[str, ...] = (),
    told: tuple[str, ...] = (),
    told_on_success: tuple[str, ...] = (),
    with_target: bool = False,
    names_user: bool = False,
) -> Any:
    """The filter. path: the question. shown: request headers that the service sees. taken: the header of its
    answer that goes on to the backend, also_taken: more of them. told: those that a refused client gets beside
    the usual ones, told_on_success: those that one gets who may pass.
    with_target: path and query of the request follow the question. names_user: whether the answer says who it is,
    for the access log."""
    response: dict[str, Any] = {"allowed_client_headers": _exactly("www-authenticate", "content-type", *told)}
    if taken or also_taken:
        response["allowed_upstream_headers"] = _exactly(*filter(None, (taken, *also_taken)))
    if told_on_success:
        response["allowed_client_headers_on_success"] = _exactly(*told_on_success)
    if names_user:
        response["dynamic_metadata_from_headers"] = _exactly(USER_HEADER)
    return filter_config(
        "hearthgate.auth",
        "envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
        http_service={
            "server_uri": {
                "uri": f"http://{AUTH_CLUSTER}",
                "cluster": AUTH_CLUSTER,
                "timeout": duration(_TIMEOUT),
            },
            ("path_prefix" if with_target else "path_override"): path,
            "authorization_response": response,
        },
        allowed_headers=_exactly(*shown),
        status_on_error={"code": "ServiceUnavailable"},
        failure_mode_allow=False,
    )


def _exactly(*names: str) -> dict[str, Any]:
    return {"patterns": [{"exact": name, "ignore_case": True} for name in names]}
