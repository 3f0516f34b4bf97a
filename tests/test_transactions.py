"""Transactions in a loop: those of the loop's session, and those that something else opens for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import nplus1_lint
from nplus1_lint.findings import Confidence
from nplus1_lint.rules.example_models import SOURCE

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """\
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.orm import Session

from models import Hero, Team

engine = create_engine("sqlite://")


def begins(name):
    with engine.begin() as connection:
        connection.execute(text("SELECT 1"))


def connects(name):
    connection = engine.connect()
    connection.execute(text("SELECT 1"))
    connection.commit()


def begins_on(given: Engine):
    with given.begin() as connection:
        connection.execute(text("SELECT 1"))


def commits(connection: Connection):
    connection.commit()


def begins_again(connection: Connection):
    with connection.begin():
        connection.execute(text("SELECT 1"))


def run(session: Session, given: Engine):
    held = given.connect()
    for team in session.query(Team).all():
        session.add(Hero(name=team.slug, power=1, team_id=team.id))
        {line}
    session.commit()
"""


@pytest.mark.parametrize(
    ("line", "codes"),
    [
        ("begins(team.slug)", []),
        ("connects(team.slug)", []),
        ("begins_on(given)", []),
        ("commits(held)", ["NP108"]),
        ("begins_again(held)", ["NP108"]),
        ("session.commit()", ["NP108"]),
    ],
)
def test_a_transaction_that_a_callee_opens_is_none_of_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, codes: list[str]
) -> None:
    (tmp_path / "models.py").write_text(SOURCE)
    (tmp_path / "app.py").write_text(PROGRAM.format(line=line))
    monkeypatch.chdir(tmp_path)
    assert [finding.code for finding in nplus1_lint.check(["."]).findings] == codes


EACH = """\
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from models import Hero


def save(session: Session, name: str):
    try:
        session.add(Hero(name=name, power=1, team_id=1))
        session.commit()
    except IntegrityError:
        session.rollback()
        {callee}


def run(session: Session, names: list[str]):
    for name in names:
        try:
            {body}
        except IntegrityError:
            session.rollback()
            {own}
"""
ADDS = "session.add(Hero(name=name, power=1, team_id=1)); session.commit()"


@pytest.mark.parametrize(
    ("body", "own", "callee", "confidence"),
    [
        (ADDS, "continue", "raise", Confidence.LOW),
        (ADDS, "pass", "raise", Confidence.LOW),
        (ADDS, "raise", "raise", Confidence.HIGH),
        (ADDS, "return", "raise", Confidence.HIGH),
        ("save(session, name)", "return", "return None", Confidence.LOW),
        ("save(session, name)", "return", "raise", Confidence.HIGH),
    ],
)
def test_a_commit_that_keeps_one_failure_from_the_rest_is_told_with_a_savepoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, own: str, callee: str, confidence: Confidence
) -> None:
    (tmp_path / "models.py").write_text(SOURCE)
    (tmp_path / "pyproject.toml").write_text("[tool.nplus1-lint]\nshow-low = true\n")
    (tmp_path / "app.py").write_text(EACH.format(body=body, own=own, callee=callee))
    monkeypatch.chdir(tmp_path)
    (finding,) = nplus1_lint.check(["."]).findings
    assert (finding.code, finding.confidence) == ("NP108", confidence)
    assert finding.suggestion is not None
    assert ("begin_nested" in finding.suggestion.title) is (confidence is Confidence.LOW)
