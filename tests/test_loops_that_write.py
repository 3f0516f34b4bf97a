"""Queries that each iteration of a loop asks alike, beside what the loop writes: to the table that they read or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import nplus1_lint

if TYPE_CHECKING:
    from pathlib import Path

MODELS = """\
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Tag(Base):
    __tablename__ = "tags"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Team(Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    heroes: Mapped[list["Hero"]] = relationship(back_populates="team")


class Club(Team):
    __tablename__ = "clubs"
    id: Mapped[int] = mapped_column(ForeignKey("teams.id"), primary_key=True)
    town: Mapped[str]


class Hero(Base):
    __tablename__ = "heroes"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))
    team: Mapped[Team] = relationship(back_populates="heroes")
"""

PROGRAM = """\
from sqlalchemy import delete, exists, func, insert, select, text, update
from sqlalchemy.orm import Session, sessionmaker

from models import Club, Hero, Tag, Team

Own = sessionmaker()


def save(session, name):
    session.add(Tag(name=name))
    session.flush()


def save_team(session, name):
    session.add(Tag(name=name))
    session.add(Team(name=name))


def teams_of_its_own():
    with Own() as session:
        return session.scalars(select(Team)).all()


def run(session: Session, names, call):
    for name in names:
        {write}
        print({read})
"""

COUNT = "session.scalar(select(func.count(Team.id)))"
ROWS = "session.scalars(select(Team)).all()"
ADDED = "session.add(Tag(name=name))"


@pytest.mark.parametrize(
    ("write", "read", "flagged"),
    [
        (ADDED, COUNT, True),
        (ADDED, ROWS, True),
        ("save(session, name)", ROWS, True),
        ("session.execute(insert(Tag).values(name=name))", COUNT, True),
        ("session.execute(update(Tag).values(name=name))", ROWS, True),
        ("session.add(Tag(name=name)); session.commit()", COUNT, True),
        ("session.add(Tag(name=name)); session.commit()", "teams_of_its_own()", True),
        ("session.add(Tag(name=name)); session.commit()", ROWS, False),
        ("session.add(Team(name=name))", COUNT, False),
        ("save_team(session, name)", COUNT, False),
        ("session.add(Club(name=name))", COUNT, False),
        ("session.add(Hero(name=name, team=Team(name=name)))", COUNT, False),
        ("session.execute(delete(Team).where(Team.name == name))", ROWS, False),
        ("session.execute(text('delete from tags'))", ROWS, False),
        ("session.rollback()", ROWS, False),
        ("session.add(Tag(name=name)); call(session)", ROWS, False),
        (ADDED, "session.scalars(select(Team).where(Team.name.in_(select(Tag.name)))).all()", False),
        (ADDED, "session.scalars(select(Team).where(exists().where(Tag.name == Team.name))).all()", False),
        (ADDED, "session.scalars(select(Team).join(Tag, Tag.name == Team.name)).all()", False),
    ],
)  # fmt: skip
def test_a_query_alike_for_every_iteration_is_told_where_the_loop_writes_other_tables_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: str, read: str, flagged: bool
) -> None:
    (tmp_path / "models.py").write_text(MODELS)
    (tmp_path / "app.py").write_text(PROGRAM.format(write=write, read=read))
    monkeypatch.chdir(tmp_path)
    found = [one.code for one in nplus1_lint.check(["."]).findings if one.code == "NP305"]
    assert found == ["NP305"] * flagged
