"""Settings of public zones."""

import ipaddress
from collections.abc import Iterator
from typing import Literal

from hearthgate.dns.names.hints import is_host
from hearthgate.dns.names.model import Address
from hearthgate.dns.nameserver.settings import Mistake, read_place
from hearthgate.model.problems import Reason, shorten
from hearthgate.resources.meta import Strict


class TokenRef(Strict, frozen=True, kw_only=True):
    """A key of a Secret. namespace: empty for that of our Pods."""

    name: str
    key: str = "api-token"
    namespace: str = ""


class DynamicServer(Strict, frozen=True, kw_only=True):
    """A name server that takes dynamic updates (RFC 2136) and hands out the zone (AXFR).

    server: its address, with a port if it is not 53.
    tsig_key_name, tsig_secret_secret_ref, tsig_algorithm: the key; without a name nothing is signed.
    """

    server: str
    tsig_key_name: str = ""
    tsig_secret_secret_ref: TokenRef | None = None
    tsig_algorithm: Literal["hmac-sha256", "hmac-sha512", "hmac-sha1", "hmac-md5"] = "hmac-sha256"


class PublicZone(Strict, frozen=True, kw_only=True):
    """A zone at Cloudflare, or at a name server of one's own: exactly one of the two.

    api_token_secret_ref: Cloudflare's token; it needs Zone > Zone > Read and Zone > DNS > Edit on this zone.
    rfc2136: the name server.
    root: what the zone's own name leads to: the external address (auto), nothing (none), or these addresses.
    wildcard: whether `*` leads to the root.
    hosts: which hosts get records of their own: none; those with annotations of external-dns; those that somebody
    outside is let into (public); all.
    proxied: whether Cloudflare stands in between, unless an annotation says otherwise.
    ttl: seconds, of records that are not proxied; 1 leaves it to Cloudflare, elsewhere it means 300.
    policy: sync also deletes what is not wanted any more.
    owner: our name in TXT records of external-dns.
    txt_prefix: of the names of these TXT records; `%{record_type}` stands for the type.
    dry_run: only say what would be done.
    """

    name: str
    api_token_secret_ref: TokenRef | None = None
    rfc2136: DynamicServer | None = None
    root: str | tuple[str, ...] = "auto"
    wildcard: bool = True
    hosts: Literal["none", "annotated", "public", "all"] = "none"
    proxied: bool = True
    ttl: int = 1
    policy: Literal["upsert-only", "sync"] = "upsert-only"
    owner: str = "hearthgate"
    txt_prefix: str = "%{record_type}-own."
    dry_run: bool = False

    @property
    def root_addresses(self) -> tuple[Address, ...]:
        """Of settings without mistakes."""
        texts = (self.root,) if isinstance(self.root, str) else self.root
        return tuple(ipaddress.ip_address(text) for text in texts if text not in {"auto", "none"})


class ExternalAddress(Strict, frozen=True, kw_only=True):
    """How the address of this house is found.

    sources: pages that say from where they are asked, as text or in Cloudflare's form (`ip=`); two must agree.
    interval: between two looks.
    ipv6: whether there is one of IPv6 too.
    """

    sources: tuple[str, ...] = (
        "https://1.1.1.1/cdn-cgi/trace",
        "https://www.cloudflare.com/cdn-cgi/trace",
        "https://api64.ipify.org",
    )
    interval: int | str = "5m"
    ipv6: bool = True


def mistakes(zones: tuple[PublicZone, ...], external: ExternalAddress) -> Iterator[Mistake]:
    """What no type can say; paths are below `dns`."""
    for index, zone in enumerate(zones):
        path = f"zones[{index}]"
        if not is_host(zone.name) or "." not in zone.name or zone.name.startswith("*"):
            yield Mistake(f"{path}.name", Reason.INVALID_VALUE, f"{shorten(zone.name)} is no name of a zone")
        if (zone.api_token_secret_ref is None) == (zone.rfc2136 is None):
            message = "give apiTokenSecretRef for Cloudflare, or rfc2136 for a name server of your own"
            yield Mistake(path, Reason.MISSING_FIELD, message)
        if zone.rfc2136 is not None:
            yield from _of_server(f"{path}.rfc2136", zone.rfc2136)
        try:
            assert zone.root_addresses is not None  # noqa: S101 - reads them
        except ValueError:
            message = f"{shorten(zone.root)} is none of auto, none, or addresses"
            yield Mistake(f"{path}.root", Reason.INVALID_VALUE, message)
        if zone.ttl != 1 and not 60 <= zone.ttl <= 86400:
            yield Mistake(f"{path}.ttl", Reason.INVALID_VALUE, f"{zone.ttl} is neither 1 nor 60 to 86400 seconds")
        if not zone.owner or any(letter in zone.owner for letter in ',"\\ '):
            yield Mistake(f"{path}.owner", Reason.INVALID_VALUE, f"{shorten(zone.owner)} cannot be an owner")
        if not zone.txt_prefix.endswith("."):
            message = "must end with a dot: the record of the zone's own name would be outside of the zone"
            yield Mistake(f"{path}.txtPrefix", Reason.INVALID_VALUE, message)
    if zones and any(zone.root == "auto" for zone in zones) and len(external.sources) < 2:
        yield Mistake("externalAddress.sources", Reason.INVALID_VALUE, "two are needed, for they must agree")
    for index, source in enumerate(external.sources):
        if not source.startswith(("https://", "http://127.0.0.1")):
            message = f"{shorten(source)} is no https address: anybody on the way could answer"
            yield Mistake(f"externalAddress.sources[{index}]", Reason.INVALID_VALUE, message)


def _of_server(path: str, server: DynamicServer) -> Iterator[Mistake]:
    try:
        read_place(server.server)
    except ValueError:
        message = f"{shorten(server.server)} is no address (write 192.168.1.53, or 192.168.1.53:5353)"
        yield Mistake(f"{path}.server", Reason.INVALID_VALUE, message)
    if bool(server.tsig_key_name) != (server.tsig_secret_secret_ref is not None):
        message = "tsigKeyName and tsigSecretSecretRef belong together"
        yield Mistake(f"{path}.tsigKeyName", Reason.MISSING_FIELD, message)
