"""basicAuth: Envoy's own filter where all hashes are {SHA}, else a question to the auth service."""

from dataclasses import replace
from functools import lru_cache
from typing import Any

from hearthgate.ingress.envoy.middlewares.lane import Lane, Refusal, Steps
from hearthgate.ingress.envoy.middlewares.mutations import filter_config, mutation, remove, remove_spellings
from hearthgate.ingress.envoy.middlewares.service import ask
from hearthgate.ingress.middlewares.credentials import BasicAuth
from hearthgate.ingress.middlewares.questions import is_answered_by_proxy, question


def basic_auth(middleware: BasicAuth, lane: Lane) -> Steps | Refusal:
    header = middleware.header_field
    # The client's copies go first: ours must be the only one.
    before = (mutation(request=[remove_spellings(header)]),) if header and header != "authorization" else ()
    if is_answered_by_proxy(middleware):
        lane = lane.through(*before, _own_filter(middleware))
    else:
        lane = lane.through(*before, ask(question(middleware), ("authorization",), header, names_user=True))
    if middleware.remove_header and header != "authorization":
        lane = lane.through(mutation(request=[remove("authorization")]))
    changed = lane.changed | {name for name in (header,) if name}
    headers = {name: value for name, value in lane.headers.items() if name != header}
    return (replace(lane, replies=True, changed=changed, headers=headers),)


@lru_cache(maxsize=4096)
def _own_filter(middleware: BasicAuth) -> Any:
    users = b"\n".join(user.name.encode() + b":" + user.hash.reveal() for user in middleware.users)
    return filter_config(
        "hearthgate.basic_auth",
        "envoy.extensions.filters.http.basic_auth.v3.BasicAuth",
        users={"inline_bytes": users},
        realm=middleware.realm,
        forward_username_header=middleware.header_field,
        emit_dynamic_metadata=True,  # for the access log
    )
