"""Classes that are mapped imperatively, in another module than their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import nplus1_lint
from nplus1_lint.rules.base import Example
from tests.executed import LARGE, SMALL, files_of, materialise, run

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """\
# file: domain.py
class Team:
    @property
    def size(self):
        return len(self.heroes)


class Hero:
    pass

# file: models.py
from sqlalchemy import Column, ForeignKey, Integer, MetaData, String, Table
from sqlalchemy.orm import registry, relationship

import domain

metadata = MetaData()
mappers = registry(metadata=metadata)
teams = Table("teams", metadata, Column("id", Integer, primary_key=True), Column("slug", String(50), unique=True))
heroes = Table(
    "heroes", metadata,
    Column("id", Integer, primary_key=True), Column("name", String(50)), Column("team_id", ForeignKey("teams.id")),
)


def start_mappers():
    mappers.map_imperatively(domain.Hero, heroes)
    mappers.map_imperatively(
        domain.Team, teams, properties={"heroes": relationship(domain.Hero, lazy="LAZY", backref="team")}
    )


def seed(session, n):
    start_mappers()
    for number in range(n):
        team = domain.Team()
        team.slug = f"team-{number}"
        hero = domain.Hero()
        hero.name = "x"
        team.heroes = [hero]
        session.add(team)
    session.commit()
    session.expunge_all()

# file: app.py
from sqlalchemy.orm import Session

from domain import Hero, Team


def run(session: Session):
    BODY
"""


def program(lazy: str, body: str) -> Example:
    return Example("imperative", PROGRAM.replace("LAZY", lazy).replace("BODY", body))


@pytest.mark.parametrize(
    ("lazy", "body", "codes"),
    [
        ("select", "return [team.size for team in session.query(Team)]", ["NP104"]),
        ("selectin", "return [team.size for team in session.query(Team)]", []),
        ("select", "return [hero.team.slug for hero in session.query(Hero)]", ["NP104"]),
        ("select", "return [session.get(Hero, i) for (i,) in session.query(Hero.id).all()]", ["NP102"]),
    ],
)
def test_rows_are_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lazy: str, body: str, codes: list[str]
) -> None:
    example = program(lazy, body)
    materialise(files_of(example), tmp_path)
    monkeypatch.chdir(tmp_path)
    assert [f.code for f in nplus1_lint.check(["."]).findings if f.code.startswith("NP1")] == codes
    small, large = (len(run(tmp_path, files_of(example), size).statements) for size in (SMALL, LARGE))
    assert (large > small) is bool(codes)


def test_an_unused_eager_load_stands_on_the_mapping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    example = program("selectin", "return [t.slug for t in session.query(Team)]")
    materialise(files_of(example), tmp_path)
    monkeypatch.chdir(tmp_path)
    (finding,) = nplus1_lint.check(["."]).findings
    assert (finding.code, finding.path) == ("NP201", "models.py")
