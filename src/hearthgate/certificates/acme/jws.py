"""Signed requests: JWS in flattened JSON (RFC 8555, section 6.2), and the binding of external accounts (7.3.4)."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from hearthgate.certificates.acme import base64url
from hearthgate.certificates.acme.account_key import AccountKey, BadKey
from hearthgate.model.secret import SecretBytes


@dataclass(frozen=True, kw_only=True)
class ExternalBinding:
    """An account at the CA's own shop: its key id there, and the MAC key that was handed out with it."""

    key_id: str
    mac_key: SecretBytes

    @classmethod
    def parse(cls, key_id: str, secret: bytes) -> "ExternalBinding":
        """secret: base64url, as CAs show it; padding and white space around it do no harm. Raises BadKey."""
        try:
            key = base64url.decode(secret.decode("ascii").strip().rstrip("="))
        except ValueError as error:
            what = "has characters that are not ASCII" if isinstance(error, UnicodeDecodeError) else str(error)
            raise BadKey(f"the MAC key of the external account {key_id!r} {what}") from None
        if not key:
            raise BadKey(f"the MAC key of the external account {key_id!r} is empty")
        return cls(key_id=key_id, mac_key=SecretBytes(key))

    def sign(self, key: AccountKey, url: str) -> dict[str, str]:
        """`externalAccountBinding` of a newAccount request to `url`: always HS256, as CAs want it."""
        protected = _part({"alg": "HS256", "kid": self.key_id, "url": url})
        payload = _part(key.jwk)
        signed = hmac.digest(self.mac_key.reveal(), f"{protected}.{payload}".encode("ascii"), hashlib.sha256)
        return {"protected": protected, "payload": payload, "signature": base64url.encode(signed)}


def sign(key: AccountKey, payload: object, *, url: str, nonce: str, account: str = "") -> bytes:
    """The body of a POST. payload: None for POST-as-GET. account: its URL; none, and the key itself is sent."""
    header: dict[str, object] = {"alg": key.algorithm, "nonce": nonce, "url": url}
    header |= {"kid": account} if account else {"jwk": key.jwk}
    protected = _part(header)
    content = "" if payload is None else _part(payload)
    signature = base64url.encode(key.sign(f"{protected}.{content}".encode("ascii")))
    return msgspec.json.encode({"protected": protected, "payload": content, "signature": signature})


def _part(content: Mapping[str, object] | object) -> str:
    return base64url.encode(msgspec.json.encode(content))
