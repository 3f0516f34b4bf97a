"""Rows that are loaded only to be written alike: statements are batched, so this is information, not growth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import nplus1_lint
from nplus1_lint.findings import Severity
from nplus1_lint.rules.example_models import SOURCE

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """\
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Hero


def run(session: Session, power: int):
    for hero in session.scalars(select(Hero)).all():
        {body}
    session.commit()
"""


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("session.delete(hero)", "deleted"),
        ("hero.power = power", "given the same value"),
        ("hero.power = hero.power + 1", None),
        ("hero.power = power; print(hero)", None),
    ],
)
def test_only_what_is_the_same_for_every_row_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, said: str | None
) -> None:
    (tmp_path / "models.py").write_text(SOURCE)
    (tmp_path / "app.py").write_text(PROGRAM.format(body=body))
    monkeypatch.chdir(tmp_path)
    findings = nplus1_lint.check(["."]).findings
    assert [f.code for f in findings] == (["NP107"] if said else [])
    for finding in findings:
        assert finding.severity is Severity.INFO
        assert said
        assert said in finding.message
