"""Rewrites on whole programs: what the linter suggests is applied, and the program runs before and after on SQLite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import nplus1_lint
from nplus1_lint.flag.diff import edited
from nplus1_lint.flag.imports import add_imports
from nplus1_lint.flag.source import SourceText
from tests.executed import LARGE, SMALL, materialise, run

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from nplus1_lint.findings import Finding


class Proof(NamedTuple):
    """What a rewrite came to.

    Attributes:
        files: name and text of the program's files afterwards.
        finding: the finding whose suggestion was applied.
        left: what the linter says afterwards.
    """

    files: dict[str, str]
    finding: Finding
    left: tuple[Finding, ...]


def findings(folder: Path, select: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Finding, ...]:
    """What the linter says about a folder."""
    settings = f'[tool.nplus1-lint]\nselect = ["{select}"]\nexclude = []\n'
    (folder / "pyproject.toml").write_text(settings, encoding="utf-8")
    monkeypatch.chdir(folder)
    return nplus1_lint.check(["."]).findings


def applied(files: dict[str, str], finding: Finding) -> dict[str, str]:
    """The files with a finding's suggestion applied."""
    assert finding.suggestion is not None
    assert finding.suggestion.changes, f"no concrete rewrite: {finding.suggestion.title}"
    changed = dict(files)
    for change in finding.suggestion.changes:
        source = SourceText(change.path, files[change.path])
        changed[change.path] = edited(source.text, [*change.edits, *add_imports(source, change.imports)])
    return changed


def plain(outcome: Any) -> Any:
    """An outcome without the classes of the program, which are made anew for each run."""
    if isinstance(outcome, dict):
        return {plain(key): plain(value) for key, value in outcome.items()}
    if isinstance(outcome, (list, tuple)):
        return [plain(value) for value in outcome]
    if hasattr(outcome, "model_dump"):
        return outcome.model_dump()
    if hasattr(outcome, "__table__"):
        return {column.key: getattr(outcome, column.key) for column in outcome.__table__.columns}
    return outcome


def prove_rewrites(files: dict[str, str], code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Proof:
    """Apply all rewrites of a rule one after the other, and hold the program after them against the one before.

    Args:
        files: name and text of each file; ``app.py`` has ``run(session)``.
        code: the rule.
        tmp_path: an empty folder.
        monkeypatch: restores the working directory.

    Returns:
        The last rewrite; nothing of the rule is left, the outcome is the same at two sizes, and the statements, which
        grew before, no longer do.
    """
    before = materialise(files, tmp_path / "before")
    found = [one for one in findings(before, code, monkeypatch) if one.code == code]
    assert found, "nothing is found"
    now, number, last = files, 0, found[0]
    while found:
        last = found[0]
        now = applied(now, last)
        number += 1
        assert number < 9, "the rewrites come to no end"
        left = findings(materialise(now, tmp_path / f"after-{number}"), code, monkeypatch)
        assert len(left) < len(found), f"the rewrite did not silence its finding:\n{last.suggestion}"
        found = [one for one in left if one.code == code]
    logs = {
        (when, size): run(folder, program, size)
        for when, folder, program in (("before", before, files), ("after", tmp_path / f"after-{number}", now))
        for size in (SMALL, LARGE)
    }
    told = {key: len(log.statements) for key, log in logs.items()}
    assert told["before", LARGE] > told["before", SMALL], f"the program is no N+1: {told}"
    assert told["after", LARGE] == told["after", SMALL], f"the statements still grow: {told}"
    for size in (SMALL, LARGE):
        assert plain(logs["after", size].outcome) == plain(logs["before", size].outcome)
    return Proof(now, last, tuple(left))
