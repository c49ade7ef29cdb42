"""TXT records by dynamic updates (RFC 2136), signed with TSIG (RFC 8945) where there is a key."""

import base64
import binascii
from typing import Final

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.tsig
import dns.update

from hearthgate.certificates.dns01.asking import Server, network_words
from hearthgate.certificates.dns01.provider import Record
from hearthgate.certificates.dns01.replies import is_within, start_of_authority
from hearthgate.certificates.orders.hosts import addresses_of
from hearthgate.model.errors import Permanent, Transient

ALGORITHMS: Final = {
    "HMACMD5": dns.tsig.HMAC_MD5,
    "HMACSHA1": dns.tsig.HMAC_SHA1,
    "HMACSHA256": dns.tsig.HMAC_SHA256,
    "HMACSHA512": dns.tsig.HMAC_SHA512,
}
TRIES: Final = (2.0, 4.0)
"""Seconds to wait for an answer: an update may be sent twice, for the second time changes nothing."""
_REFUSED: Final = {
    dns.rcode.REFUSED: "it does not take updates from us: allow the key (update-policy, acl) for TXT at that name",
    dns.rcode.NOTAUTH: "it is not the primary server of that zone, or wants another TSIG key than this, or any",
    dns.rcode.NOTZONE: "the name is not in that zone",
    dns.rcode.NOTIMP: "it takes no dynamic updates",
}


def read_key(name: str, secret: bytes, algorithm: str) -> dns.tsig.Key:
    """secret: in base64, as `tsig-keygen` and `keymgr` write it. Raises ValueError, without a letter of it."""
    try:
        decoded = base64.b64decode(b"".join(secret.split()), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(
            "is not base64: store the secret of the key as the DNS server's configuration has it"
        ) from None
    if not decoded:
        raise ValueError("is empty")
    try:
        return dns.tsig.Key(dns.name.from_text(name), decoded, ALGORITHMS[algorithm or "HMACMD5"])
    except dns.exception.DNSException as error:
        raise ValueError(f"{name!r} is no name of a key: {error}") from None


class _Unsigned(Exception):
    """A server does not sign what it says about a zone or key that it does not know."""


class RFC2136Provider:
    """host: a name or an IP address."""

    def __init__(self, host: str, port: int, *, key: dns.tsig.Key | None, tcp: bool) -> None:
        self._host = host
        self._port = port
        self._key = key
        self._tcp = tcp

    async def present(self, record: Record) -> None:
        zone = await self.zone_of(record.name)
        update = dns.update.UpdateMessage(zone)
        update.add(_absolute(record.name), record.ttl, dns.rdatatype.TXT, _text(record.value))
        await self._update(update, zone, record.name)

    async def remove(self, record: Record) -> None:
        zone = await self.zone_of(record.name)
        update = dns.update.UpdateMessage(zone)
        update.delete(_absolute(record.name), dns.rdatatype.TXT, _text(record.value))
        await self._update(update, zone, record.name)

    async def zone_of(self, name: str) -> str:
        """As the server itself says: it may know zones that the world does not."""
        found, said = await self._zone_of(name, signed=False)
        if not found and self._key is not None:
            # Servers that are hidden from the world answer nobody without the key.
            found, said = await self._zone_of(name, signed=True)
        if not found:
            raise Permanent(f"{self} has no zone for {name} (it says {said}): is it the zone's primary server?")
        return found

    async def verify(self) -> str:
        """By a signed question; whether updates are allowed shows only when one is sent."""
        try:
            await self._send(dns.message.make_query(".", dns.rdatatype.SOA), signed=True)
        except _Unsigned:
            return f"{self} answers"
        return f"{self} answers" + (f" and knows the key {self._named}" if self._key is not None else "")

    async def _zone_of(self, name: str, *, signed: bool) -> tuple[str, str]:
        """The zone, or nothing and what the server said last."""
        labels = name.split(".")
        said = ""
        for start in range(len(labels)):
            candidate = ".".join(labels[start:])
            question = dns.message.make_query(_absolute(candidate), dns.rdatatype.SOA)
            question.flags &= ~dns.flags.RD
            try:
                answer = await self._send(question, signed=signed)
            except _Unsigned:
                said = "nothing that is signed"
                continue
            known = start_of_authority(answer)
            if known is not None and is_within(candidate, known[0]) and answer.flags & dns.flags.AA:
                return known[0], ""
            said = dns.rcode.to_text(answer.rcode())
        return "", said

    async def _update(self, update: dns.update.UpdateMessage, zone: str, name: str) -> None:
        try:
            answer = await self._send(update, signed=True)
        except _Unsigned:
            raise Permanent(
                f"{self} refuses to change {name} in {zone} without signing its answer: is it the zone's primary "
                f"server, and the key {self._named} allowed there?"
            ) from None
        code = answer.rcode()
        if code == dns.rcode.NOERROR:
            return
        said = dns.rcode.to_text(code)
        if code == dns.rcode.SERVFAIL:
            raise Transient(f"{self} could not change {name} in {zone}: SERVFAIL (can it write its zone file?)")
        why = _REFUSED.get(code, "")
        raise Permanent(f"{self} refuses to change {name} in {zone}: {said}{f': {why}' if why else ''}")

    async def _send(self, message: dns.message.Message, *, signed: bool) -> dns.message.Message:
        """Raises _Unsigned as well when the answer to a signed question is not."""
        if signed and self._key is not None:
            message.use_tsig(self._key)
        try:
            return await self._exchange(message)
        except dns.tsig.PeerBadTime:
            raise Transient(
                f"{self} says that the clocks differ too much for TSIG: set this machine's clock"
            ) from None
        except dns.tsig.PeerBadKey:
            raise Permanent(
                f"{self} does not know the TSIG key {self._named}, or does not allow it to change this name: "
                "see tsigKeyName, and the access list of the server"
            ) from None
        except (dns.tsig.PeerBadSignature, dns.tsig.PeerBadTruncation):
            raise Permanent(
                f"{self} knows another secret or algorithm for the TSIG key {self._named}: "
                "see tsigSecretSecretRef and tsigAlgorithm"
            ) from None
        except (dns.tsig.BadSignature, dns.tsig.BadTime, dns.message.UnknownTSIGKey) as error:
            raise Transient(f"{self} gave an answer with a bad TSIG signature ({type(error).__name__})") from None

    async def _exchange(self, message: dns.message.Message) -> dns.message.Message:
        try:
            addresses = await addresses_of(self._host)
        except OSError as error:
            raise Transient(f"{self} has no address: {error}") from error
        for seconds in TRIES:
            try:
                return await self._once(message, addresses[0], seconds)
            except dns.exception.Timeout:
                continue
            except OSError as error:
                raise Transient(f"{self}: {network_words(error)}") from error
            except dns.exception.FormError as error:
                if message.keyring is not None and "TSIG" in str(error):
                    raise _Unsigned from None
                raise Transient(f"{self} gave an answer that is none ({type(error).__name__})") from error
            except (EOFError, ValueError) as error:
                raise Transient(f"{self} gave an answer that is none ({type(error).__name__})") from error
        raise Transient(f"{self} does not answer within {sum(TRIES):g} s by {'TCP' if self._tcp else 'UDP'}")

    async def _once(self, message: dns.message.Message, where: str, seconds: float) -> dns.message.Message:
        if self._tcp:
            return await dns.asyncquery.tcp(message, where, timeout=seconds, port=self._port)
        answer, _ = await dns.asyncquery.udp_with_fallback(
            message, where, timeout=seconds, port=self._port, ignore_unexpected=True
        )
        return answer

    @property
    def _named(self) -> str:
        return "" if self._key is None else self._key.name.to_text(omit_final_dot=True)

    def __str__(self) -> str:
        return f"nameserver {Server(self._host, self._port)}"


def _absolute(name: str) -> dns.name.Name:
    return dns.name.from_text(name)


def _text(value: str) -> str:
    return f'"{value}"'
