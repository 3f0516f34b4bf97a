"""The harness that executes examples."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from nplus1_lint.rules.base import Example, Proof
from tests.executed import SMALL, Expected, eager_strategies, expectations, files_of, made_lazy, materialise, prove, run

if TYPE_CHECKING:
    from pathlib import Path

COUNT_IN_LOOP = Example(
    "count in loop",
    """
# file: app.py
from models import Hero, Team


def run(session):
    for team in session.query(Team).all():
        session.query(Hero).filter_by(team_id=team.id).count()  # expect: NP101
""",
)
COUNT_ONCE = Example(
    "one count",
    """
# file: app.py
from helpers.counts import total


def run(session):
    return total(session)

# file: helpers/__init__.py
# file: helpers/counts.py
from sqlalchemy import func, select

from models import Hero


def total(session):
    return session.scalar(select(func.count()).select_from(Hero))
""",
)
ASYNC_LOOP = Example(
    "async loop",
    """
# file: app.py
from sqlalchemy import func, select

from models import Hero, Team


async def run(session):
    for team in (await session.scalars(select(Team))).all():
        await session.scalar(select(func.count()).where(Hero.team_id == team.id))
""",
)
EAGER_MODELS = """
# file: models.py
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Team(Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)
    heroes: Mapped[list["Hero"]] = relationship(lazy="{lazy}")  # expect: NP201


class Hero(Base):
    __tablename__ = "heroes"
    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))


def seed(session, n):
    session.add_all([Team(id=k + 1, heroes=[Hero(), Hero()]) for k in range(n)])
    session.commit()
"""
NAMES_ONLY = """
# file: app.py
from models import Team


def run(session):
    return [team.id for team in session.query(Team)]
"""
READS_HEROES = NAMES_ONLY.replace("[team.id for", "[list(team.heroes) for").replace("(Team)]", "(Team).all()]")
ONE_TEAM = """
# file: app.py
from models import Team


def run(session):
    return [team.id for team in session.query(Team)], session.get(Team, 1).heroes
"""
SQLMODEL = Example(
    "sqlmodel",
    """
# file: models.py
from sqlmodel import Field, Relationship, SQLModel


class Team(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    heroes: list["Hero"] = Relationship(sa_relationship_kwargs={"lazy": "selectin"})  # expect: NP201


class Hero(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    team_id: int = Field(foreign_key="team.id")


def seed(session, n):
    session.add_all([Team(id=k + 1, heroes=[Hero(), Hero()]) for k in range(n)])
    session.commit()
"""
    + NAMES_ONLY,
    Proof.WASTE,
)
FLASK = Example(
    "flask",
    """
# file: models.py
from flask_sqlalchemy import SQLAlchemy

db = SQLAlchemy()


class Team(db.Model):
    id = db.Column(db.Integer, primary_key=True)


def seed(session, n):
    session.add_all([Team(id=k + 1) for k in range(n)])
    session.commit()

# file: app.py
from models import Team, db


def run(session):
    for team_id in session.scalars(db.select(Team.id)).all():
        Team.query.filter_by(id=team_id).first()
""",
)
OWN_SESSIONS = Example(
    "sessions of its own",
    """
# file: db.py
from sqlalchemy.orm import sessionmaker

SessionLocal = sessionmaker()

# file: app.py
from db import SessionLocal
from models import Team


def run(session):
    with SessionLocal() as own:
        for team in session.query(Team):
            own.get(Team, team.id)
""",
)


def test_a_bad_example_grows_and_a_good_one_does_not(tmp_path: Path) -> None:
    prove(COUNT_IN_LOOP, fresh(tmp_path, "a"), bad=True)
    prove(COUNT_ONCE, fresh(tmp_path, "b"), bad=False)


def test_an_example_in_the_wrong_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="a good example must not grow"):
        prove(COUNT_IN_LOOP, fresh(tmp_path, "a"), bad=False)
    with pytest.raises(AssertionError, match="a bad example must grow"):
        prove(COUNT_ONCE, fresh(tmp_path, "b"), bad=True)


@pytest.mark.parametrize("example", [ASYNC_LOOP, FLASK, OWN_SESSIONS], ids=lambda example: example.name)
def test_other_ways_to_a_session(example: Example, tmp_path: Path) -> None:
    prove(example, tmp_path, bad=True)


@pytest.mark.parametrize("lazy", ["selectin", "joined", "subquery", "immediate"])
def test_waste(lazy: str, tmp_path: Path) -> None:
    models = EAGER_MODELS.replace("{lazy}", lazy)
    wasted = Example("unread", models + NAMES_ONLY, Proof.WASTE)
    prove(wasted, fresh(tmp_path, "a"), bad=True)
    with pytest.raises(AssertionError, match="heroes is loaded for nothing"):
        prove(wasted, fresh(tmp_path, "b"), bad=False)
    read = Example("read", models + READS_HEROES, Proof.WASTE)
    prove(read, fresh(tmp_path, "c"), bad=False)
    if lazy != "immediate":  # immediate costs as much as reading each one
        with pytest.raises(AssertionError, match="must be cheaper"):
            prove(read, fresh(tmp_path, "d"), bad=True)


def test_a_relationship_read_once_is_no_waste_though_dearer(tmp_path: Path) -> None:
    models = EAGER_MODELS.replace("{lazy}", "immediate")
    prove(Example("read once", models + ONE_TEAM, Proof.WASTE), tmp_path, bad=False)


def test_sqlmodel_leaves_nothing_behind(tmp_path: Path) -> None:
    prove(SQLMODEL, fresh(tmp_path, "a"), bad=True)
    prove(SQLMODEL, fresh(tmp_path, "b"), bad=True)


def test_nothing_stays_imported(tmp_path: Path) -> None:
    before, path = set(sys.modules), list(sys.path)
    files = files_of(COUNT_ONCE)
    assert len(run(materialise(files, tmp_path), files, SMALL).statements) == 1
    assert not {name for name in set(sys.modules) - before if name.partition(".")[0] in ("app", "models", "helpers")}
    assert sys.path == path


def test_statements_know_their_lines(tmp_path: Path) -> None:
    files = files_of(COUNT_IN_LOOP)
    log = run(materialise(files, tmp_path), files, SMALL)
    announced = {("app.py", one.line) for one in expectations(files["app.py"])}
    per_stack = log.by_stack
    assert [total for stack, total in per_stack.items() if announced & set(stack)] == [SMALL]
    assert sum(per_stack.values()) == 1 + SMALL


def test_expectations() -> None:
    text = "a\nb  # expect: NP101\nc  # expect: NP201[x/y.py], NP201[z.py], NP102  # noqa: E501\n"
    assert expectations(text) == [
        Expected(2, "NP101", None),
        Expected(3, "NP201", "x/y.py"),
        Expected(3, "NP201", "z.py"),
        Expected(3, "NP102", None),
    ]
    with pytest.raises(ValueError, match="line 1: cannot understand 'NP1'"):
        expectations("a  # expect: NP1\n")


def test_made_lazy_touches_the_chosen_strategies_only() -> None:
    text = 'class A:\n    ä = relationship("ß", lazy="joined"); b = relationship(\n        lazy="selectin",\n    )\n'
    strategies = eager_strategies("models.py", text)
    assert [(one.name, one.line, one.value) for one in strategies] == [("ä", 2, "joined"), ("b", 2, "selectin")]
    assert made_lazy(text, strategies[1:]) == text.replace('"selectin"', '"select"')
    assert made_lazy(text, strategies) == text.replace('"selectin"', '"select"').replace('"joined"', '"select"')


def test_a_source_without_header_is_refused() -> None:
    with pytest.raises(ValueError, match="must start with a line"):
        files_of(Example("no header", "x = 1"))


def fresh(tmp_path: Path, name: str) -> Path:
    folder = tmp_path / name
    folder.mkdir()
    return folder
