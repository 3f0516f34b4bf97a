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

MODELS = """\
from sqlalchemy import Column, ForeignKey, Integer
from sqlalchemy.orm import DeclarativeBase, backref, relationship


class Base(DeclarativeBase):
    pass


class Team(Base):
    __tablename__ = "teams"
    id = Column(Integer, primary_key=True)


class Weapon(Base):
    __tablename__ = "weapons"
    id = Column(Integer, primary_key=True)
    hero_id = Column(ForeignKey("heroes.id"))


class Hero(Base):
    __tablename__ = "heroes"
    id = Column(Integer, primary_key=True)
    team_id = Column(ForeignKey("teams.id"))
    {declared}
"""

OTHER = """\
class Badge(Base):
    __tablename__ = "badges"
    id = Column(Integer, primary_key=True)
    team_id = Column(ForeignKey("teams.id"))
    team = relationship("Team", backref=backref("badges", cascade="all, delete-orphan"))
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
        assert finding.suggestion is not None
        verb = "a DELETE from" if said == "deleted" else "an UPDATE of"
        assert finding.suggestion.title == f"Write once: {verb} Hero with the criteria of the query"


@pytest.mark.parametrize(
    ("declared", "reported"),
    [
        ('team = relationship("Team")', True),
        ('team = relationship("Team", backref="heroes")', True),
        ('team = relationship("Team", backref=backref("heroes", cascade="all, delete-orphan"))', False),
        ('team = relationship("Team", cascade="all, delete-orphan", single_parent=True)', False),
        ("team = property(lambda self: None, lambda self, team: print(team))", False),
        (f'team = relationship("Team")\n\n\n{OTHER}', True),
    ],
)
def test_rows_of_which_more_than_a_column_changes_are_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, declared: str, reported: bool
) -> None:
    (tmp_path / "models.py").write_text(MODELS.format(declared=declared))
    (tmp_path / "app.py").write_text(PROGRAM.format(body="hero.team = None"))
    monkeypatch.chdir(tmp_path)
    assert [f.code for f in nplus1_lint.check(["."]).findings] == (["NP107"] if reported else [])


@pytest.mark.parametrize(
    ("declared", "reported"),
    [
        ('team = relationship("Team")', True),
        ('team = relationship("Team", cascade="all, delete-orphan", single_parent=True)', False),
        ('team = relationship("Team", backref="heroes")', True),
        ('weapons = relationship("Weapon")', False),
        ('weapon = relationship("Weapon", uselist=False)', False),
        ('weapons = relationship("Weapon", viewonly=True)', True),
    ],
)
def test_rows_whose_deletion_deletes_or_detaches_others_are_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, declared: str, reported: bool
) -> None:
    (tmp_path / "models.py").write_text(MODELS.format(declared=declared))
    (tmp_path / "app.py").write_text(PROGRAM.format(body="session.delete(hero)"))
    monkeypatch.chdir(tmp_path)
    assert [f.code for f in nplus1_lint.check(["."]).findings] == (["NP107"] if reported else [])
