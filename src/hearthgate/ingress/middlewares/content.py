"""contentType and grpcWeb (traefik.io Middleware)."""

import re
from typing import Final

from hearthgate.ingress.middlewares.draft import Draft
from hearthgate.ingress.middlewares.middleware import Middleware
from hearthgate.model.problems import shorten
from hearthgate.resources.traefik import middleware as spec

_ORIGIN: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/?#]+", re.IGNORECASE)


class ContentType(Middleware, frozen=True, kw_only=True):
    """Guesses the type of answers that have none."""


class GrpcWeb(Middleware, frozen=True, kw_only=True):
    """origins: whose pages may ask; `*` stands for all."""

    origins: tuple[str, ...] = ()


def content_type(_: spec.ContentType, draft: Draft) -> ContentType:
    return ContentType(name=draft.name)


def grpc_web(options: spec.GrpcWeb, draft: Draft) -> GrpcWeb:
    for index, origin in enumerate(options.allow_origins):
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            message = f"not an origin: {shorten(origin)} (https://example.com, or *)"
            draft.refuse(f"allowOrigins[{index}]", message)
    return GrpcWeb(name=draft.name, origins=tuple(dict.fromkeys(options.allow_origins)))
