"""The reflector against a scripted API server, in virtual time: everything that can end a watch."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec
import pytest

from hearthgate.cluster.cache import KindCache
from hearthgate.cluster.client import Client
from hearthgate.cluster.reflector import Reflector, Timing
from hearthgate.model.problems import Reason
from tests.unit.cluster.fake_api import ROUTE, FakeApi, Status, answer, bad_route, line, route, running, stream
from tests.unit.cluster.virtual_time import run, until

Case = Callable[[FakeApi, KindCache], Awaitable[None]]


@asynccontextmanager
async def reflecting(client: Client, *, page_size: int = 500) -> AsyncIterator[KindCache]:
    cache = KindCache(ROUTE, lambda: None)
    reflector = Reflector(client, cache, timing=Timing(), page_size=page_size, chance=lambda: 0.0)
    task = asyncio.create_task(reflector.run())
    try:
        yield cache
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled(), task.exception()


def names(cache: KindCache) -> set[str]:
    return {name for _, name in cache.collection.objects}


def play(case: Case, *, prepare: Callable[[FakeApi], None] = lambda _: None, page_size: int = 500) -> None:
    async def scene() -> None:
        async with running() as (api, client):
            prepare(api)
            async with reflecting(client, page_size=page_size) as cache:
                await case(api, cache)

    run(scene())


def now() -> float:
    return asyncio.get_running_loop().time()


def with_two(api: FakeApi) -> None:
    api.put(route("a"))
    api.put(route("b"))


def paged_only(api: FakeApi) -> None:
    with_two(api)
    api.streaming_lists = False


def test_streaming_list_becomes_the_watch() -> None:
    async def case(api: FakeApi, cache: KindCache) -> None:
        await until(lambda: names(cache) == {"a", "b"})
        api.put(route("c"))
        api.remove(ROUTE, "default", "a")
        await until(lambda: names(cache) == {"b", "c"})
        assert [seen.what for seen in api.requests] == ["stream"]

    play(case, prepare=with_two)


def test_nothing_is_synced_before_the_bookmark() -> None:
    async def case(api: FakeApi, cache: KindCache) -> None:
        await until(lambda: cache.last_event is not None)
        assert not cache.synced
        assert not names(cache)

    def prepare(api: FakeApi) -> None:
        api.plan["stream"].append(stream(line("ADDED", route("a")), then="hang"))

    play(case, prepare=prepare)


def test_server_without_streaming_lists_is_listed_by_pages() -> None:
    async def case(api: FakeApi, cache: KindCache) -> None:
        await until(lambda: cache.synced)
        assert names(cache) == {"a", "b"}
        assert [seen.query["limit"] for seen in api.asked("list")] == ["1", "1"]
        await until(lambda: api.watching == 1)
        api.put(route("c"))
        await until(lambda: "c" in names(cache))
        assert [seen.what for seen in api.requests] == ["stream", "list", "list", "watch"]

    play(case, prepare=paged_only, page_size=1)


def test_error_inside_the_streaming_list_falls_back() -> None:
    error = msgspec.json.decode(Status(500, "InternalError", "etcd is too old").body())

    async def case(api: FakeApi, cache: KindCache) -> None:
        await until(lambda: names(cache) == {"a", "b"})
        assert "half" not in names(cache)
        await until(lambda: api.watching == 1)

    def prepare(api: FakeApi) -> None:
        with_two(api)
        api.plan["stream"].append(stream(line("ADDED", route("half")), line("ERROR", error)))

    play(case, prepare=prepare)


def test_streaming_list_cut_in_the_middle_falls_back() -> None:
    async def case(api: FakeApi, cache: KindCache) -> None:
        await until(lambda: names(cache) == {"a", "b"})

    def prepare(api: FakeApi) -> None:
        with_two(api)
        api.plan["stream"].append(stream(line("ADDED", route("half")), then="cut"))

    play(case, prepare=prepare)


def test_expired_version_relists_and_reports_what_is_gone() -> None:
    async def case(api: FakeApi, cache: KindCache) -> None:
        await until(lambda: names(cache) == {"a", "b"} and api.watching)
        api.freeze()
        api.remove(ROUTE, "default", "a")
        api.put(route("c"))
        api.compact()
        began = now()
        api.cut()
        await until(lambda: names(cache) == {"b", "c"})
        assert now() - began < 2
        assert cache.lists == 2

    play(case, prepare=with_two)


def test_expired_again_and_again_backs_off() -> None:
    expired = line("ERROR", msgspec.json.decode(Status(410, "Expired").body()))

    async def case(api: FakeApi, cache: KindCache) -> None:
        began = now()
        await until(lambda: api.watching == 1)
        assert 0.8 + 1.6 + 3.2 <= now() - began < 8
        assert len(api.asked("list")) == 5

    def prepare(api: FakeApi) -> None:
        paged_only(api)
        api.plan["watch"].extend(stream(expired) for _ in range(4))

    play(case, prepare=prepare)


def test_outage_keeps_what_is_known_and_catches_up() -> None:
    async def case(api: FakeApi, cache: KindCache) -> None:
        await until(lambda: names(cache) == {"a", "b"})
        await api.stop()
        await until(lambda: cache.trouble)
        await asyncio.sleep(60)
        assert names(cache) == {"a", "b"}
        api.remove(ROUTE, "default", "a")
        api.put(route("c"))
        back = now()
        await api.start()
        await until(lambda: names(cache) == {"b", "c"})
        assert now() - back <= 30
        await until(lambda: not cache.trouble)
        assert cache.lists == 1, "the old version was still good: no new list"

    play(case, prepare=with_two)


def test_server_that_is_away_at_the_start_is_waited_for() -> None:
    async def scene() -> None:
        async with running() as (api, client):
            with_two(api)
            await api.stop()
            async with reflecting(client) as cache:
                await until(lambda: cache.trouble)
                await asyncio.sleep(20)
                assert not cache.synced
                await api.start()
                await until(lambda: names(cache) == {"a", "b"})
                assert [seen.what for seen in api.requests] == ["stream"], "an outage is no reason to do without"

    run(scene())


def test_half_open_connection_is_given_up_after_silence() -> None:
    async def case(api: FakeApi, cache: KindCache) -> None:
        await until(lambda: names(cache) == {"a", "b"})
        api.freeze()
        frozen = now()
        api.put(route("c"))
        await until(lambda: "c" in names(cache))
        assert 150 <= now() - frozen < 152

    play(case, prepare=with_two)


def test_bookmarks_count_as_life_and_move_the_version() -> None:
    async def case(api: FakeApi, cache: KindCache) -> None:
        await until(lambda: names(cache) == {"a", "b"})
        for _ in range(5):
            await asyncio.sleep(60)
            api.revision += 10
            api.bookmark(ROUTE)
        await asyncio.sleep(1)
        assert len(api.requests) == 1
        api.end_watches()
        await until(lambda: len(api.requests) == 2)
        assert api.requests[-1].query["resourceVersion"] == str(api.revision)

    play(case, prepare=with_two)


def test_end_after_its_time_continues_at_once_but_a_short_watch_waits() -> None:
    async def case(api: FakeApi, cache: KindCache) -> None:
        await until(lambda: cache.synced and api.watching)
        await asyncio.sleep(100)
        ended = now()
        api.end_watches()
        await until(lambda: len(api.asked("watch")) == 1)
        assert now() - ended < 0.1
        api.end_watches()
        await until(lambda: len(api.asked("watch")) == 2)
        assert now() - ended >= 0.8

    play(case, prepare=with_two)


def test_retry_after_is_obeyed() -> None:
    async def case(api: FakeApi, cache: KindCache) -> None:
        began = now()
        await until(lambda: cache.synced)
        assert 7 + 20 <= now() - began < 29
        assert not api.asked("list"), "who asks for patience does not want another request"

    def prepare(api: FakeApi) -> None:
        api.plan["stream"].append(answer(Status(429, "TooManyRequests"), {"Retry-After": "7"}))
        api.plan["stream"].append(answer(Status(503, details={"retryAfterSeconds": 20})))

    play(case, prepare=prepare)


def test_refused_request_backs_off_up_to_half_a_minute() -> None:
    async def case(api: FakeApi, cache: KindCache) -> None:
        began = now()
        await until(lambda: len(api.asked("list")) == 10)
        expected = sum(min(0.8 * 2**turn, 30) for turn in range(9))
        assert expected <= now() - began < expected + 1
        assert "forbidden by RBAC" in cache.trouble

    def prepare(api: FakeApi) -> None:
        for what in ("stream", "list"):
            api.plan[what].extend(answer(Status(403, "Forbidden", "forbidden by RBAC")) for _ in range(20))

    play(case, prepare=prepare)


def test_kind_that_is_not_served_is_empty_and_may_come_later() -> None:
    async def case(api: FakeApi, cache: KindCache) -> None:
        await until(lambda: cache.absent)
        assert cache.synced
        await asyncio.sleep(100)
        assert len(api.requests) <= 5
        api.absent.clear()
        api.put(route("a"))
        came = now()
        await until(lambda: names(cache) == {"a"})
        assert not cache.absent
        assert now() - came <= 30

    play(case, prepare=lambda api: api.absent.add("ingressroutes"))


def test_404_of_a_starting_server_does_not_empty_the_cache() -> None:
    async def case(api: FakeApi, cache: KindCache) -> None:
        await until(lambda: names(cache) == {"a", "b"})
        api.absent.add("ingressroutes")
        api.cut()
        await asyncio.sleep(10)
        assert names(cache) == {"a", "b"}
        api.absent.clear()
        await until(lambda: api.watching == 1)
        assert cache.lists == 1

    play(case, prepare=with_two)


def test_404_that_lasts_empties_the_cache() -> None:
    async def case(api: FakeApi, cache: KindCache) -> None:
        await until(lambda: names(cache) == {"a", "b"})
        api.absent.add("ingressroutes")
        api.cut()
        await until(lambda: cache.absent)
        assert not names(cache)

    play(case, prepare=with_two)


def test_lines_cut_anywhere_and_several_in_one_piece() -> None:
    content = line("ADDED", route("x", resourceVersion="200")) + line("ADDED", route("y", resourceVersion="201"))

    async def case(api: FakeApi, cache: KindCache) -> None:
        await until(lambda: names(cache) == {"a", "b", "x", "y"})
        await until(lambda: api.watching)
        assert api.asked("watch")[-1].query["resourceVersion"] == "201", "the unfinished line does not count"

    def prepare(api: FakeApi) -> None:
        paged_only(api)
        pieces = [content[at : at + 37] for at in range(0, len(content), 37)]
        half = line("ADDED", route("z", resourceVersion="202"))[:-20]
        api.plan["watch"].append(stream(*pieces, half, then="cut"))

    play(case, prepare=prepare)


def test_line_of_many_megabytes() -> None:
    rule = "PathPrefix(`/" + "x" * 5_000_000 + "`)"

    async def case(api: FakeApi, cache: KindCache) -> None:
        await until(lambda: cache.synced and api.watching)
        api.put(route("huge", rule=rule))
        await until(lambda: "huge" in names(cache))
        assert len(api.requests) == 1

    play(case, prepare=with_two)


def test_bad_object_costs_only_itself() -> None:
    async def case(api: FakeApi, cache: KindCache) -> None:
        await until(lambda: cache.synced)
        assert names(cache) == {"a", "b"}
        [(ref, problems)] = cache.findings.refused.items()
        assert str(ref) == "IngressRoute default/bad"
        assert {problem.reason for problem in problems} == {Reason.UNKNOWN_FIELD, Reason.MISSING_FIELD}
        assert cache.findings.objects[ref].uid.startswith("uid-")
        api.put(route("bad"))
        await until(lambda: "bad" in names(cache))
        assert not cache.findings.refused
        api.put(bad_route("a"))
        await until(lambda: "a" not in names(cache))
        assert [str(ref) for ref in cache.findings.refused] == ["IngressRoute default/a"]
        api.remove(ROUTE, "default", "a")
        await until(lambda: not cache.findings.refused)

    def prepare(api: FakeApi) -> None:
        with_two(api)
        api.put(bad_route("bad"))

    play(case, prepare=prepare)


@pytest.mark.parametrize("watched", [True, False], ids=["watch", "list"])
def test_object_nested_too_deep_costs_only_itself(watched: bool) -> None:
    content = msgspec.json.encode(route("deep"))
    deep = content[:-1] + b',"status":' + b"[" * 20_000 + b"]" * 20_000 + b"}"

    async def case(_: FakeApi, cache: KindCache) -> None:
        await until(lambda: cache.synced)
        await until(lambda: cache.findings.refused)
        assert names(cache) == {"a", "b"}
        [[problem]] = cache.findings.refused.values()
        assert str(problem) == "IngressRoute default/deep: nested more than 200 levels deep"

    def prepare(api: FakeApi) -> None:
        paged_only(api)
        if watched:
            api.plan["watch"].append(stream(b'{"type":"ADDED","object":%b}\n' % deep))
            return
        good = b",".join(msgspec.json.encode(found) for found in api.objects.values())
        page = b'{"metadata":{"resourceVersion":"102"},"items":[%b,%b]}' % (deep, good)
        api.plan["list"].append(stream(page))

    play(case, prepare=prepare)


def test_unreadable_frames_break_the_watch_not_the_reflector() -> None:
    async def case(api: FakeApi, cache: KindCache) -> None:
        await until(lambda: cache.synced and api.watching == 1)
        assert len(api.asked("watch")) == 4
        assert names(cache) == {"a", "b"}

    def prepare(api: FakeApi) -> None:
        paged_only(api)
        api.plan["watch"].append(stream(b"<html>not Kubernetes</html>\n"))
        api.plan["watch"].append(stream(b'{"type":"SURPRISE","object":{}}\n'))
        api.plan["watch"].append(stream(b'{"type":"ADDED","object":{"metadata":{"name":"\xff"}\n'))

    play(case, prepare=prepare)


def test_last_applied_is_not_kept() -> None:
    async def case(api: FakeApi, cache: KindCache) -> None:
        await until(lambda: cache.synced)
        assert dict(cache.collection.ordered[0].metadata.annotations) == {"mine": "1"}

    def prepare(api: FakeApi) -> None:
        last = "kubectl.kubernetes.io/last-applied-configuration"
        api.put(route("a", annotations={last: "{}", "mine": "1"}))

    play(case, prepare=prepare)
