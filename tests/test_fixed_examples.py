"""The bad examples of all rules, fixed: the same result, and statements that no longer grow with the rows."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from sqlalchemy import inspect

from nplus1_lint import config, fixing, pipeline
from nplus1_lint.findings import Applicability
from nplus1_lint.rules import RULES
from nplus1_lint.rules.base import Example, Proof, Rule, fix_safety
from tests.availability import where_available
from tests.executed import LARGE, SMALL, files_of, materialise, run

if TYPE_CHECKING:
    from pathlib import Path

    from nplus1_lint.fixing import FixOutcome
    from nplus1_lint.pipeline import Outcome


class Bad(NamedTuple):
    """A bad example."""

    rule: type[Rule]
    example: Example

    def __str__(self) -> str:
        return f"{self.rule.code}-{self.example.name.replace(' ', '_')}"


BAD = [Bad(rule, example) for rule in RULES for example in rule.INVALID if example.proof is not Proof.NONE]
FIXED = {"NP101", "NP102", "NP103", "NP104", "NP105", "NP109", "NP110", "NP201", "NP501"}
"""Rules whose findings can be applied."""
WORDS = {Applicability.SAFE: "Safe", Applicability.UNSAFE: "Unsafe"}


@cache
def fixed(bad: Bad, folder: Path) -> tuple[Outcome, FixOutcome]:
    """What is found in an example, and what is fixed in its files."""
    (folder / "pyproject.toml").write_text("[tool.nplus1-lint]\nexclude = []\n", encoding="utf-8")
    found = config.load(["."], cwd=str(folder), codes=pipeline.rule_codes())
    told = pipeline.check(["."], found.config, found.workspace, cwd=str(folder))
    return told, fixing.fix(["."], found.config, found.workspace, cwd=str(folder), unsafe=True, dry=False)


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fixed")


def place(bad: Bad, home: Path) -> Path:
    folder = home / str(bad)
    return folder if folder.exists() else materialise(files_of(bad.example), folder)


def plain(value: Any) -> object:
    """A result that can be compared with that of another run: rows by their identity."""
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, (set, frozenset)):
        return sorted(repr(plain(one)) for one in value)
    if isinstance(value, dict):
        return {repr(plain(key)): plain(one) for key, one in value.items()}
    state = inspect(value, raiseerr=False)
    if hasattr(state, "identity"):
        return type(value).__name__, state.identity
    return repr(value) if " at 0x" not in repr(value) else type(value).__name__


@pytest.mark.parametrize("bad", BAD, ids=str)
def test_fixed_example_gives_the_same(bad: Bad, home: Path, tmp_path: Path) -> None:
    files = files_of(bad.example)
    after = place(bad, home)
    _, done = fixed(bad, after)
    if not done.fixed:
        pytest.skip("nothing in it can be applied")
    told = done.diff.decode()
    with where_available():
        then = [run(after, files, size) for size in (SMALL, LARGE)]
    if bad.example.proof not in (Proof.MISSING_GREENLET, Proof.RESULT):  # which give nothing before, or what is wrong
        first = [run(materialise(files, tmp_path / "before"), files, size) for size in (SMALL, LARGE)]
        assert [plain(log.outcome) for log in then] == [plain(log.outcome) for log in first], told
        assert [len(b.statements) <= len(a.statements) for a, b in zip(first, then, strict=True)] == [True, True], told
    portions = "yield_per" in files["app.py"]  # each of which loads its own
    if not portions and not any(finding.code.startswith("NP1") for finding in done.outcome.report.findings):
        assert len(then[0].statements) == len(then[1].statements), told
    assert pipeline_is_settled(after)


def pipeline_is_settled(folder: Path) -> bool:
    found = config.load(["."], cwd=str(folder), codes=pipeline.rule_codes())
    again = fixing.fix(["."], found.config, found.workspace, cwd=str(folder), unsafe=True, dry=False)
    return (again.fixed, again.diff, again.files) == (0, b"", ())


def test_the_rules_with_rewrites_are_fixed_somewhere(home: Path) -> None:
    done = {bad.rule.code for bad in BAD if bad.rule.code in FIXED and fixed(bad, place(bad, home))[1].fixed}
    assert done == FIXED


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_the_page_says_what_makes_the_fix_safe(rule: type[Rule], home: Path) -> None:
    page = fix_safety(rule)
    for bad in BAD:
        if bad.rule is rule:
            for finding in fixed(bad, place(bad, home))[0].report.findings:
                made = finding.suggestion
                if finding.code == rule.code and made is not None and made.applicability in WORDS:
                    assert WORDS[made.applicability] in page, f"{made.title}: {made.behaviour}"


def test_a_page_without_the_section_is_refused() -> None:
    class Silent(RULES[0]):  # type: ignore[misc, valid-type]
        """Nothing is said.

        Fix safety
            It works.
        """

    with pytest.raises(ValueError, match="begins with Safe, Unsafe, Shown only or There is no fix"):
        fix_safety(Silent)
