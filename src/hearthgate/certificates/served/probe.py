"""A handshake that looks at the certificate alone."""

import asyncio
import contextlib
import ssl
from typing import Final

from cryptography import x509

TIMEOUT: Final = 5.0


async def served_serial(address: str, port: int, name: str) -> int | None:
    """The serial number of the certificate that a listener shows for a name; None when there is no handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # what is looked at is which one it is, not whether it is trusted
    try:
        async with asyncio.timeout(TIMEOUT):
            _, writer = await asyncio.open_connection(address, port, ssl=context, server_hostname=name)
    except (OSError, TimeoutError, ssl.SSLError):
        return None
    try:
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return x509.load_der_x509_certificate(shown).serial_number if shown else None
    except ValueError:
        return None
    finally:
        writer.close()
        with contextlib.suppress(OSError, ssl.SSLError, TimeoutError):
            async with asyncio.timeout(TIMEOUT):
                await writer.wait_closed()
