"""digestAuth: a question to the auth service, which sees the method and the target that the client signed."""

from dataclasses import replace

from hearthgate.ingress.envoy.middlewares.lane import Lane, Refusal, Steps
from hearthgate.ingress.envoy.middlewares.mutations import mutation, remove, remove_spellings
from hearthgate.ingress.envoy.middlewares.service import ask
from hearthgate.ingress.middlewares.digest import DigestAuth
from hearthgate.ingress.middlewares.questions import question


def digest_auth(middleware: DigestAuth, lane: Lane) -> Steps | Refusal:
    header = middleware.header_field
    # The client's copies go first: the service's header must be the only one.
    before = (mutation(request=[remove_spellings(header)]),) if header and header != "authorization" else ()
    lane = lane.through(
        *before, ask(question(middleware), ("authorization",), header, with_target=True, names_user=True)
    )
    if middleware.remove_header and header != "authorization":
        lane = lane.through(mutation(request=[remove("authorization")]))
    changed = lane.changed | {name for name in (header,) if name}
    headers = {name: value for name, value in lane.headers.items() if name != header}
    return (replace(lane, replies=True, changed=changed, headers=headers),)
