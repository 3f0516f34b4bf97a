"""Transactions in a loop: those of the loop's session, and those that something else opens for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import nplus1_lint
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
