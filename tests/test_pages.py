"""Pages of fastapi-pagination: programs of ``pages.txt``, checked, and executed where the package is installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.executed import files_of, materialise
from tests.test_abilities import Ability, programs
from tests.test_examples import announced, execute, meant, said, without_unnamed

PAGES = programs("pages", (Path(__file__).parent / "pages.txt").read_text(encoding="utf-8"))


@pytest.mark.parametrize("program", PAGES, ids=str)
def test_findings_are_exactly_those_announced(
    program: Ability, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    materialise(files_of(program.example), tmp_path)
    expected = announced(program.example)
    assert meant(without_unnamed(said(tmp_path, "ALL", monkeypatch), expected), expected) == expected
    assert bool(expected) is program.bad


@pytest.mark.parametrize("program", PAGES, ids=str)
def test_executed(program: Ability, tmp_path: Path) -> None:
    missing = execute(program.example, tmp_path, bad=program.bad)
    if missing is not None:
        pytest.skip(str(missing))
