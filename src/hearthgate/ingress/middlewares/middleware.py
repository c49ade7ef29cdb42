"""What all middlewares share."""

import msgspec


class Middleware(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One checked middleware. `name`: `namespace-name@kubernetescrd`, or `…@internal` for our own."""

    name: str
