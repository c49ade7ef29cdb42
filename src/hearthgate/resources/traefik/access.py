"""The families of Middleware that decide who passes, or tell who came: addresses, passwords, other servers,
certificates of clients."""

from typing import Annotated

import msgspec

from hearthgate.resources.meta import Strict, differs
from hearthgate.resources.traefik.limits import (
    IPStrategy,
)


class IPAllowList(Strict, frozen=True, kw_only=True):
    """Lets in some addresses only.

    source_range: Addresses and networks (CIDR) that are let in.
    ip_strategy: Which address counts as the client's.
    reject_status_code: The status for the others.
    """

    source_range: tuple[str, ...] = ()
    ip_strategy: IPStrategy | None = None
    reject_status_code: int = 403


class IPWhiteList(Strict, frozen=True, kw_only=True):
    """The older name of ipAllowList.

    source_range: Addresses and networks (CIDR) that are let in.
    ip_strategy: Which address counts as the client's.
    """

    source_range: tuple[str, ...] = ()
    ip_strategy: IPStrategy | None = None


class BasicAuth(Strict, frozen=True, kw_only=True):
    """Asks for a name and a password.

    secret: The Secret with the users: htpasswd lines under users, or type kubernetes.io/basic-auth.
    realm: What the browser shows to the user.
    header_field: The header that tells the backend who it is.
    remove_header: Do not hand the credentials on.
    """

    secret: str = ""
    realm: str = ""
    header_field: str = ""
    remove_header: bool = False


class DigestAuth(Strict, frozen=True, kw_only=True):
    """Asks for a name and a password, by digest.

    secret: The Secret with the users: htdigest lines under users.
    realm: What the browser shows to the user.
    header_field: The header that tells the backend who it is.
    remove_header: Do not hand the credentials on.
    """

    secret: str = ""
    realm: str = ""
    header_field: str = ""
    remove_header: bool = False


class ClientTLS(Strict, frozen=True, kw_only=True):
    """TLS towards the service that is asked.

    ca_secret: The Secret with the authority's certificate.
    cert_secret: The Secret with the certificate to show.
    insecure_skip_verify: Do not verify the certificate.
    ca_optional: Whether the authority may be missing.
    """

    ca_secret: str = ""
    cert_secret: str = ""
    insecure_skip_verify: bool = False
    ca_optional: bool | None = None


class ForwardAuth(Strict, frozen=True, kw_only=True):
    """Asks another service whether the request may pass.

    address: The URL of that service.
    tls: TLS of the connection to it.
    trust_forward_header: Hand on the X-Forwarded headers that came with the request.
    auth_response_headers: The headers of its answer that go into the request.
    auth_response_headers_regex: A pattern of such headers.
    auth_request_headers: The headers of the request that it sees; none stands for all.
    add_auth_cookies_to_response: The cookies of its answer that go into the response.
    header_field: The header that tells the backend who it is.
    forward_body: Whether it sees the body.
    max_body_size: Requests with a larger body, in bytes, are refused; -1: no limit.
    max_response_body_size: How large its answer may be; -1: no limit.
    preserve_location_header: Hand its Location header on as it is.
    preserve_request_method: Ask it with the method of the request.
    auth_signin_url: Where to send users whom it refuses.
    """

    address: str = ""
    tls: ClientTLS | None = None
    trust_forward_header: bool | None = None
    auth_response_headers: Annotated[
        tuple[str, ...], differs("a client's own never reach the backend, nor those spelt with _")
    ] = ()
    auth_response_headers_regex: Annotated[str, differs("matches names in any case")] = ""
    auth_request_headers: tuple[str, ...] = ()
    add_auth_cookies_to_response: tuple[str, ...] = ()
    header_field: str = ""
    forward_body: bool = False
    max_body_size: Annotated[int, differs("at most 32 MiB are held, also with -1")] = -1
    max_response_body_size: int = -1
    preserve_location_header: bool = False
    preserve_request_method: bool = False
    auth_signin_url: Annotated[str, differs("cookies of the refusal reach the client")] = msgspec.field(
        default="", name="authSigninURL"
    )


class DistinguishedName(Strict, frozen=True, kw_only=True):
    """Which parts of a name are handed on.

    common_name: Hand on the common name.
    country: Hand on the country.
    domain_component: Hand on the domain components.
    locality: Hand on the locality.
    organization: Hand on the organization.
    organizational_unit: Hand on the organizational units.
    province: Hand on the province.
    serial_number: Hand on the serial number.
    """

    common_name: bool = False
    country: bool = False
    domain_component: bool = False
    locality: bool = False
    organization: bool = False
    organizational_unit: bool = False
    province: bool = False
    serial_number: bool = False


class ClientCertInfo(Strict, frozen=True, kw_only=True):
    """What of the certificate the backend is told in X-Forwarded-Tls-Client-Cert-Info.

    not_after: Hand on when it ends.
    not_before: Hand on when it begins.
    sans: Hand on its names.
    serial_number: Hand on its serial number.
    subject: What of its subject.
    issuer: What of its issuer.
    """

    not_after: bool = False
    not_before: bool = False
    sans: bool = False
    serial_number: bool = False
    subject: DistinguishedName | None = None
    issuer: DistinguishedName | None = None


class PassTLSClientCert(Strict, frozen=True, kw_only=True):
    """Tells the backend of the certificate of the client.

    pem: Hand on the whole certificate in X-Forwarded-Tls-Client-Cert.
    info: Hand on parts of it.
    """

    pem: bool = False
    info: ClientCertInfo | None = None
