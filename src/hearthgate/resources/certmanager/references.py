"""References and words that several kinds of cert-manager share."""

from typing import Final, Literal

from hearthgate.resources.meta import Strict

ISSUER_GROUP: Final = "cert-manager.io"

Usage = Literal[
    "signing",
    "digital signature",
    "content commitment",
    "key encipherment",
    "key agreement",
    "data encipherment",
    "cert sign",
    "crl sign",
    "encipher only",
    "decipher only",
    "any",
    "server auth",
    "client auth",
    "code signing",
    "email protection",
    "s/mime",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "timestamping",
    "ocsp signing",
    "microsoft sgc",
    "netscape sgc",
]


class IssuerRef(Strict, frozen=True, kw_only=True):
    """Who shall sign. An issuer of another group is another program's.

    name: The name of the issuer.
    kind: Issuer (of the same namespace) or ClusterIssuer.
    group: The API group of the issuer.
    """

    name: str
    kind: str = "Issuer"
    group: str = ISSUER_GROUP

    @property
    def identity(self) -> tuple[str, str, str]:
        """(group, kind, name) with the defaults filled in."""
        return (self.group or ISSUER_GROUP, self.kind or "Issuer", self.name)


class SecretKeyRef(Strict, frozen=True, kw_only=True):
    """A key of a Secret. An Issuer's is in its own namespace, a ClusterIssuer's in that of the program.

    name: The Secret.
    key: The key in it.
    """

    name: str
    key: str = ""
