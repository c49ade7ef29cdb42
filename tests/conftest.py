"""What every test may use, and what none may leave behind."""

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests import ports, processes

# How long an example takes says more about what else this machine does than about the code.
settings.register_profile("hearthgate", deadline=None)
settings.load_profile("hearthgate")

ORDER = ("architecture", "unit", "golden", "properties", "component", "contract", "system")
"""Fast groups first: what is broken shows early."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite expected.yaml of the golden cases")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    tests = config.rootpath / "tests"

    def group(item: pytest.Item) -> int:
        name = item.path.relative_to(tests).parts[0] if item.path.is_relative_to(tests) else ""
        return ORDER.index(name) if name in ORDER else 0

    items.sort(key=group)


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    """A state folder as the program makes it: only its owner may look inside."""
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def free_port() -> Callable[[], int]:
    return ports.free_port


@pytest.fixture(scope="module", autouse=True)
def no_process_left() -> Iterator[None]:
    """Fails a module whose tests leave processes behind, orphans of killed parents included."""
    value = uuid.uuid4().hex
    known = frozenset(process.pid for process in processes.marked(value))
    os.environ[processes.MARK] = value
    yield
    del os.environ[processes.MARK]
    left = processes.leftovers(value, known=known)
    processes.end_all(left)
    assert not left, f"left running: {left}"
