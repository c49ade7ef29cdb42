"""The limits of STYLE: sizes, names, and what pure code and tests may not do."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "hearthgate"
MAX_FILE, MAX_FUNCTION, MAX_CLASS = 500, 60, 250
BANNED_MODULES = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}

PURE_ROOMS = ("model", "resources", "rules", "ingress/routing", "ingress/middlewares", "ingress/envoy")
CLOCK_AND_FILES = {"open", "input", "print", "breakpoint"}
CLOCK_METHODS = {"now", "utcnow", "today"}


@cache
def tracked() -> tuple[Path, ...]:
    """Every file that git would commit. Without git (a source archive): every Python file of the tree."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listing.returncode:
        return tuple(sorted(path for path in ROOT.rglob("*.py") if ".venv" not in path.parts))
    names = [name for name in listing.stdout.decode().split("\0") if name]
    return tuple(sorted(path for path in (ROOT / name for name in names) if path.is_file()))


def python_files() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".py"]


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def lines_of(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> int:
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return (node.end_lineno or first) - first + 1


def too_long(path: Path) -> Iterator[str]:
    lines = len(path.read_text().splitlines())
    if lines > MAX_FILE:
        yield f"{name_of(path)}: {lines} lines (a file has at most {MAX_FILE})"
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            limit, what = MAX_FUNCTION, "function"
        elif isinstance(node, ast.ClassDef):
            limit, what = MAX_CLASS, "class"
        else:
            continue
        if (size := lines_of(node)) > limit:
            yield f"{name_of(path)}:{node.lineno}: {node.name} has {size} lines (a {what} at most {limit})"


def test_sizes() -> None:
    assert not [found for path in python_files() for found in too_long(path)]


def test_sizes_are_seen(tmp_path: Path) -> None:
    """The check itself: a function of 61 lines is too long, one of 60 is not."""
    for length in (MAX_FUNCTION, MAX_FUNCTION + 1):
        tree = ast.parse("def f():\n" + "    pass\n" * (length - 1))
        function = tree.body[0]
        assert isinstance(function, ast.FunctionDef)
        assert lines_of(function) == length


def test_module_names() -> None:
    parts = {part for path in python_files() for part in (path.stem, path.parent.name)}
    assert not parts & BANNED_MODULES


def test_every_room_says_what_it_is() -> None:
    """Modules have a docstring, unless they are empty."""
    assert not [
        name_of(path)
        for path in python_files()
        if path.is_relative_to(SOURCE) and parsed(path).body and ast.get_docstring(parsed(path)) is None
    ]


def test_unique_test_module_names() -> None:
    names = [path.name for path in python_files() if path.name.startswith("test_")]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("room", PURE_ROOMS)
def test_pure_rooms_read_no_clock_and_no_file(room: str) -> None:
    """What import contracts cannot see: `open()`, `datetime.now()`."""
    found = []
    for path in (path for path in python_files() if path.is_relative_to(SOURCE / room)):
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Call):
                called = node.func
                if isinstance(called, ast.Name) and called.id in CLOCK_AND_FILES:
                    found.append(f"{name_of(path)}:{node.lineno}: {called.id}()")
                if isinstance(called, ast.Attribute) and called.attr in CLOCK_METHODS:
                    found.append(f"{name_of(path)}:{node.lineno}: .{called.attr}()")
    assert not found


def imported(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


@pytest.mark.parametrize("room", PURE_ROOMS)
def test_pure_rooms_speak_to_nobody(room: str) -> None:
    """Inside packages of the standard library: `urllib.parse` and `http.HTTPStatus` are pure, clients are not."""
    assert not [
        f"{name_of(path)}:{line}: {module}"
        for path in python_files()
        if path.is_relative_to(SOURCE / room)
        for line, module in imported(parsed(path))
        if module.startswith(("urllib.request", "http.client", "http.server"))
    ]


def test_no_mocks() -> None:
    assert not [
        f"{name_of(path)}:{line}: {module}"
        for path in python_files()
        for line, module in imported(parsed(path))
        if module.startswith(("unittest.mock", "mock.", "pytest_mock"))
    ]


def test_tests_wait_for_conditions() -> None:
    """A test that sleeps is slow when it passes and flaky when it does not. `tests/waiting.py` waits.

    `asyncio.sleep(0)` only yields. Under a virtual clock sleeping takes no time; fakes may play a slow peer.
    """
    found = []
    for path in (path for path in python_files() if path.name.startswith("test_")):
        if any("virtual_time" in module for _, module in imported(parsed(path))):
            continue
        calls = [node for node in ast.walk(parsed(path)) if isinstance(node, ast.Call)]
        found += [f"{name_of(path)}:{call.lineno}" for call in calls if _sleeps(call)]
    assert not found


def _sleeps(call: ast.Call) -> bool:
    match call:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="time"), attr="sleep")):
            return True
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id="asyncio"), attr="sleep"), args=[ast.Constant(value=0)]
        ):
            return False
        case ast.Call(func=ast.Attribute(value=ast.Name(id="asyncio"), attr="sleep"), args=[ast.Constant()]):
            return True
        case _:
            return False


@pytest.mark.parametrize(
    ("code", "sleeps"),
    [
        ("time.sleep(x)", True),
        ("asyncio.sleep(1)", True),
        ("asyncio.sleep(0)", False),
        ("asyncio.sleep(delay)", False),
    ],
)
def test_sleeps_are_seen(code: str, sleeps: bool) -> None:
    call = ast.parse(code, mode="eval").body
    assert isinstance(call, ast.Call)
    assert _sleeps(call) is sleeps
