"""What the engine must see through, and where it must stay quiet: programs by subject, checked and executed.

Each ``tests/abilities/SUBJECT.txt`` holds programs below lines ``=== flagged: NAME`` or ``=== quiet: NAME``, written as
the rules' examples are; ``=== flagged[3.12]: NAME`` for syntax that older Pythons do not have. Files above the first of
these lines are shared by all programs of the subject.
"""

from __future__ import annotations

import re
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from nplus1_lint.rules.base import Example, Proof
from tests.availability import Lack, newest_sqlalchemy
from tests.executed import expectations, files_of, materialise
from tests.test_examples import announced, execute, meant, said, without_unnamed

if TYPE_CHECKING:
    from collections.abc import Callable

SUBJECTS = Path(__file__).parent / "abilities"

_HEADER = re.compile(r"^=== (flagged|quiet)(?:\[3\.(\d+)\])?: (\S.*)\n", re.MULTILINE)


class Ability(NamedTuple):
    """A program and what it is to show."""

    subject: str
    example: Example
    bad: bool

    def __str__(self) -> str:
        return f"{self.subject}-{'flagged' if self.bad else 'quiet'}-{self.example.name.replace(' ', '_')}"


def programs(subject: str, text: str) -> list[Ability]:
    """The programs of a subject's text that this Python can read."""
    shared, *parts = _HEADER.split(text)
    found = []
    for place, minor, name, source in zip(*[iter(parts)] * 4, strict=True):
        if minor is not None and sys.version_info < (3, int(minor)):
            continue
        bad = place == "flagged"
        found.append(Ability(subject, Example(name, f"{shared.strip()}\n{source}", _proof(subject, source, bad)), bad))
    return found


def _proof(subject: str, source: str, bad: bool) -> Proof:
    """How the announced findings show when the program runs."""
    if subject == "eager_loads":
        return Proof.WASTE
    codes = {one.code for one in expectations(source)}
    if bad and "NP501" in codes:
        return Proof.MISSING_GREENLET
    return Proof.TWICE if codes == {"NP304"} else Proof.GROWTH


@cache
def abilities() -> tuple[Ability, ...]:
    """Every program of every subject."""
    files = sorted(SUBJECTS.glob("*.txt"))
    return tuple(one for file in files for one in programs(file.stem, file.read_text(encoding="utf-8")))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "ability" in metafunc.fixturenames:
        metafunc.parametrize("ability", abilities(), ids=str)


@pytest.fixture(scope="session")
def lacking(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Ability], Lack | None]:
    """Executes a program for proof, once however often it is asked; returns what it needs and is not here."""

    @cache
    def executed(ability: Ability) -> Lack | None:
        return execute(ability.example, tmp_path_factory.mktemp("ability"), bad=ability.bad)

    return executed


def test_findings_are_exactly_those_announced(
    ability: Ability, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    materialise(files_of(ability.example), tmp_path)
    expected = announced(ability.example)
    assert meant(without_unnamed(said(tmp_path, "ALL", monkeypatch), expected), expected) == expected
    assert bool(expected) is ability.bad, "a flagged program announces a finding, a quiet one none"


def test_executed(ability: Ability, lacking: Callable[[Ability], Lack | None]) -> None:
    missing = lacking(ability)
    if missing is not None:
        pytest.skip(str(missing))


def test_all_programs_are_executed_on_the_newest_sqlalchemy(lacking: Callable[[Ability], Lack | None]) -> None:
    if not newest_sqlalchemy():
        pytest.skip("a newer SQLAlchemy than the one installed is known")
    left_out = {str(ability): lacking(ability) for ability in abilities()}
    assert {name: str(one) for name, one in left_out.items() if one is not None and not one.is_of_old_python} == {}


def test_every_subject_has_flagged_and_quiet_programs_with_names_of_their_own() -> None:
    subjects = {ability.subject for ability in abilities()}
    assert len(subjects) > 1
    for subject in subjects:
        own = [ability for ability in abilities() if ability.subject == subject]
        assert len({str(ability) for ability in own}) == len(own)
        assert any(ability.bad for ability in own)
        assert any(not ability.bad for ability in own)
