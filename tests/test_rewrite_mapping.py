"""``lazy=`` on a mapping is changed together with the queries that need the rows, in their own files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nplus1_lint.findings import Applicability
from tests.executed import LARGE, materialise, run, shared_models
from tests.rewriting import applied, findings, plain

if TYPE_CHECKING:
    from pathlib import Path

READER = """\
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Team


def sizes(session: Session):
    stmt = select(Team).order_by(Team.id)
    return [len([hero.name for hero in team.heroes]) for team in session.scalars(stmt).all()]
"""
OTHER = """\
from sqlalchemy.orm import Session

from models import Team


def slugs(session: Session):
    return [team.slug for team in session.query(Team).order_by(Team.id)]
"""
APP = """\
from sqlalchemy.orm import Session

from other import slugs
from reader import sizes


def run(session: Session):
    names = slugs(session)
    session.expunge_all()
    return names, sizes(session)
"""


def test_the_mapping_becomes_lazy_and_its_reader_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = shared_models().replace(
        'relationship(back_populates="team")', 'relationship(back_populates="team", lazy="selectin")'
    )
    files = {"app.py": APP, "reader.py": READER, "other.py": OTHER, "models.py": models}
    found = findings(materialise(files, tmp_path / "before"), "NP201", monkeypatch)
    (finding,) = [one for one in found if one.also_in == ("other.py",)]
    assert finding.suggestion is not None
    assert finding.suggestion.applicability is Applicability.UNSAFE
    after = applied(files, finding)
    assert 'lazy="select"' in after["models.py"]
    assert "stmt = select(Team).options(selectinload(Team.heroes)).order_by(Team.id)" in after["reader.py"]
    assert after["other.py"] == OTHER
    assert findings(materialise(after, tmp_path / "after"), "NP", monkeypatch) == ()
    before, now = run(tmp_path / "before", files, LARGE), run(tmp_path / "after", after, LARGE)
    assert plain(now.outcome) == plain(before.outcome)
    assert len(now.statements) == len(before.statements) - 1


LEAGUES = """\
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class League(Base):
    __tablename__ = "leagues"
    id: Mapped[int] = mapped_column(primary_key=True)
    teams: Mapped[list["Team"]] = relationship(lazy="selectin")


class Team(Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str]
    league_id: Mapped[int] = mapped_column(ForeignKey("leagues.id"), index=True)
    heroes: Mapped[list["Hero"]] = relationship(lazy="selectin")


class Hero(Base):
    __tablename__ = "heroes"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"), index=True)


def seed(session, size):
    for number in range(size):
        teams = [Team(slug=f"{number}-{k}", heroes=[Hero(name=f"{number}"), Hero(name="b")]) for k in range(2)]
        session.add(League(teams=teams))
    session.commit()
    session.expunge_all()
"""
LEAGUE_READER = """\
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import League


def sizes(session: Session):
    leagues = session.scalars(select(League).order_by(League.id)).all()
    return [{read} for league in leagues for team in league.teams]
"""


@pytest.mark.parametrize("read", ["[hero.name for hero in team.heroes]", "len(getattr(team, 'hero' + 'es'))"])
def test_a_reader_by_way_of_another_class_asks_for_it_there(
    read: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = LEAGUE_READER.replace("{read}", read)
    files = {"app.py": APP, "reader.py": reader, "other.py": OTHER, "models.py": LEAGUES}
    found = findings(materialise(files, tmp_path / "before"), "NP201", monkeypatch)
    (finding,) = [one for one in found if one.also_in == ("other.py",) and "Team.heroes" in one.message]
    after = applied(files, finding)
    assert "defaultload(League.teams).selectinload(Team.heroes)" in after["reader.py"]
    before, now = run(tmp_path / "before", files, LARGE), run(materialise(after, tmp_path / "after"), after, LARGE)
    assert plain(now.outcome) == plain(before.outcome)
    assert len(now.statements) == len(before.statements) - 1
