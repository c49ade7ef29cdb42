"""A look at the proof of TLS-ALPN-01 (RFC 8737), as a CA does it: a handshake with port 443."""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import Final

from cryptography import x509

from hearthgate.certificates.acme.proofs import alpn_digest
from hearthgate.certificates.orders.hosts import addresses_of, is_address
from hearthgate.certificates.orders.proofs import GivenByProxy, Seen
from hearthgate.resources.certmanager import Challenge

PROTOCOL: Final = "acme-tls/1"
TIMEOUT: Final = 10.0
_IDENTIFIER: Final = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31")
_OCTET_STRING: Final = bytes((0x04, 32))


class TLSALPN01Proofs(GivenByProxy):
    """nameservers: asked anew each time; none: those of this machine. port: where a CA connects to."""

    def __init__(self, nameservers: Callable[[], Sequence[str]], *, port: int = 443) -> None:
        self._nameservers = nameservers
        self._port = port

    async def look(self, challenge: Challenge) -> Seen:
        host, key = challenge.spec.dns_name, challenge.spec.key
        what = f"the TLS handshake with port {self._port} of {host}"
        try:
            async with asyncio.timeout(TIMEOUT):
                addresses = await addresses_of(host, tuple(self._nameservers()))
                if not addresses:
                    return Seen(False, f"{host} has no address")
                proves = _proves(await self._handshake(host, addresses[0]), key)
        except TimeoutError:
            return Seen(False, f"{what}: no answer in {TIMEOUT:g} s")
        except (OSError, ValueError) as error:
            return Seen(False, f"{what}: {error or type(error).__name__}")
        if proves:
            return Seen(True, f"{what} shows the proof")
        return Seen(False, f"{what} shows another certificate than the proof: does it lead to this proxy?")

    async def _handshake(self, host: str, address: str) -> bytes:
        """The certificate that is shown, in DER."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # the proof signs itself
        context.set_alpn_protocols([PROTOCOL])
        name = ip_address(host).reverse_pointer if is_address(host) else host
        _, writer = await asyncio.open_connection(address, self._port, ssl=context, server_hostname=name)
        try:
            connection: ssl.SSLObject = writer.get_extra_info("ssl_object")
            if connection.selected_alpn_protocol() != PROTOCOL:
                raise OSError(f"the server does not know the protocol {PROTOCOL}")
            return connection.getpeercert(binary_form=True) or b""
        finally:
            writer.transport.abort()


def _proves(shown: bytes, key: str) -> bool:
    extensions = x509.load_der_x509_certificate(shown).extensions
    wanted = _OCTET_STRING + alpn_digest(key)
    return any(
        isinstance(extension.value, x509.UnrecognizedExtension)
        and extension.oid == _IDENTIFIER
        and extension.value.value == wanted
        for extension in extensions
    )
