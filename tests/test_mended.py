"""What the suggested changes save: each bad example about loading and fetching, counted before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import nplus1_lint
from nplus1_lint.rules.base import Proof
from tests.availability import where_available
from tests.executed import LARGE, Log, files_of, materialise, run
from tests.loader_proofs import right_outcome
from tests.mended import MENDED, Key
from tests.test_examples import Case, cases, said

if TYPE_CHECKING:
    from pathlib import Path

CONCERNED = tuple(case for case in cases() if case.bad and case.rule.code[:3] in ("NP2", "NP3"))
SORTED_ONLY = Key("NP303", "sorted after the fact")  # the database sorts what is fetched either way


def after(case: Case) -> dict[str, str]:
    """The files of an example with the change made; each replacement is due somewhere."""
    files = files_of(case.example)
    for old, new in MENDED[Key(case.rule.code, case.example.name)]:
        assert any(old in text for text in files.values()), f"{case.example.name}: nothing to replace: {old!r}"
        files = {name: text.replace(old, new) for name, text in files.items()}
    return files


def cost(log: Log, proof: Proof) -> int:
    """What a proof counts: statements, and joins for loader options; rows; steps."""
    if proof is Proof.EXPLOSION:
        return log.rows[0]
    if proof is Proof.ROWS:
        return sum(log.rows)
    if proof is Proof.STEPS:
        return log.steps
    return len(log.statements) + log.joins * (proof is Proof.OPTIONS)


def test_every_bad_example_is_mended_and_nothing_else() -> None:
    assert {Key(case.rule.code, case.example.name) for case in CONCERNED} == set(MENDED)


@pytest.mark.parametrize("case", CONCERNED, ids=str)
def test_the_change_clears_the_finding(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    materialise(after(case), tmp_path)
    assert said(tmp_path, case.rule.code, monkeypatch) == []


@pytest.mark.parametrize("case", [one for one in CONCERNED if one.example.proof is not Proof.RESULT], ids=str)
def test_the_change_costs_less_and_gives_the_same(case: Case, tmp_path: Path) -> None:
    written, changed = files_of(case.example), after(case)
    before = run(materialise(written, tmp_path / "written"), written, LARGE)
    log = run(materialise(changed, tmp_path / "changed"), changed, LARGE)
    assert log.outcome == before.outcome
    told = cost(before, case.example.proof), cost(log, case.example.proof)
    if Key(case.rule.code, case.example.name) == SORTED_ONLY:
        assert told[0] == told[1]
    else:
        assert told[1] < told[0], f"{told[0]} before, {told[1]} after the change"


@pytest.mark.parametrize("case", [one for one in CONCERNED if one.example.proof is Proof.RESULT], ids=str)
def test_the_change_gives_what_is_right(case: Case, tmp_path: Path) -> None:
    changed = after(case)
    right = right_outcome(files_of(case.example), tmp_path / "lazily")
    with where_available():
        outcome = run(materialise(changed, tmp_path / "changed"), changed, LARGE).outcome
    assert outcome == right


def test_the_options_suggested_for_readers_are_those_of_the_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = 0
    for number, case in enumerate(one for one in CONCERNED if one.rule.code == "NP201"):
        folder = materialise(files_of(case.example), tmp_path / str(number))
        monkeypatch.chdir(folder)
        changed = "".join(after(case).values())
        for finding in nplus1_lint.check(["."]).findings:
            if finding.code == "NP201" and finding.suggestion is not None:
                to_readers, _, _ = finding.suggestion.code.partition("# or keep the mapping")
                options = [line.rpartition(": ")[2] for line in to_readers.splitlines() if line.startswith("# ")]
                assert all(option in changed for option in options)
                checked += len(options)
    assert checked
