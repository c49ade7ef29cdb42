"""Whether a chain may be published: it belongs to the key, covers the names, is in force and hangs together."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from hearthgate.certificates.x509.keys import Key, same_public_key
from hearthgate.certificates.x509.leaf import Chain
from hearthgate.certificates.x509.names import Names

CLOCK_TOLERANCE: Final = timedelta(days=1)
"""A certificate that begins later than now shows that this clock is behind, not that the CA is wrong: up to so
much it is published. What has ended is refused without tolerance."""


def why_not_publish(
    chain: Chain,
    key: Key,
    names: Names,
    now: datetime,
    *,
    common_name: str = "",
    roots: Sequence[x509.Certificate] | None = None,
) -> str | None:
    """The first reason against it; None when it may be published.

    names, common_name: what was asked for; a CA may leave the common name out when it is among the names.
    roots: the chain must end at one of them; None: whoever signed it.
    """
    leaf = chain.leaf
    if not same_public_key(leaf.public_key, key):
        return "the certificate is for another private key than the one that was used to request it"
    if leaf.not_after <= now:
        return (
            f"the certificate ended at {_text(leaf.not_after)}: compare the clocks of this machine and of the CA"
        )
    if leaf.not_before > now + CLOCK_TOLERANCE:
        return (
            f"the certificate begins at {_text(leaf.not_before)}: compare the clocks of this machine and of the CA"
        )
    if missing := _missing(chain, names, common_name):
        return f"the certificate lacks {', '.join(missing)}: the CA left it out"
    return _broken(chain.certificates) or (_unrooted(chain.certificates, roots) if roots is not None else None)


def strip_root(certificates: Iterable[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    """The chain as servers send it: clients have the root already. A lone self-signed certificate stays."""
    chain = tuple(certificates)
    while len(chain) > 1 and is_self_signed(chain[-1]):
        chain = chain[:-1]
    return chain


def is_self_signed(certificate: x509.Certificate) -> bool:
    return certificate.subject == certificate.issuer and _issued(certificate, certificate)


def ordered(certificates: Iterable[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    """The first certificate and those above it, each followed by its issuer; others are left out."""
    first, *others = dict.fromkeys(certificates)
    chain = [first]
    while not is_self_signed(chain[-1]):
        above = next((one for one in others if one not in chain and _issued(chain[-1], one)), None)
        if above is None:
            break
        chain.append(above)
    return tuple(chain)


def _missing(chain: Chain, names: Names, common_name: str) -> tuple[str, ...]:
    leaf = chain.leaf
    hosts = {host.lower() for host in leaf.hosts}
    asked = dict.fromkeys((*names.dns, *((common_name,) if common_name else ())))
    # An address as common name is found among the addresses.
    found = [name for name in asked if name.lower() not in hosts and name not in leaf.names.ips]
    for wanted, held in ((names.ips, leaf.names.ips), (names.uris, leaf.names.uris)):
        found += [name for name in wanted if name not in held]
    found += [name for name in names.emails if name not in leaf.names.emails]
    found += [f"{oid}={text}" for oid, text in names.others if (oid, text) not in leaf.names.others]
    return tuple(found)


def _broken(certificates: Sequence[x509.Certificate]) -> str | None:
    for place, (below, above) in enumerate(pairwise(certificates), start=1):
        if not _issued(below, above):
            return f"the chain does not hang together: certificate {place + 1} did not sign certificate {place}"
        if not _may_sign(above):
            return f"certificate {place + 1} of the chain is not a CA"
    return None


def _unrooted(certificates: Sequence[x509.Certificate], roots: Sequence[x509.Certificate]) -> str | None:
    top = certificates[-1]
    if top in roots or any(_issued(top, root) for root in roots):
        return None
    return f"the chain ends at {top.issuer.rfc4514_string()!r}, which is not one of the roots that are trusted"


def _issued(below: x509.Certificate, above: x509.Certificate) -> bool:
    try:
        below.verify_directly_issued_by(above)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _may_sign(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
