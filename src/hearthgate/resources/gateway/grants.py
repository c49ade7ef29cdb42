"""ReferenceGrant: lets objects of other namespaces refer to those of its own."""

from typing import Annotated

import msgspec

from hearthgate.resources.gateway.references import ObjectName
from hearthgate.resources.meta import Resource, Strict


class GrantFrom(Strict, frozen=True, kw_only=True):
    """Who may refer.

    group: The API group of the objects that refer; empty for the core group.
    kind: Their kind.
    namespace: Their namespace.
    """

    group: str
    kind: str
    namespace: ObjectName


class GrantTo(Strict, frozen=True, kw_only=True):
    """What may be referred to.

    group: The API group; empty for the core group.
    kind: The kind.
    name: One object; without it all of the kind.
    """

    group: str
    kind: str
    name: ObjectName | None = None


class ReferenceGrantSpec(Strict, frozen=True, kw_only=True):
    """Each of `from` may refer to each of `to`.

    from: Who may refer.
    to: What may be referred to, in the grant's own namespace.
    """

    from_: Annotated[tuple[GrantFrom, ...], msgspec.Meta(min_length=1, max_length=16)] = msgspec.field(name="from")
    to: Annotated[tuple[GrantTo, ...], msgspec.Meta(min_length=1, max_length=16)]


class ReferenceGrant(Resource, frozen=True, kw_only=True):
    """Lets objects of other namespaces refer to those of this one.

    spec: Who to what.
    """

    spec: ReferenceGrantSpec
