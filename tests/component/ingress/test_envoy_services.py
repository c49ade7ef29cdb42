"""Which backend a request reaches: weights, sticky cookies, strategies, protocols, names, TLS to backends."""

import asyncio
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import grpc
import pytest

from hearthgate.ingress.routing.model import (
    Endpoint,
    EndpointsKey,
    EntryPoint,
    LoadBalancer,
    Service,
    StickyCookie,
    Transport,
    WeightedMember,
    WeightedService,
)
from tests.component.ingress.certificates import Pair, self_signed
from tests.component.ingress.gateway import Answer, Backend, Gateway, ask, backend, gateway, model, router

NAME = "backend.test"


class Stage:
    """Backends `a`, `b` and `c` over plain HTTP; `serve` puts one service behind `site.test`."""

    def __init__(self, running: Gateway, port: int, backends: dict[str, Backend]) -> None:
        self.gateway, self.port, self.backends = running, port, backends

    def __getitem__(self, name: str) -> Backend:
        return self.backends[name]

    async def serve(self, service: Service, **more: tuple[Endpoint, ...]) -> None:
        endpoints = {key: value for one in self.backends.values() for key, value in one.endpoints.items()}
        endpoints |= {EndpointsKey("default", name, "http"): value for name, value in more.items()}
        web = EntryPoint(name="web", host="127.0.0.1", port=self.port)
        translation = await self.gateway.serve(model([web], [router("Host(`site.test`)", service)]), endpoints)
        assert not translation.problems

    async def reached(self, times: int, cookies: str = "") -> Counter[str]:
        answers = [await ask(self.port, headers={"Cookie": cookies} if cookies else {}) for _ in range(times)]
        return Counter(answer.json["backend"] for answer in answers)


@pytest.fixture
async def stage(tmp_path: Path, free_port: Callable[[], int]) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(gateway(tmp_path))
        backends = {name: await stack.enter_async_context(backend(name)) for name in ("a", "b", "c")}
        yield Stage(running, free_port(), backends)


def weighted(name: str, *members: tuple[int, Service], sticky: StickyCookie | None = None) -> WeightedService:
    return WeightedService(
        name=name, members=tuple(WeightedMember(weight=w, service=s) for w, s in members), sticky=sticky
    )


def cookie_of(answer: Answer, name: str) -> str:
    values = [
        value for key, value in answer.headers if key.lower() == "set-cookie" and value.startswith(f"{name}=")
    ]
    assert len(values) == 1, answer.headers
    return values[0]


async def test_weights_are_kept_through_nesting(stage: Stage) -> None:
    inner = weighted("inner", (1, stage["b"].balancer()), (1, stage["c"].balancer()))
    await stage.serve(weighted("outer", (2, stage["a"].balancer()), (1, inner), (0, stage["c"].balancer())))
    reached = await stage.reached(240)
    assert set(reached) == {"a", "b", "c"}
    assert 120 < reached["a"] < 200
    assert 15 < reached["c"] < 70


async def test_a_member_that_has_nothing_to_choose_from_answers_503(stage: Stage) -> None:
    await stage.serve(weighted("outer", (1, weighted("inner", (0, stage["a"].balancer())))))
    answer = await ask(stage.port)
    assert (answer.status, answer.body) == (503, b"no available server")
    await stage.serve(weighted("outer", (0, stage["a"].balancer())))
    answer = await ask(stage.port)
    assert (answer.status, answer.body) == (503, b"no available server")


async def test_sticky_weighted_service_keeps_its_clients(stage: Stage) -> None:
    cookie = StickyCookie(name="lb", secure=True, http_only=True, same_site="lax", max_age=60, path="/x")
    service = weighted("outer", (1, stage["a"].balancer()), (1, stage["b"].balancer()), sticky=cookie)
    await stage.serve(service)
    first = await ask(stage.port)
    said = cookie_of(first, "lb")
    pair, *attributes = said.split("; ")
    assert attributes == ["Path=/x", "Max-Age=60", "HttpOnly", "Secure", "SameSite=Lax"]
    assert await stage.reached(20, pair) == Counter({first.json["backend"]: 20})
    again = await ask(stage.port, headers={"Cookie": pair})
    assert again.header("set-cookie") is None
    assert len(await stage.reached(40, "lb=unknown")) == 2


async def test_sticky_server_inside_a_sticky_weighted_service(stage: Stage) -> None:
    both = (stage["a"].endpoint, stage["b"].endpoint)
    pair = LoadBalancer(
        name="pair", endpoints=EndpointsKey("default", "pair", "http"), sticky=StickyCookie(name="server")
    )
    service = weighted("outer", (1, pair), (1, stage["c"].balancer()), sticky=StickyCookie(name="member"))
    await stage.serve(service, pair=both)
    while (first := await ask(stage.port)).json["backend"] == "c":
        pass
    cookies = "; ".join(cookie_of(first, name).partition(";")[0] for name in ("member", "server"))
    assert await stage.reached(20, cookies) == Counter({first.json["backend"]: 20})


async def test_attributes_of_a_sticky_servers_cookie(stage: Stage) -> None:
    cookie = StickyCookie(name="c", secure=True, http_only=True, same_site="lax", max_age=60, domain="test")
    await stage.serve(stage["a"].balancer(sticky=cookie))
    _, *attributes = cookie_of(await ask(stage.port), "c").split("; ")
    assert set(attributes) == {"Path=/", "Domain=test", "Max-Age=60", "HttpOnly", "Secure", "SameSite=Lax"}


async def test_sticky_server_that_is_gone_is_replaced(stage: Stage) -> None:
    pair = LoadBalancer(
        name="pair", endpoints=EndpointsKey("default", "pair", "http"), sticky=StickyCookie(name="server")
    )
    await stage.serve(pair, pair=(stage["a"].endpoint, stage["b"].endpoint))
    first = await ask(stage.port)
    kept = cookie_of(first, "server").partition(";")[0]
    assert len(await stage.reached(20, kept)) == 1
    other = "b" if first.json["backend"] == "a" else "a"
    await stage.serve(pair, pair=(stage[other].endpoint,))
    answer = await ask(stage.port, headers={"Cookie": kept})
    assert answer.json["backend"] == other
    assert cookie_of(answer, "server")


@pytest.mark.parametrize("strategy", ["wrr", "p2c", "hrw"])
async def test_strategies(stage: Stage, strategy: str) -> None:
    pair = LoadBalancer(name="pair", endpoints=EndpointsKey("default", "pair", "http"), strategy=strategy)
    await stage.serve(pair, pair=(stage["a"].endpoint, stage["b"].endpoint))
    reached = await stage.reached(40)
    if strategy == "hrw":
        assert len(reached) == 1
        sources = [f"127.0.0.{number}" for number in range(2, 40)]
        elsewhere = {(await ask(stage.port, source=source)).json["backend"] for source in sources}
        assert elsewhere == {"a", "b"}
    else:
        assert set(reached) == {"a", "b"}


async def test_host_of_the_server_when_the_clients_is_not_passed(stage: Stage) -> None:
    await stage.serve(stage["a"].balancer(pass_host_header=False))
    assert (await ask(stage.port)).sent("host") == f"127.0.0.1:{stage['a'].port}"
    external = LoadBalancer(name="x", external=Endpoint("localhost", stage["b"].port), pass_host_header=False)
    await stage.serve(external)
    assert (await ask(stage.port)).sent("host") == f"localhost:{stage['b'].port}"


async def test_external_names_and_endpoints_with_names(stage: Stage) -> None:
    await stage.serve(LoadBalancer(name="x", external=Endpoint("localhost", stage["a"].port)))
    assert await stage.reached(3) == Counter(a=3)
    named = LoadBalancer(name="n", endpoints=EndpointsKey("default", "named", "http"))
    await stage.serve(named, named=(Endpoint("localhost", stage["b"].port), stage["c"].endpoint))
    assert set(await stage.reached(10)) == {"b", "c"}
    await stage.serve(named, named=(stage["c"].endpoint,))
    assert await stage.reached(3) == Counter(c=3)


async def test_a_dead_server_among_live_ones_is_passed_over(stage: Stage, free_port: Callable[[], int]) -> None:
    pair = LoadBalancer(name="pair", endpoints=EndpointsKey("default", "pair", "http"))
    await stage.serve(pair, pair=(stage["a"].endpoint, Endpoint("127.0.0.1", free_port())))
    assert await stage.reached(10) == Counter(a=10)


def server_context(pair: Pair, folder: Path, *alpn: str) -> ssl.SSLContext:
    file = folder / "pair.pem"
    file.write_bytes(pair.chain + pair.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    context.set_alpn_protocols(list(alpn))
    return context


@asynccontextmanager
async def secure_backend(folder: Path, *names: str) -> AsyncIterator[Backend]:
    async with backend("secure", server_context(self_signed(*names), folder, "http/1.1")) as one:
        yield one


def cases(pem: str, other: str) -> Iterator[tuple[str, Transport, int]]:
    yield "nothing verified", Transport(insecure_skip_verify=True), 200
    yield "its authority and its name", Transport(root_cas=(pem,), server_name=NAME), 200
    yield "another name", Transport(root_cas=(pem,), server_name="other.test"), 502
    yield "another authority", Transport(root_cas=(other,), server_name=NAME), 502
    yield "no name, an address that is not its own", Transport(root_cas=(pem,)), 502
    yield "the system's authorities", Transport(server_name=NAME), 502
    yield "HTTP/1 alone", Transport(insecure_skip_verify=True, http2=False), 200


async def test_tls_to_backends(tmp_path: Path, free_port: Callable[[], int]) -> None:
    pem, other = self_signed(NAME).chain.decode(), self_signed("other").chain.decode()
    (tmp_path / "system.pem").write_text(other)
    port = free_port()
    web = EntryPoint(name="web", host="127.0.0.1", port=port)
    async with (
        gateway(tmp_path, system_cas=str(tmp_path / "system.pem")) as running,
        secure_backend(tmp_path, NAME) as one,
        aiohttp.ClientSession() as session,
    ):
        for case, transport, status in cases(pem, other):
            balancer = one.balancer(scheme="https", transport=transport)
            await running.serve(model([web], [router("Host(`site.test`)", balancer)]), one.endpoints)
            answer = await ask(port)
            assert answer.status == status, case
            if status == 200:
                assert answer.json["tls"], case
                url = f"http://127.0.0.1:{port}/ws"
                async with session.ws_connect(url, headers={"Host": "site.test"}) as web_socket:
                    await web_socket.receive_str()
                    await web_socket.send_str("x")
                    assert await web_socket.receive_str() == "secure: x", case


async def test_https_backend_without_anything_to_verify_it_by_is_refused(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    web = EntryPoint(name="web", host="127.0.0.1", port=free_port())
    async with gateway(tmp_path) as running, backend("one") as one:
        routers = [
            router("Host(`site.test`)", one.balancer()),
            router("Host(`secure.test`)", one.balancer(scheme="https", transport=Transport(server_name=NAME))),
        ]
        translation = await running.serve(model([web], routers), one.endpoints)
        assert ["rootCAs" in problem.message for problem in translation.problems] == [True]
        assert (await ask(web.port)).status == 200
        assert (await ask(web.port, host="secure.test")).status == 404


def grpc_server(credentials: grpc.ServerCredentials | None) -> tuple[grpc.aio.Server, int]:
    async def echo(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        await context.send_initial_metadata((("seen", "yes"),))
        context.set_trailing_metadata((("last", "word"),))
        metadata = dict(context.invocation_metadata() or ())
        return request + str(metadata["x-forwarded-proto"]).encode()

    handler = grpc.unary_unary_rpc_method_handler(echo)
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", {"Say": handler}),))
    address = "127.0.0.1:0"
    port = server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
    return server, port


@pytest.mark.parametrize("scheme", ["h2c", "https"])
async def test_grpc(stage: Stage, scheme: str) -> None:
    pair = self_signed(NAME)
    credentials = grpc.ssl_server_credentials([(pair.key, pair.chain)]) if scheme == "https" else None
    server, port = grpc_server(credentials)
    await server.start()
    try:
        key = EndpointsKey("default", "grpc", "http")
        balancer = LoadBalancer(
            name="grpc", endpoints=key, scheme=scheme, transport=Transport(insecure_skip_verify=True)
        )
        await stage.serve(balancer, grpc=(Endpoint("127.0.0.1", port),))
        options = [("grpc.default_authority", "site.test")]
        async with grpc.aio.insecure_channel(f"127.0.0.1:{stage.port}", options=options) as channel:
            call = channel.unary_unary("/test.Echo/Say", bytes, bytes)(b"hello ")
            assert await asyncio.wait_for(call, 10) == b"hello http"
            assert ("last", "word") in tuple(await call.trailing_metadata() or ())
    finally:
        await server.stop(None)


async def test_endpoints_change_without_a_new_translation(stage: Stage) -> None:
    one = LoadBalancer(name="one", endpoints=EndpointsKey("default", "one", "http"))
    await stage.serve(one, one=(stage["a"].endpoint,))
    assert await stage.reached(3) == Counter(a=3)
    moved = {EndpointsKey("default", "one", "http"): (stage["b"].endpoint,)}
    resources = stage.gateway.translator.translate_endpoints(moved)
    assert resources is not None
    for changed in resources.values():
        await stage.gateway.server.update_endpoints(changed)
    assert await stage.reached(3) == Counter(b=3)
