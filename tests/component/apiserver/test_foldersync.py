"""The folder sync on the real store of the embedded API and real files."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hearthgate.apiserver.foldersync.sync import FolderSync
from hearthgate.apiserver.objects import Objects
from hearthgate.apiserver.served import ServedKinds
from hearthgate.apiserver.store.store import Store
from hearthgate.apiserver.verbs import Verbs
from hearthgate.model.problems import Problem, Reason
from hearthgate.model.refs import ObjectRef
from hearthgate.resources.registry import KINDS
from tests.waiting import eventually

KIND = {kind.kind: kind for kind in KINDS}
BLOG = ObjectRef("Service", "web", "blog")


def service(name: str, port: int = 80, namespace: str = "web") -> str:
    return (
        f"apiVersion: v1\nkind: Service\nmetadata:\n  name: {name}\n  namespace: {namespace}\n"
        f"spec:\n  ports:\n    - port: {port}\n"
    )


@pytest.fixture
async def objects(tmp_path: Path) -> AsyncIterator[Objects]:
    store = await Store.open(tmp_path / "state")
    yield Objects(store, Verbs(store, lambda: datetime.now(UTC)), ServedKinds())
    await store.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "manifests"
    root.mkdir()
    return root


def _as_condition(check: Callable[[], Awaitable[bool]]) -> Callable[[], bool | Awaitable[bool]]:
    return check


class Synced:
    """A running sync and what it last reported."""

    def __init__(self, folder: Path, objects: Objects) -> None:
        self.folder = folder
        self.objects = objects
        self.problems: tuple[Problem, ...] | None = None
        self.sync = FolderSync([folder], objects, self._on_problems, prune_delay=0.05)

    def _on_problems(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems

    @property
    def reasons(self) -> list[Reason]:
        return [problem.reason for problem in self.problems or ()]

    async def get(self, ref: ObjectRef) -> dict[str, Any] | None:
        return await self.objects.get(KIND[ref.kind], ref.namespace, ref.name)

    async def port(self, ref: ObjectRef) -> int | None:
        found = await self.get(ref)
        return found["spec"]["ports"][0]["port"] if found else None

    async def until_port(self, ref: ObjectRef, port: int | None) -> None:
        async def reached() -> bool:
            return await self.port(ref) == port

        await eventually(_as_condition(reached), what=f"{ref} at port {port}")

    async def until_reasons(self, *reasons: Reason) -> None:
        await eventually(lambda: self.reasons == list(reasons), what=f"problems {reasons}, not {self.reasons}")


@contextlib.asynccontextmanager
async def running(folder: Path, objects: Objects) -> AsyncIterator[Synced]:
    synced = Synced(folder, objects)
    task = asyncio.create_task(synced.sync.run())
    try:
        await eventually(lambda: synced.problems is not None or task.done(), what="the first pass")
        if task.done():
            await task
        yield synced
        assert not task.done(), task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def move(path: Path, to: Path) -> None:
    path.rename(to)


def replace(path: Path, text: str) -> None:
    """As editors save: another file takes the name."""
    new = path.with_name(f".{path.name}.swp")
    new.write_text(text)
    new.rename(path)


async def test_applies_with_marks_and_creates_namespaces(folder: Path, objects: Objects) -> None:
    (folder / "apps").mkdir()
    (folder / "apps" / "blog.yaml").write_text(f"# the blog\n{service('blog')}---\n{service('wiki', 81)}")
    async with running(folder, objects) as synced:
        assert synced.problems == ()
        wiki = await synced.get(ObjectRef("Service", "web", "wiki"))
        assert wiki is not None
        assert wiki["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "hearthgate-folder"}
        assert wiki["metadata"]["annotations"] == {"hearthgate.dev/source": "apps/blog.yaml:11"}
        namespace = await synced.get(ObjectRef("Namespace", "", "web"))
        assert namespace is not None
        assert namespace["metadata"]["annotations"] == {"hearthgate.dev/source": "apps/blog.yaml:2"}
        assert synced.sync.locate(BLOG, "spec.ports[0].port") == (str(folder / "apps" / "blog.yaml"), 9)
        assert synced.sync.locate(ObjectRef("Service", "web", "nobody"), "") is None


async def test_follows_changes_and_prunes(folder: Path, objects: Objects) -> None:
    file = folder / "blog.yaml"
    file.write_text(service("blog"))
    (folder / "other.yaml").write_text(service("other"))
    async with running(folder, objects) as synced:
        file.write_text(service("blog", 81))
        await synced.until_port(BLOG, 81)
        replace(file, service("blog", 82))
        await synced.until_port(BLOG, 82)
        (folder / "deep" / "er").mkdir(parents=True)
        (folder / "deep" / "er" / "new.json").write_text(
            '{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "new", "namespace": "web"},'
            ' "spec": {"ports": [{"port": 90}]}}'
        )
        new = ObjectRef("Service", "web", "new")
        await synced.until_port(new, 90)
        shutil.rmtree(folder / "deep")
        await synced.until_port(new, None)
        file.rename(folder / "renamed.yml")
        await eventually(lambda: synced.sync.locate(BLOG, "") == (str(folder / "renamed.yml"), 1))
        assert await synced.port(BLOG) == 82
        (folder / "renamed.yml").unlink()
        await synced.until_port(BLOG, None)
        assert await synced.port(ObjectRef("Service", "web", "other")) == 80
        assert synced.problems == ()


async def test_the_last_manifest_goes_and_takes_its_namespace_along(folder: Path, objects: Objects) -> None:
    (folder / "blog.yaml").write_text(service("blog"))
    async with running(folder, objects) as synced:
        (folder / "blog.yaml").unlink()
        await synced.until_port(BLOG, None)

        async def going() -> bool:
            namespace = await synced.get(ObjectRef("Namespace", "", "web"))
            return namespace is None or "deletionTimestamp" in namespace["metadata"]

        await eventually(_as_condition(going), what="the namespace is going")


async def test_a_namespace_with_others_in_it_stays(folder: Path, objects: Objects) -> None:
    (folder / "blog.yaml").write_text(service("blog"))
    async with running(folder, objects) as synced:
        other = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "mine", "namespace": "web"}}
        await objects.apply(other, manager="kubectl")
        (folder / "blog.yaml").unlink()
        await synced.until_port(BLOG, None)
        await synced.until_reasons(Reason.REJECTED)
        assert await synced.get(ObjectRef("ConfigMap", "web", "mine")) is not None


async def test_a_broken_file_keeps_its_last_good_state(folder: Path, objects: Objects) -> None:
    file = folder / "two.yaml"
    file.write_text(f"{service('blog')}---\n{service('wiki')}")
    async with running(folder, objects) as synced:
        replace(file, f"{service('blog', 81)}---\nkind: [\n")
        await synced.until_reasons(Reason.SYNTAX_ERROR)
        (problem,) = synced.problems or ()
        assert "its last good state stays" in problem.message
        assert synced.sync.locate(problem.ref, problem.field) == (str(file), 11)
        assert await synced.port(BLOG) == 80
        assert await synced.port(ObjectRef("Service", "web", "wiki")) == 80
        replace(file, service("blog", 82))
        await synced.until_port(BLOG, 82)
        await synced.until_port(ObjectRef("Service", "web", "wiki"), None)
        assert synced.problems == ()


async def test_a_file_that_was_never_good_gives_what_can_be_read(folder: Path, objects: Objects) -> None:
    (folder / "two.yaml").write_text(f"{service('blog')}---\nkind: [\n")
    async with running(folder, objects) as synced:
        assert synced.reasons == [Reason.SYNTAX_ERROR]
        assert await synced.port(BLOG) == 80


async def test_a_refused_object_keeps_its_last_good_version(folder: Path, objects: Objects) -> None:
    file = folder / "blog.yaml"
    file.write_text(f"{service('blog')}---\n{service('wiki')}")
    async with running(folder, objects) as synced:
        replace(file, f"{service('blog').replace('80', 'eighty')}---\n{service('wiki', 81)}")
        await synced.until_port(ObjectRef("Service", "web", "wiki"), 81)
        assert await synced.port(BLOG) == 80
        (problem,) = await eventually(lambda: synced.problems or (), what="the problem")
        assert (problem.ref, problem.field, problem.reason) == (BLOG, "spec.ports[0].port", Reason.INVALID_VALUE)
        assert "stays" in problem.message
        assert synced.sync.locate(problem.ref, problem.field) == (str(file), 8)


async def test_a_typo_in_a_built_in_kind_is_told_and_left_out(folder: Path, objects: Objects) -> None:
    (folder / "a.yaml").write_text(service("blog") + "      taregtPort: 8080\n")
    async with running(folder, objects) as synced:
        await synced.until_reasons(Reason.UNKNOWN_FIELD)
        (problem,) = synced.problems or ()
        assert (problem.field, problem.is_error) == ("spec.ports[0].taregtPort", False)
        stored = await synced.get(BLOG)
        assert stored is not None
        assert stored["spec"]["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": 80}]


async def test_values_that_the_api_refuses_are_told_from_the_file(folder: Path, objects: Objects) -> None:
    (folder / "a.yaml").write_text(service("blog", port=70000))
    async with running(folder, objects) as synced:
        await synced.until_reasons(Reason.INVALID_VALUE, Reason.INVALID_VALUE)
        assert [problem.field for problem in synced.problems or ()] == [
            "spec.ports[0].port",
            "spec.ports[0].targetPort",
        ]


async def test_what_others_made_is_left_alone(folder: Path, objects: Objects) -> None:
    await objects.create_namespace("web", manager="kubectl")
    await objects.apply(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "blog", "namespace": "web"},
            "spec": {"ports": [{"port": 1}]},
        },
        manager="kubectl",
    )
    (folder / "blog.yaml").write_text(f"{service('blog')}---\n{service('wiki')}")
    async with running(folder, objects) as synced:
        assert synced.reasons == [Reason.REJECTED]
        assert await synced.port(BLOG) == 1
        (folder / "blog.yaml").write_text("")
        await synced.until_port(ObjectRef("Service", "web", "wiki"), None)
        assert await synced.port(BLOG) == 1
        assert await synced.get(ObjectRef("Namespace", "", "web")) is not None


async def test_ownership_survives_a_restart(folder: Path, objects: Objects) -> None:
    (folder / "blog.yaml").write_text(service("blog"))
    (folder / "wiki.yaml").write_text(service("wiki"))
    async with running(folder, objects):
        pass
    (folder / "blog.yaml").unlink()
    async with running(folder, objects) as synced:
        await synced.until_port(BLOG, None)
        assert await synced.port(ObjectRef("Service", "web", "wiki")) == 80


async def test_a_vanished_folder_wipes_nothing(folder: Path, tmp_path: Path, objects: Objects) -> None:
    (tmp_path / "empty").mkdir()
    (folder / "blog.yaml").write_text(service("blog"))
    async with running(folder, objects) as synced:
        away = folder.with_name("away")
        move(folder, away)
        await synced.until_reasons(Reason.UNREADABLE)
        assert await synced.port(BLOG) == 80
        # An empty mount point in its place is no better.
        shutil.copytree(tmp_path / "empty", folder)
        await eventually(lambda: synced.problems and "not mounted" in synced.problems[0].message)
        assert await synced.port(BLOG) == 80
        shutil.rmtree(folder)
        (away / "blog.yaml").write_text(service("blog", 81))
        move(away, folder)
        await synced.until_port(BLOG, 81)
        await synced.until_reasons()
        (folder / "blog.yaml").unlink()
        await synced.until_port(BLOG, None)


async def test_an_empty_folder_at_the_start_wipes_nothing(folder: Path, objects: Objects) -> None:
    (folder / "blog.yaml").write_text(service("blog"))
    async with running(folder, objects):
        pass
    (folder / "blog.yaml").unlink()
    async with running(folder, objects) as synced:
        assert synced.reasons == [Reason.UNREADABLE]
        assert await synced.port(BLOG) == 80
        (folder / "none.yaml").touch()
        await synced.until_port(BLOG, None)
        assert synced.problems == ()


async def test_a_folder_that_comes_later(tmp_path: Path, objects: Objects) -> None:
    root = tmp_path / "not" / "yet"
    async with running(root, objects) as synced:
        assert synced.reasons == [Reason.UNREADABLE]
        root.mkdir(parents=True)
        (root / "blog.yaml").write_text(service("blog"))
        await synced.until_port(BLOG, 80)
        await synced.until_reasons()
        (root / "blog.yaml").write_text(service("blog", 81))
        await synced.until_port(BLOG, 81)


async def test_a_folder_cloned_anew(tmp_path: Path, objects: Objects) -> None:
    """`rm -rf homelab`, then another clone in its place."""
    clone = tmp_path / "clones" / "homelab"

    def clone_anew(port: int) -> None:
        (clone / "apps").mkdir(parents=True)
        (clone / "apps" / "blog.yaml").write_text(service("blog", port))

    clone_anew(80)
    async with running(clone / "apps", objects) as synced:
        for port, first in ((81, "clones"), (82, "clones/homelab/apps")):
            shutil.rmtree(tmp_path / first)
            await synced.until_reasons(Reason.UNREADABLE)
            assert await synced.port(BLOG) == port - 1
            shutil.rmtree(tmp_path / "clones", ignore_errors=True)
            clone_anew(port)
            await synced.until_port(BLOG, port)


async def test_a_burst_of_changes_ends_in_the_last_state(folder: Path, objects: Objects) -> None:
    file = folder / "blog.yaml"
    file.write_text(service("blog"))
    async with running(folder, objects) as synced:
        for port in range(1, 200):
            replace(file, service("blog", port))
            await asyncio.sleep(0)
        await synced.until_port(BLOG, 199)
        assert synced.problems == ()


async def test_duplicates_name_both_places(folder: Path, objects: Objects) -> None:
    (folder / "a.yaml").write_text(service("blog", 1))
    (folder / "b.yaml").write_text(f"\n{service('blog', 2)}")
    async with running(folder, objects) as synced:
        (problem,) = synced.problems or ()
        assert problem.reason is Reason.DUPLICATE_OBJECT
        assert f"{folder}/a.yaml:1" in problem.message
        assert f"{folder}/b.yaml:2" in problem.message
        assert await synced.port(BLOG) == 1
        (folder / "a.yaml").unlink()
        await synced.until_port(BLOG, 2)
        await synced.until_reasons()


async def test_a_switched_link_is_noticed(tmp_path: Path, objects: Objects) -> None:
    """Deployments by link: `current` points to the release that counts."""
    for number in (1, 2):
        release = tmp_path / f"release-{number}"
        release.mkdir()
        (release / "blog.yaml").write_text(service("blog", number))
    current = tmp_path / "current"
    current.symlink_to("release-1")
    async with running(current, objects) as synced:
        assert await synced.port(BLOG) == 1
        (tmp_path / "next").symlink_to("release-2")
        (tmp_path / "next").rename(current)
        await synced.until_port(BLOG, 2)


async def test_many_objects_are_applied_together(folder: Path, objects: Objects) -> None:
    text = "---\n".join(service(f"s{number}", number + 1) for number in range(300))
    (folder / "many.yaml").write_text(text)
    async with running(folder, objects) as synced:
        assert synced.problems == ()
        assert len(await objects.list(KIND["Service"], "web")) == 300


async def test_a_file_as_root(folder: Path, objects: Objects) -> None:
    file = folder / "blog.yaml"
    file.write_text(service("blog"))
    (folder / "other.yaml").write_text(service("other"))
    async with running(file, objects) as synced:
        replace(file, service("blog", 81))
        await synced.until_port(BLOG, 81)
        assert await synced.port(ObjectRef("Service", "web", "other")) is None


KUBECTL = shutil.which("kubectl")


@pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed")
async def test_a_kustomization_is_rendered_and_its_base_followed(
    folder: Path, tmp_path: Path, objects: Objects
) -> None:
    base = tmp_path / "base"
    base.mkdir()
    (base / "kustomization.yaml").write_text("resources: [blog.yaml]\n")
    (base / "blog.yaml").write_text(service("blog"))
    overlay = folder / "home"
    overlay.mkdir()
    (overlay / "kustomization.yaml").write_text("resources: [../../base]\nnameSuffix: -home\n")
    (overlay / "not-a-resource.yaml").write_text(service("stray"))
    home = ObjectRef("Service", "web", "blog-home")
    async with running(folder, objects) as synced:
        assert synced.problems == ()
        assert await synced.port(home) == 80
        assert await synced.port(ObjectRef("Service", "web", "stray")) is None
        (base / "blog.yaml").write_text(service("blog", 81))
        await synced.until_port(home, 81)
        (overlay / "kustomization.yaml").write_text("resources: [nowhere.yaml]\n")
        await synced.until_reasons(Reason.UNREADABLE)
        assert await synced.port(home) == 81
