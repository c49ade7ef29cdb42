"""Sites from manifests on a real data plane: what a user writes, built, translated, served by Envoy."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from aiohttp import web

from hearthgate.cluster.snapshot import Snapshot
from hearthgate.ingress.auth.service import AuthService
from hearthgate.ingress.auth.tables import auth_tables
from hearthgate.ingress.middlewares.counted import bound
from hearthgate.ingress.routing.build import RoutingBuilder
from hearthgate.ingress.routing.model import Certificate, RoutingModel
from hearthgate.ingress.settings import EntryPoint, EntryPointHTTP, EntryPointTLS, IngressSettings
from hearthgate.ingress.xds.resources import Resources
from hearthgate.model.problems import Problem
from hearthgate.model.refs import ObjectRef
from hearthgate.model.secret import SecretBytes
from hearthgate.resources.decode import decode_mapping
from tests.component.ingress.certificates import Pair, self_signed
from tests.component.ingress.gateway import Answer, Backend, Gateway, ask, backend, gateway

Spec = Mapping[str, Any]
Manifest = dict[str, Any]


def manifest(api: str, kind: str, name: str, namespace: str = "default", **more: Any) -> Manifest:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": namespace}, **more}


def middleware(name: str, spec: Spec) -> Manifest:
    return manifest("traefik.io/v1alpha1", "Middleware", name, spec=spec)


def secret(name: str, values: Mapping[str, str], kind: str = "Opaque") -> Manifest:
    return manifest("v1", "Secret", name, stringData=dict(values), type=kind)


def service(name: str, *ports: int, namespace: str = "default", at: int = 80, **spec: Any) -> list[Manifest]:
    """A Service with port `at`, and its endpoints on this machine."""
    described = {"ports": [{"name": "http", "port": at, "targetPort": 8080}], **spec}
    endpoints = manifest(
        "discovery.k8s.io/v1",
        "EndpointSlice",
        name,
        namespace,
        addressType="IPv4",
        ports=[{"name": "http", "port": ports[0] if ports else 1}],
        endpoints=[{"addresses": ["127.0.0.1"], "conditions": {"ready": True}}] if ports else [],
    )
    endpoints["metadata"]["labels"] = {"kubernetes.io/service-name": name}
    return [manifest("v1", "Service", name, namespace, spec=described), endpoints]


class Script:
    """A server that answers as it is told, and keeps what it was asked."""

    def __init__(self) -> None:
        self.port = 0
        self.answer: Callable[[web.BaseRequest], web.StreamResponse] = lambda _: web.Response()
        self.asked: list[Asked] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def last(self) -> "Asked":
        return self.asked[-1]

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        pairs = tuple((key.lower(), value) for key, value in request.headers.items())
        self.asked.append(Asked(request.method, request.path_qs, pairs, body))
        return self.answer(request)


class Asked(NamedTuple):
    """A request as a `Script` got it."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        values = [value for key, value in self.headers if key == name]
        return " | ".join(values) if values else None


@asynccontextmanager
async def script(tls: ssl.SSLContext | None = None) -> AsyncIterator[Script]:
    served = Script()
    runner = web.ServerRunner(web.Server(served.handle), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    assert site._server is not None
    served.port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    try:
        yield served
    finally:
        await runner.cleanup()


class Site:
    """One Envoy that serves what manifests say. Every host `NAME.test` is a route to the backend `app`."""

    def __init__(self, gateway: Gateway, auth: AuthService, app: Backend, plain: int, secure: int) -> None:
        self.gateway = gateway
        self.auth = auth
        self.app = app
        self.plain, self.secure = plain, secure
        self.trusted: tuple[str, ...] = ()
        self.problems: tuple[Problem, ...] = ()
        self.model = RoutingModel()
        self.resources = Resources()

    async def serve(
        self, routes: Mapping[str, Sequence[Spec]], *more: Manifest, tls_options: str = ""
    ) -> list[str]:
        """Serves hosts, each with its list of middlewares. Returns the problems."""
        documents = [*more, *service("app", self.app.port)]
        for host, specs in routes.items():
            names = [f"{host}-{index}" for index in range(len(specs))]
            documents += [middleware(name, spec) for name, spec in zip(names, specs, strict=True)]
            route = {
                "match": f"Host(`{host}.test`)",
                "services": [{"name": "app", "port": 80}],
                "middlewares": [{"name": name} for name in names],
            }
            documents.append(
                manifest(
                    "traefik.io/v1alpha1", "IngressRoute", host, spec={"routes": [route], "entryPoints": ["web"]}
                )
            )
            tls = {"options": {"name": tls_options}} if tls_options else {}
            secure = {"routes": [route], "entryPoints": ["websecure"], "tls": tls}
            documents.append(manifest("traefik.io/v1alpha1", "IngressRoute", f"{host}-tls", spec=secure))
        return await self.apply(documents)

    async def apply(self, documents: Sequence[Manifest]) -> list[str]:
        decoded = [decode_mapping(document) for document in documents]
        resources = [one.resource for one in decoded if one.resource is not None]
        found = [problem for one in decoded for problem in one.problems]
        forwarded = {"forwarded_headers": {"trustedIPs": list(self.trusted)}} if self.trusted else {}
        built = RoutingBuilder(_settings(self.plain, self.secure, forwarded), self_signed=_certificate()).build(
            Snapshot.of(resources, found)
        )
        self.auth.update(auth_tables(m for router in built.model.routers for m in router.every_middleware))
        self.auth.counters.update(
            m for router in built.model.routers for m in bound(router.every_middleware, router.name)
        )
        self.model = built.model
        translation = await self.gateway.serve(built.model, built.endpoints)
        self.resources = translation.resources
        self.problems = tuple(sorted({*built.problems, *translation.problems}))
        return [f"{problem.severity}: {problem}" for problem in self.problems]

    async def get(
        self, host: str, path: str = "/", *, tls: ssl.SSLContext | None = None, **options: Any
    ) -> Answer:
        port = self.secure if tls is not None else self.plain
        if tls is not None:
            options.setdefault("sni", f"{host}.test")
        return await ask(port, path, host=f"{host}.test", tls=tls, **options)


def _settings(plain: int, secure: int, forwarded: Mapping[str, Any]) -> IngressSettings:
    from hearthgate.ingress.settings import ForwardedHeaders

    trusted = ForwardedHeaders(trusted_ips=tuple(forwarded.get("forwarded_headers", {}).get("trustedIPs", ())))
    return IngressSettings(
        entry_points={
            "web": EntryPoint(address=f"127.0.0.1:{plain}", forwarded_headers=trusted),
            "websecure": EntryPoint(
                address=f"127.0.0.1:{secure}", http=EntryPointHTTP(tls=EntryPointTLS()), forwarded_headers=trusted
            ),
        }
    )


def _certificate() -> Certificate:
    return certificate_of(self_signed("default.test"))


def certificate_of(pair: Pair) -> Certificate:
    return Certificate(
        ref=ObjectRef("Secret", "default", "default"),
        names=("default.test",),
        chain=pair.chain.decode(),
        key=SecretBytes(pair.key),
        not_after=1.0,
    )


@asynccontextmanager
async def site(folder: Path, free_port: Callable[[], int], **options: Any) -> AsyncIterator[Site]:
    auth = AuthService(folder / "auth.sock")
    await auth.start()
    try:
        async with (
            gateway(folder, auth_socket=str(folder / "auth.sock"), **options) as running,
            backend("app") as app,
        ):
            yield Site(running, auth, app, free_port(), free_port())
    finally:
        await auth.stop()


async def post(port: int, host: str, body: bytes, path: str = "/", **headers: str) -> tuple[int, bytes]:
    """Status and body of the answer to a POST."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = [f"POST {path} HTTP/1.1", f"Host: {host}.test", "Connection: close"]
    if "transfer-encoding" in headers:
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    else:
        head.append(f"Content-Length: {len(body)}")
    head += [f"{key}: {value}" for key, value in headers.items()]
    writer.write("\r\n".join([*head, "", ""]).encode() + body)
    try:
        async with asyncio.timeout(10):
            answer = await reader.read()
    finally:
        writer.close()
    head_bytes, _, rest = answer.partition(b"\r\n\r\n")
    return int(head_bytes.split(b" ")[1]), rest


__all__ = [
    "Answer",
    "Asked",
    "Script",
    "Site",
    "manifest",
    "middleware",
    "post",
    "script",
    "secret",
    "service",
    "site",
]
