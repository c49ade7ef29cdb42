"""Reading what nameservers answer (RFC 1035, RFC 2308). Pure. Names: lower case, without a dot at the end."""

import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
from dns.rdtypes.ANY.CNAME import CNAME
from dns.rdtypes.ANY.NS import NS
from dns.rdtypes.ANY.SOA import SOA
from dns.rdtypes.ANY.TXT import TXT


def text_of(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower()


def is_within(name: str, zone: str) -> bool:
    return not zone or name == zone or name.endswith(f".{zone}")


def end_of_chain(message: dns.message.Message, name: str) -> str:
    """Where the CNAMEs of an answer lead from a name; the name itself without any, the last one in a circle."""
    aliases = {
        text_of(rrset.name): text_of(rdata.target)
        for rrset in message.answer
        for rdata in rrset
        if isinstance(rdata, CNAME)
    }
    seen = {name}
    while (target := aliases.get(name)) is not None and target not in seen:
        seen.add(target)
        name = target
    return name


def is_alias(message: dns.message.Message, name: str) -> bool:
    """Whether an answer has a CNAME of this name."""
    kind = dns.rdatatype.CNAME
    return any(rrset.rdtype == kind and text_of(rrset.name) == name for rrset in message.answer)


def texts(message: dns.message.Message, name: str) -> frozenset[str]:
    """The TXT values of a name, strings of one value joined."""
    return frozenset(
        b"".join(rdata.strings).decode("utf-8", "replace")
        for rrset in message.answer
        if text_of(rrset.name) == name
        for rdata in rrset
        if isinstance(rdata, TXT)
    )


def nameservers(message: dns.message.Message, zone: str) -> tuple[str, ...]:
    return tuple(
        sorted(
            text_of(rdata.target)
            for rrset in message.answer
            if text_of(rrset.name) == zone
            for rdata in rrset
            if isinstance(rdata, NS)
        )
    )


def addresses(message: dns.message.Message) -> tuple[str, ...]:
    kinds = (dns.rdatatype.A, dns.rdatatype.AAAA)
    return tuple(sorted(str(rdata) for rrset in message.answer if rrset.rdtype in kinds for rdata in rrset))


def start_of_authority(message: dns.message.Message) -> tuple[str, SOA] | None:
    """The zone that an answer is from, wherever the answer says so, and its SOA."""
    for rrset in (*message.answer, *message.authority):
        for rdata in rrset:
            if isinstance(rdata, SOA):
                return text_of(rrset.name), rdata
    return None


def kept_for(message: dns.message.Message) -> float:
    """Seconds that a resolver goes on giving this answer from its memory, be it that there is no such record."""
    if message.answer:
        return float(min(rrset.ttl for rrset in message.answer))
    for rrset in message.authority:
        for rdata in rrset:
            if isinstance(rdata, SOA):
                return float(min(rrset.ttl, rdata.minimum))
    return 0.0


def is_good(message: dns.message.Message) -> bool:
    """Whether it says what is, be it that there is nothing."""
    return message.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN)


def verdict(message: dns.message.Message, name: str) -> str:
    """What it says about TXT records of a name, in a few words."""
    code = message.rcode()
    if code != dns.rcode.NOERROR:
        return dns.rcode.to_text(code)
    found = len(texts(message, name))
    if not found:
        return "no TXT record"
    return "another value" if found == 1 else f"{found} other values"
