"""Asks one server whether it can serve: over HTTP, or by gRPC's health protocol (grpc.health.v1)."""

import asyncio
import os
import ssl
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

import aiohttp
import grpc
from yarl import URL

from hearthgate.ingress.routing.model import Certificate, Endpoint, HealthCheck, Transport
from hearthgate.model.errors import WireError

_SERVING: Final = 1
_GRPC_METHOD: Final = "/grpc.health.v1.Health/Check"
_TLS_RECORD: Final = b"\x15\x03"
_REDIRECTS: Final = 10
_AGENT: Final = "hearthgate-health/1"
"""As Go's client."""


SPEAKS_TLS: Final = "it speaks TLS: set scheme to https"
_PROBE: Final = 1.0
"""Seconds for a handshake that only shall tell what a server speaks."""


class Asker:
    """Asks over connections of its own. `close` it at the end."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def ask(self, server: Endpoint, check: HealthCheck, transport: Transport) -> str:
        """Why the server cannot serve; empty when it can. Never raises but when it is cancelled."""
        try:
            async with asyncio.timeout(check.timeout):
                if check.mode == "grpc":
                    return await _ask_grpc(server, check, transport)
                return await self._ask_http(server, check, transport)
        except TimeoutError:
            return f"no answer within {check.timeout:g} s"
        except (aiohttp.ServerDisconnectedError, ConnectionResetError):
            spoken = check.scheme == "http" and await _speaks_tls(server, check)
            return SPEAKS_TLS if spoken else "it closed the connection without an answer"
        except (OSError, aiohttp.ClientError, grpc.aio.AioRpcError, WireError, ValueError) as error:
            return _reason(error, check)

    async def _ask_http(self, server: Endpoint, check: HealthCheck, transport: Transport) -> str:
        if self._session is None:
            # A new connection each time: a server that only goes on with old ones cannot serve.
            connector = aiohttp.TCPConnector(limit=0, force_close=True)
            self._session = aiohttp.ClientSession(
                connector=connector,
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                max_field_size=65536,
                headers={"User-Agent": _AGENT},
                timeout=aiohttp.ClientTimeout(total=None),
            )
        headers = dict(check.headers)
        if check.hostname:
            headers["host"] = check.hostname
        async with self._session.request(
            check.method,
            URL(f"{check.scheme}://{_authority(server, check)}{check.path}", encoded=True),
            headers=headers,
            allow_redirects=check.follow_redirects,
            max_redirects=_REDIRECTS,
            ssl=tls_context(transport),
            server_hostname=transport.server_name or None if check.scheme == "https" else None,
        ) as response:
            status = response.status
            if (status == check.status) if check.status else 200 <= status < 400:
                return ""
            hint = ""
            if status == 400 and check.scheme == "http":
                hint = _hint(await response.content.read(2048))
            return f"it answered {status}{hint}"


async def _speaks_tls(server: Endpoint, check: HealthCheck) -> bool:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        async with asyncio.timeout(_PROBE):
            port = check.port or server.port
            _, writer = await asyncio.open_connection(server.address, port, ssl=context, server_hostname="")
            writer.close()
    except (OSError, TimeoutError):
        return False
    return True


async def _ask_grpc(server: Endpoint, check: HealthCheck, transport: Transport) -> str:
    target = f"{_kind(server)}:{_authority(server, check)}"
    options: list[tuple[str, str | int]] = [("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1)]
    if check.hostname:
        options.append(("grpc.default_authority", check.hostname))
    if check.scheme == "https":
        if transport.server_name:
            options.append(("grpc.ssl_target_name_override", transport.server_name))
        channel = grpc.aio.secure_channel(target, _credentials(transport), options)
    else:
        channel = grpc.aio.insecure_channel(target, options)
    async with channel:
        call = channel.unary_unary(_GRPC_METHOD, request_serializer=bytes, response_deserializer=bytes)
        return (
            ""
            if _status(await call(b"", metadata=check.headers)) == _SERVING
            else "it says that it does not serve"
        )


def _status(answer: bytes) -> int:
    """Field 1 of a HealthCheckResponse; 0 = unknown."""
    return answer[1] if len(answer) >= 2 and answer[0] == 0x08 else 0


def _kind(server: Endpoint) -> str:
    try:
        return f"ipv{ip_address(server.address).version}"
    except ValueError:
        return "dns"


def _authority(server: Endpoint, check: HealthCheck) -> str:
    host = f"[{server.address}]" if ":" in server.address else server.address
    return f"{host}:{check.port or server.port}"


@lru_cache(maxsize=256)
def tls_context(transport: Transport) -> ssl.SSLContext:
    """TLS to servers as a transport says. Names that it lists for certificates are the proxy's to look at: here it
    is enough that somebody whom it trusts answers."""
    context = ssl.create_default_context(cadata="\n".join(transport.root_cas) or None)
    if transport.uris or transport.names or transport.insecure_skip_verify:
        context.check_hostname = False
    if transport.insecure_skip_verify:
        context.verify_mode = ssl.CERT_NONE
    context.minimum_version = getattr(ssl.TLSVersion, f"TLSv{transport.min_version.replace('.', '_')}")
    context.maximum_version = getattr(ssl.TLSVersion, f"TLSv{transport.max_version.replace('.', '_')}")
    context.set_alpn_protocols(["http/1.1"])
    if transport.certificates:
        _show(context, transport.certificates[0])
    return context


def _show(context: ssl.SSLContext, certificate: Certificate) -> None:
    """Python loads key pairs from files alone: this one is in memory and has no name."""
    with os.fdopen(os.memfd_create("pair", os.MFD_CLOEXEC), "w+b") as file:
        file.write(certificate.chain.encode() + b"\n" + certificate.key.reveal())
        file.flush()
        context.load_cert_chain(f"/proc/self/fd/{file.fileno()}")


@lru_cache(maxsize=256)
def _credentials(transport: Transport) -> grpc.ChannelCredentials:
    authorities = "\n".join(transport.root_cas).encode() or None
    if not transport.certificates:
        return grpc.ssl_channel_credentials(authorities)
    shown = transport.certificates[0]
    return grpc.ssl_channel_credentials(authorities, shown.key.reveal(), shown.chain.encode())


def _reason(error: Exception, check: HealthCheck) -> str:
    """One line, without what the server sent."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return f"its certificate is not accepted: {error.certificate_error}"[:300]
        case aiohttp.ClientSSLError() | ssl.SSLError():
            wrong = "WRONG_VERSION_NUMBER" in str(error) or "record layer" in str(error)
            return "it does not speak TLS: set scheme to http" if wrong else f"TLS failed: {error.strerror}"[:300]
        case aiohttp.ClientConnectorError():
            return f"no connection: {error.strerror or error.os_error}"[:300]
        case aiohttp.TooManyRedirects():
            return f"more than {_REDIRECTS} redirections"
        case aiohttp.ClientResponseError():
            spoken = _TLS_RECORD.decode("latin1") in error.message or "0x15" in error.message
            return SPEAKS_TLS if spoken else "what it answered is not HTTP"
        case grpc.aio.AioRpcError():
            return f"gRPC status {error.code().name}"
    return f"{type(error).__name__} over {check.scheme}"


def _hint(body: bytes) -> str:
    """Servers that speak TLS say so in plain words to those that do not."""
    return ", and seems to speak TLS: set scheme to https" if b"HTTPS" in body else ""
