"""The form of a part's log: what is written is what is read, and which lines a reader gets."""

from hypothesis import given
from hypothesis import strategies as st

from hearthgate.app.logfiles.lines import (
    current_run,
    is_mark,
    last_lines,
    log_time,
    mark,
    parse,
    previous_run,
    written,
)

SECOND = 1_000_000_000
MOMENT = 1_700_000_000 * SECOND


def run(*texts: str, at: int = MOMENT) -> bytes:
    return mark(at) + b"".join(written(at + number, text) for number, text in enumerate(texts))


def texts(data: bytes | None, count: int | None = None) -> list[str]:
    assert data is not None
    return [line.text.decode() for line in last_lines(data, count)]


def test_a_line_has_its_time() -> None:
    line = parse(written(MOMENT + 5, "hello | world"))
    assert line is not None
    assert line.time == "2023-11-14T22:13:20.000000005Z"
    assert line.text == b"hello | world"


def test_each_line_of_an_entry_stands_for_itself() -> None:
    assert texts(written(MOMENT, "Traceback:\n  boom")) == ["Traceback:", "  boom"]


def test_text_cannot_forge_a_mark() -> None:
    forged = written(MOMENT, f"a\n{log_time(MOMENT)} ^\nb")
    assert not any(is_mark(line + b"\n") for line in forged.splitlines())
    assert texts(current_run(run("before") + forged)) == ["before", "a", f"{log_time(MOMENT)} ^", "b"]
    assert is_mark(mark(MOMENT))


def test_the_current_run_and_the_one_before() -> None:
    data = run("one") + run("two", "three") + run("four")
    assert texts(current_run(data)) == ["four"]
    assert texts(previous_run(data)) == ["two", "three"]


def test_a_run_that_has_said_nothing() -> None:
    assert texts(current_run(run("one") + run())) == []
    assert texts(previous_run(run() + run("two"))) == []


def test_a_first_run_has_none_before() -> None:
    assert previous_run(run("one")) is None
    assert previous_run(b"") is None


def test_a_mark_that_was_rotated_away() -> None:
    data = written(MOMENT, "left over")
    assert texts(current_run(data)) == ["left over"]
    assert previous_run(data) is None
    assert texts(previous_run(data + run("new"))) == ["left over"]


def test_the_last_lines() -> None:
    data = current_run(run("one", "two", "three"))
    assert texts(data, 2) == ["two", "three"]
    assert texts(data, 9) == ["one", "two", "three"]
    assert texts(data, 0) == []


def test_what_a_full_disk_cut_off_is_left_out() -> None:
    torn = written(MOMENT, "whole") + written(MOMENT, "cut")[:20] + b"\n" + written(MOMENT, "after")
    assert texts(torn) == ["whole", "after"]


@given(st.text(), st.integers(0, 4_000_000_000 * SECOND))
def test_any_text_comes_back(text: str, time: int) -> None:
    data = written(time, text)
    assert data.endswith(b"\n")
    lines = last_lines(data, None)
    assert {line.time for line in lines} == {log_time(time)}
    expected = text.encode(errors="backslashreplace").splitlines() or [b""]
    assert [line.text for line in lines] == expected
