"""Addresses of hosts, from this machine's resolver or from others that were named."""

import asyncio
import socket
from collections.abc import Sequence
from ipaddress import ip_address

from hearthgate.certificates.dns01.asking import Asker, read_server
from hearthgate.certificates.dns01.delegation import Resolvers, Unknown
from hearthgate.certificates.dns01.replies import addresses
from hearthgate.model.errors import Permanent


def is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


async def addresses_of(host: str, servers: Sequence[str] = ()) -> tuple[str, ...]:
    """IPv4 first. servers: `ip:port`, or URLs of DNS-over-HTTPS; none: this machine's. Raises OSError."""
    if is_address(host):
        return (host,)
    if not servers:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
        return tuple(dict.fromkeys(str(one[4][0]) for one in sorted(found, key=lambda one: one[0])))
    asker = Asker()
    try:
        resolvers = Resolvers(asker, [read_server(text) for text in servers])
        answers = await asyncio.gather(*(resolvers.answer(host, kind) for kind in ("A", "AAAA")))
    except (Unknown, Permanent) as error:
        raise OSError(f"{error}") from error
    finally:
        await asker.close()
    return tuple(address for answer, _ in answers for address in addresses(answer))
