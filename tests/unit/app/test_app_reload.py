"""Settings read again: what changes at once, what must wait, and files that cannot be used."""

import asyncio
from pathlib import Path

import pytest

from hearthgate.app.reload import Reloader, SettingsSource, merged
from hearthgate.app.settings import Settings, SettingsError
from hearthgate.model.problems import Problem, Reason
from tests.waiting import eventually

FIRST = "entryPoints: {web: {address: '127.0.0.1:8000'}}\n"
SECOND = "entryPoints: {web: {address: '127.0.0.1:8001'}}\n"


def _write(path: Path, text: str) -> None:
    path.write_text(text)


def _remove(path: Path) -> None:
    path.unlink()


class Role:
    """Takes what a Reloader says."""

    def __init__(self, path: Path) -> None:
        self.source = SettingsSource(path)
        self.applied: list[Settings] = []
        self.problems: tuple[Problem, ...] = ()
        self.tellings = 0
        self.refuses = False
        self.reloader = Reloader(self.source, self.source.load(), apply=self._apply, tell=self._tell)

    @property
    def addresses(self) -> list[str]:
        return [settings.entry_points["web"].address for settings in self.applied]

    def _apply(self, settings: Settings) -> None:
        if self.refuses:
            problem = Problem(ref=self.source.ref, field="x", reason=Reason.UNREADABLE, message="gone")
            raise SettingsError([problem])
        self.applied.append(settings)

    def _tell(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        self.tellings += 1


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "hearthgate.yaml"
    found.write_text(FIRST)
    return found


async def test_a_changed_file_is_applied_and_a_broken_one_is_not(path: Path) -> None:
    role = Role(path)
    running = asyncio.create_task(role.reloader.run())
    await eventually(lambda: role.tellings, what="the first look")
    assert role.applied == []
    _write(path, SECOND)
    await eventually(lambda: role.addresses == ["127.0.0.1:8001"], what="the change")
    _write(path, "entryPoints: {web: {adress: ':1'}}")
    await eventually(lambda: role.problems, what="the mistakes")
    assert [(p.reason, p.field) for p in role.problems] == [
        (Reason.MISSING_FIELD, "entryPoints.web.address"),
        (Reason.UNKNOWN_FIELD, "entryPoints.web.adress"),
    ]
    # As editors do it: a new file in the place of the old one.
    other = path.with_name("new")
    other.write_text(FIRST)
    other.rename(path)
    await eventually(lambda: role.addresses == ["127.0.0.1:8001", "127.0.0.1:8000"], what="the repair")
    await eventually(lambda: not role.problems, what="the problems' end")
    running.cancel()


async def test_a_file_that_goes_away_changes_nothing(path: Path) -> None:
    role = Role(path)
    running = asyncio.create_task(role.reloader.run())
    await eventually(lambda: role.tellings, what="the first look")
    _remove(path)
    await eventually(lambda: role.problems, what="the mistake")
    assert role.problems[0].reason is Reason.UNREADABLE
    assert role.applied == []
    running.cancel()


@pytest.mark.parametrize("text", ["", "\n \n"])
async def test_a_file_that_is_being_written_changes_nothing(path: Path, text: str) -> None:
    role = Role(path)
    running = asyncio.create_task(role.reloader.run())
    await eventually(lambda: role.tellings, what="the first look")
    _write(path, text)
    await eventually(lambda: role.problems, what="the mistake")
    assert [problem.reason for problem in role.problems] == [Reason.SYNTAX_ERROR]
    assert role.applied == []
    _write(path, "{}")
    await eventually(lambda: role.applied, what="defaults that are asked for")
    assert role.problems == ()
    running.cancel()


async def test_a_switched_link_is_noticed(tmp_path: Path) -> None:
    """As a mounted ConfigMap changes."""
    for name, text in (("one", FIRST), ("two", SECOND)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "hearthgate.yaml").write_text(text)
    (tmp_path / "..data").symlink_to("one")
    link = tmp_path / "hearthgate.yaml"
    link.symlink_to("..data/hearthgate.yaml")
    role = Role(link)
    running = asyncio.create_task(role.reloader.run())
    await eventually(lambda: role.tellings, what="the first look")
    (tmp_path / "next").symlink_to("two")
    (tmp_path / "next").rename(tmp_path / "..data")
    await eventually(lambda: role.addresses == ["127.0.0.1:8001"], what="the change")
    running.cancel()


async def test_asked_for_it_reads_again_what_has_not_changed(path: Path) -> None:
    """Files that the settings name may have."""
    role = Role(path)
    running = asyncio.create_task(role.reloader.run())
    await eventually(lambda: role.tellings, what="the first look")
    role.reloader.request()
    await eventually(lambda: role.addresses == ["127.0.0.1:8000"], what="the application")
    role.refuses = True
    role.reloader.request()
    await eventually(lambda: role.problems, what="the refusal")
    running.cancel()


def test_what_must_wait_is_told(path: Path) -> None:
    source = SettingsSource(path)
    running = source.load()
    path.write_text(
        SECOND + "log: {level: DEBUG, format: json}\nembeddedAPI: {address: '127.0.0.1:1'}\npodNamespace: x\n"
        "policy: {enforce: true, members: [{namespace: a, name: b, addresses: [10.0.0.1]}]}\n"
    )
    settings, problems = merged(running, source.load(), source.ref)
    assert settings.entry_points["web"].address == "127.0.0.1:8001"
    assert (settings.log.level, settings.log.format) == ("DEBUG", "console")
    assert settings.embedded_api == running.embedded_api
    assert (settings.policy.enforce, len(settings.policy.members)) == (False, 1)
    assert [(p.field, p.reason, p.is_error) for p in problems] == [
        ("log.format", Reason.RESTART_NEEDED, False),
        ("embeddedAPI", Reason.RESTART_NEEDED, False),
        ("podNamespace", Reason.RESTART_NEEDED, False),
        ("policy.enforce", Reason.RESTART_NEEDED, False),
    ]


def test_overrides_hold_against_the_file(path: Path) -> None:
    source = SettingsSource(path, ("entryPoints.web.address=127.0.0.1:9",))
    _write(path, SECOND)
    assert source.load().entry_points["web"].address == "127.0.0.1:9"
