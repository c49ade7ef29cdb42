"""The tables of the documentation are what the code says."""

from pathlib import Path

import pytest

from docs.generate import MARKER, pages, written
from docs.reasons import REASONS
from hearthgate.model.problems import Reason


def test_every_reason_is_explained() -> None:
    assert set(REASONS) == set(Reason)


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_page_is_current(page: Path) -> None:
    assert page.read_text() == written(page, pages()[page]), "run: python -m docs.generate"


def test_own_words_are_kept(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Words\n")
    page.write_text(written(page, "one\n"))
    assert written(page, "two\n") == f"# Words\n\n{MARKER}\ntwo\n"
