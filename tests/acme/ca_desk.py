"""The work of a CA: accounts, orders, proofs and certificates, as RFC 8555 and 9773 have them."""

import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any, Final

from aiohttp import web
from cryptography import x509

from tests.acme.ca_moods import Moods, Proof, Refusal, rate_limited
from tests.acme.ca_parts import Signed, Signer, cert_id, names_of, thumbprint, unb64

PROOFS: Final = ("http-01", "dns-01", "tls-alpn-01")
URN: Final = "urn:ietf:params:acme:error:"


GONE: Final = "gone"
"""Status of an authorization of which nothing is known any more."""


@dataclass(kw_only=True)
class Authorization:
    name: str
    wildcard: bool
    token: str
    status: str = "pending"
    tried: str = ""
    error: dict[str, Any] | None = None


@dataclass(kw_only=True)
class Order:
    number: int
    account: int
    names: tuple[str, ...]
    authorizations: list[Authorization]
    profile: str = ""
    replaces: str = ""
    status: str = "pending"
    looks: float = 0
    leaf: x509.Certificate | None = None
    chain: str = ""
    error: dict[str, Any] | None = None


class Desk:
    """base: the URL of the server."""

    def __init__(self, moods: Moods) -> None:
        self._moods = moods
        self.base = ""
        self.accounts: dict[int, dict[str, Any]] = {}
        self.orders: dict[int, Order] = {}
        self.revoked: set[int] = set()
        self._last = 0
        self.signer = Signer(datetime.now(UTC))

    def account_of(self, signed: Signed) -> dict[str, Any]:
        number = int(signed.header["kid"].rpartition("/")[2])
        if number not in self.accounts:
            raise Refusal(type="accountDoesNotExist", detail="no such account")
        return self.accounts[number]

    async def answer(self, action: str, rest: str, signed: Signed | None) -> web.Response:
        """action: the first part of the path; rest: what follows it."""
        if signed is None:
            return self._plain(action, rest)
        match action:
            case "newAccount":
                return self._new_account(signed)
            case "account":
                self.account_of(signed).update(signed.payload or {})
                return web.json_response(_account_object(self.account_of(signed)))
            case "newOrder":
                return self._new_order(signed)
            case "revokeCert":
                return self._revoke(signed.payload)
        order = self._order(rest, signed)
        match action:
            case "order":
                return self._shown(order, looked=True)
            case "authorization":
                return self._authorization(order, rest, signed.payload)
            case "challenge":
                return await self._challenge(order, rest, signed)
            case "finalize":
                return self._finalize(order, signed.payload)
            case "certificate" if order.chain:
                return web.Response(text=order.chain, content_type="application/pem-certificate-chain")
        raise Refusal(status=404, detail=f"no {action}")

    def _plain(self, action: str, rest: str) -> web.Response:
        match action:
            case "directory":
                return self._directory()
            case "newNonce":
                return web.Response()
            case "renewalInfo" if self._moods.ari:
                return self._renewal_info(rest)
        raise Refusal(status=405, detail="POST-as-GET, please")

    def _revoke(self, payload: dict[str, str]) -> web.Response:
        leaf = x509.load_der_x509_certificate(unb64(payload["certificate"]))
        if leaf.serial_number in self.revoked:
            raise Refusal(type="alreadyRevoked", detail="it is")
        self.revoked.add(leaf.serial_number)
        return web.Response()

    def _directory(self) -> web.Response:
        names = (
            "newNonce",
            "newAccount",
            "newOrder",
            "revokeCert",
            *(("renewalInfo",) if self._moods.ari else ()),
        )
        meta: dict[str, Any] = {"termsOfService": "https://terms.invalid/"}
        meta["externalAccountRequired"] = bool(self._moods.bindings)
        meta["profiles"] = {name: f"{life}" for name, life in self._moods.profiles.items()}
        return web.json_response({name: f"{self.base}/{name}" for name in names} | {"meta": meta})

    def _new_account(self, signed: Signed) -> web.Response:
        jwk, wanted = signed.header["jwk"], signed.payload
        found = next((number for number, one in self.accounts.items() if one["jwk"] == jwk), None)
        if found is None:
            if wanted.get("onlyReturnExisting"):
                raise Refusal(type="accountDoesNotExist", detail="no account has this key")
            if not wanted.get("termsOfServiceAgreed"):
                raise Refusal(status=403, type="userActionRequired", detail="agree to the terms")
            self._check_binding(wanted.get("externalAccountBinding"), jwk)
            number = len(self.accounts) + 1
            self.accounts[number] = {"jwk": jwk, "status": "valid", "contact": wanted.get("contact", [])}
        else:
            number = found
        account = self.accounts[number]
        headers = {"Location": f"{self.base}/account/{number}"}
        return web.json_response(_account_object(account), headers=headers, status=200 if found else 201)

    def _check_binding(self, binding: dict[str, str] | None, jwk: dict[str, str]) -> None:
        if not self._moods.bindings:
            return
        if binding is None:
            raise Refusal(status=401, type="externalAccountRequired", detail="an external account is needed")
        header = json.loads(unb64(binding["protected"]))
        content = f"{binding['protected']}.{binding['payload']}".encode()
        known = self._moods.bindings.get(header["kid"], b"")
        right = hmac.compare_digest(hmac.digest(known, content, hashlib.sha256), unb64(binding["signature"]))
        if not known or not right or json.loads(unb64(binding["payload"])) != jwk or header["alg"] != "HS256":
            raise Refusal(status=401, type="unauthorized", detail="the external account binding is wrong")

    def _new_order(self, signed: Signed) -> web.Response:
        wanted = signed.payload
        if self._moods.orders_left is not None:
            if not self._moods.orders_left:
                raise rate_limited(detail="too many new orders from this account")
            self._moods.orders_left -= 1
        profile, replaces = wanted.get("profile", ""), wanted.get("replaces", "")
        if profile and profile not in self._moods.profiles:
            raise Refusal(type="invalidProfile", detail=f"no profile {profile}")
        if replaces and any(order.replaces == replaces for order in self.orders.values()):
            raise Refusal(status=409, type="alreadyReplaced", detail="it has a successor")
        names = tuple(identifier["value"] for identifier in wanted["identifiers"])
        self._last += 1
        number = self._last
        authorizations = [
            Authorization(
                name=name.removeprefix("*."), wildcard=name.startswith("*."), token=secrets.token_urlsafe(16)
            )
            for name in names
        ]
        account = int(signed.header["kid"].rpartition("/")[2])
        order = Order(
            number=number,
            account=account,
            names=names,
            authorizations=authorizations,
            profile=profile,
            replaces=replaces,
        )
        self.orders[number] = order
        return self._shown(order, status=201)

    def _order(self, rest: str, signed: Signed) -> Order:
        order = self.orders.get(int(rest.partition("/")[0]))
        if order is None:
            raise Refusal(status=404, detail="no such order")
        if order.account != int(signed.header["kid"].rpartition("/")[2]):
            raise Refusal(status=403, type="unauthorized", detail="the order is another account's")
        return order

    def _shown(self, order: Order, *, status: int = 200, looked: bool = False) -> web.Response:
        states = {authorization.status for authorization in order.authorizations}
        if order.status == "pending" and states == {"valid"}:
            order.status = "ready"
        elif order.status == "pending" and not states <= {"valid", "pending"}:
            order.status = "invalid"
        elif order.status == "processing" and looked:
            order.looks += 1
            if order.looks > self._moods.processing:
                order.status = "valid"
        url = f"{self.base}/order/{order.number}"
        shown: dict[str, Any] = {
            "status": order.status,
            "expires": (self._moods.now() + timedelta(days=7)).isoformat(),
            "identifiers": [_identifier(name) for name in order.names],
            "authorizations": [
                f"{self.base}/authorization/{order.number}/{index}" for index in range(len(order.authorizations))
            ],
            "finalize": f"{self.base}/finalize/{order.number}",
        }
        shown |= {"certificate": f"{self.base}/certificate/{order.number}"} if order.status == "valid" else {}
        shown |= {name: value for name in ("profile", "replaces", "error") if (value := getattr(order, name))}
        return web.json_response(shown, status=status, headers={"Location": url} | self._pause(order.status))

    def _pause(self, status: str) -> dict[str, str]:
        return (
            {"Retry-After": self._moods.pause} if self._moods.pause and status in ("pending", "processing") else {}
        )

    def _authorization(self, order: Order, rest: str, payload: Any) -> web.Response:
        index = int(rest.split("/")[1])
        one = _known(order, index)
        if payload and payload.get("status") == "deactivated":
            one.status = "deactivated"
        challenges = [_challenge_object(self.base, order, index, proof) for proof in PROOFS]
        shown: dict[str, Any] = {
            "identifier": _identifier(one.name),
            "status": one.status,
            "expires": (self._moods.now() + timedelta(days=7)).isoformat(),
            "challenges": [found for found in challenges if not one.wildcard or found["type"] == "dns-01"],
        }
        shown |= {"wildcard": True} if one.wildcard else {}
        return web.json_response(shown, headers=self._pause(one.status))

    async def _challenge(self, order: Order, rest: str, signed: Signed) -> web.Response:
        _, index, proof = rest.split("/")
        one = _known(order, int(index))
        if signed.payload is not None and one.status == "pending":
            one.tried = proof
            key = f"{one.token}.{thumbprint(self.account_of(signed)['jwk'])}"
            wrong = await self._moods.judge(Proof(one.name, proof, one.token, key)) if self._moods.judge else None
            one.status = "invalid" if wrong else "valid"
            if wrong:
                one.error = {"type": "urn:ietf:params:acme:error:unauthorized", "detail": wrong, "status": 403}
        shown = _challenge_object(self.base, order, int(index), proof)
        return web.json_response(shown, headers=self._pause(one.status))

    def _finalize(self, order: Order, payload: dict[str, str]) -> web.Response:
        self._shown(order)
        if order.status != "ready":
            raise Refusal(status=403, type="orderNotReady", detail=f"the order is {order.status}")
        try:
            csr = x509.load_der_x509_csr(unb64(payload["csr"]))
        except ValueError:
            raise Refusal(type="badCSR", detail="it cannot be read") from None
        if not csr.is_signature_valid or names_of(csr) != set(order.names):
            raise Refusal(
                type="badCSR", detail=f"it names {sorted(names_of(csr))}, the order {sorted(order.names)}"
            )
        life = self._moods.profiles.get(order.profile, self._moods.life)
        order.leaf, order.chain = self.signer.issue(csr, now=self._moods.now(), life=life, flaw=self._moods.flaw)
        order.status = "processing" if self._moods.processing else "valid"
        return self._shown(order)

    def _renewal_info(self, identifier: str) -> web.Response:
        leaves = [order.leaf for order in self.orders.values() if order.leaf is not None]
        leaf = next((leaf for leaf in leaves if cert_id(leaf) == identifier), None)
        if leaf is None:
            raise Refusal(status=404, detail="no such certificate")
        end = leaf.not_valid_after_utc
        third = (end - leaf.not_valid_before_utc) / 3
        start, stop = self._moods.window or (end - third, end - third / 2)
        window = {"start": start.isoformat(), "end": stop.isoformat()}
        return web.json_response(
            {"suggestedWindow": window, "explanationURL": "https://status.invalid/"},
            headers={"Retry-After": self._moods.ari_retry_after},
        )


def _identifier(name: str) -> dict[str, str]:
    try:
        return {"type": "ip", "value": str(ip_address(name))}
    except ValueError:
        return {"type": "dns", "value": name}


def _account_object(account: dict[str, Any]) -> dict[str, Any]:
    return {"status": account["status"], "contact": account["contact"]}


def _known(order: Order, index: int) -> Authorization:
    one = order.authorizations[index]
    if one.status == GONE:
        raise Refusal(status=404, detail="no such authorization")
    return one


def _challenge_object(base: str, order: Order, index: int, proof: str) -> dict[str, Any]:
    one = order.authorizations[index]
    status = one.status if one.tried == proof and one.status in ("valid", "invalid") else "pending"
    shown = {"type": proof, "url": f"{base}/challenge/{order.number}/{index}/{proof}", "token": one.token}
    shown["status"] = status
    return shown | ({"error": one.error} if status == "invalid" and one.error else {})
