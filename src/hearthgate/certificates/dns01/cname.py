"""Where a proof is written when `cnameStrategy` is Follow: at the end of the CNAMEs of its name."""

from typing import Final

from hearthgate.certificates.dns01.delegation import Resolvers
from hearthgate.model.errors import Permanent

MOST_HOPS: Final = 8
"""As many as resolvers of CAs follow."""


async def target_of(name: str, resolvers: Resolvers, *, second: Resolvers | None = None) -> str:
    """The name itself when it has no CNAME. Raises Unknown when resolvers do not say, Permanent for a circle.

    second: asked when the first know of no CNAME: those of a home may answer for a zone of their own, in which
    nobody has repeated it.
    """
    found = await _followed(name, resolvers)
    if found == name and second is not None:
        found = await _followed(name, second)
    return found


async def _followed(name: str, resolvers: Resolvers) -> str:
    path = [name]
    while (target := await resolvers.alias_of(path[-1])) != path[-1]:
        if target in path:
            raise Permanent(f"the CNAMEs of {name} go in a circle: {' -> '.join([*path, target])}")
        path.append(target)
        if len(path) > MOST_HOPS:
            raise Permanent(f"{name} has more than {MOST_HOPS} CNAMEs in a row: {' -> '.join(path)}")
    return path[-1]
