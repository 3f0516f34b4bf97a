"""Every rule's examples: the exact findings, and the proof on SQLite."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import pytest
from sqlalchemy.exc import SQLAlchemyError

import nplus1_lint
from nplus1_lint.rules.base import Proof
from tests.availability import Lack, lack, newest_sqlalchemy
from tests.executed import expectations, files_of, materialise, prove

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nplus1_lint.rules.base import Example, Rule


class Case(NamedTuple):
    """An example and where it was found."""

    rule: Rule | type[Rule]
    example: Example
    bad: bool

    def __str__(self) -> str:
        return f"{self.rule.code}-{'bad' if self.bad else 'good'}-{self.example.name.replace(' ', '_')}"


def rules() -> tuple[Rule | type[Rule], ...]:
    """All rules, in the order of the tuple."""
    from nplus1_lint.rules import RULES

    return RULES


def cases() -> list[Case]:
    """Every example of every rule."""
    return [
        Case(rule, example, bad)
        for rule in rules()
        for bad, examples in ((True, rule.INVALID), (False, rule.VALID))
        for example in examples
    ]


class Said(NamedTuple):
    """A finding, as far as a comment announces it."""

    file: str
    line: int
    code: str
    routers: tuple[str, ...]


def announced(example: Example) -> list[Said]:
    """What the example's comments announce."""
    return sorted(
        Said(name, one.line, one.code, (one.router,) if one.router else ())
        for name, text in files_of(example).items()
        for one in expectations(text)
    )


def said(folder: Path, select: str, monkeypatch: pytest.MonkeyPatch) -> list[Said]:
    """What the linter says about a folder with the selected rules; a file that it cannot read is an NP902."""
    settings = f'[tool.nplus1-lint]\nselect = ["{select}"]\nexclude = []\n'
    (folder / "pyproject.toml").write_text(settings, encoding="utf-8")
    monkeypatch.chdir(folder)
    report = nplus1_lint.check(["."])
    findings = [
        Said(one.path, one.span.line, one.code, one.also_in if one.code == "NP201" else ()) for one in report.findings
    ]
    return sorted(findings + [Said(one.path, one.line, "NP902", ()) for one in report.errors])


BRIEF = frozenset({"NP205", "NP301", "NP302", "NP303", "NP401"})
"""Programs count and ask for rows, and leave out indexes, for brevity; only the examples of these rules mean it."""


def meant(found: list[Said], expected: list[Said], *codes: str) -> list[Said]:
    """Drop what is only due to brevity; what is expected and *codes* stay."""
    wanted = {*codes, *(one.code for one in expected)}
    return [one for one in found if one.code not in BRIEF or one.code in wanted]


def without_unnamed(found: list[Said], expected: list[Said]) -> list[Said]:
    """Drop the routers of findings on lines whose comment names none."""
    named = {(one.file, one.line, one.code) for one in expected if one.routers}
    return sorted(one if one[:3] in named else one._replace(routers=()) for one in found)


def execute(example: Example, folder: Path, *, bad: bool) -> Lack | None:
    """Execute an example for proof in an empty folder; return what it needs and is not here."""
    try:
        prove(example, folder, bad=bad)
    except (ImportError, AttributeError, SQLAlchemyError) as error:
        missing = lack(error)
        if missing is None:
            raise
        return missing
    return None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", cases(), ids=str)
    if "rule" in metafunc.fixturenames:
        metafunc.parametrize("rule", rules(), ids=lambda rule: rule.code)


def test_findings_are_exactly_those_announced(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    materialise(files_of(case.example), tmp_path)
    expected = announced(case.example)
    alone = [one for one in expected if one.code in (case.rule.code, "NP902")]
    assert without_unnamed(said(tmp_path, case.rule.code, monkeypatch), expected) == alone
    if case.bad:
        assert any(one.code == case.rule.code for one in expected), "a bad example announces a finding of its rule"
    else:
        assert not expected, "a good example announces no finding"


def test_no_other_rule_disturbs(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    materialise(files_of(case.example), tmp_path)
    expected = announced(case.example)
    found = without_unnamed(said(tmp_path, "ALL", monkeypatch), expected)
    found = meant(found, expected, case.rule.code)
    if case.bad:
        assert set(expected) <= set(found)
    else:
        assert found == []


@pytest.fixture(scope="session")
def lacking(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Case], Lack | None]:
    """Executes an example for proof, once however often it is asked; returns what the example needs and is not here."""

    @cache
    def executed(case: Case) -> Lack | None:
        return execute(case.example, tmp_path_factory.mktemp("example"), bad=case.bad)

    return executed


def test_executed(case: Case, lacking: Callable[[Case], Lack | None]) -> None:
    missing = lacking(case)
    if missing is not None:
        pytest.skip(str(missing))


def test_most_examples_are_executed(lacking: Callable[[Case], Lack | None]) -> None:
    programs = [case for case in cases() if case.example.proof is not Proof.NONE]
    executed = [case for case in programs if lacking(case) is None]
    assert len(executed) >= 0.6 * len(programs)


def test_all_examples_are_executed_on_the_newest_sqlalchemy(lacking: Callable[[Case], Lack | None]) -> None:
    if not newest_sqlalchemy():
        pytest.skip("a newer SQLAlchemy than the one installed is known")
    left_out = {str(case): lacking(case) for case in cases()}
    assert {case: str(one) for case, one in left_out.items() if one is not None and not one.is_of_old_python} == {}


def test_rule_has_good_and_bad_examples(rule: Rule | type[Rule]) -> None:
    assert rule.INVALID
    assert rule.VALID
    names = [example.name for example in (*rule.INVALID, *rule.VALID)]
    assert len(set(names)) == len(names)
