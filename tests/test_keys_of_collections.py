"""A many-to-one over a part of the composite key that all rows of a collection share: one row for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import nplus1_lint

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """\
from sqlalchemy import ForeignKey, ForeignKeyConstraint, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Season(Base):
    __tablename__ = "seasons"
    id: Mapped[int] = mapped_column(primary_key=True)
    year: Mapped[int]


class Team(Base):
    __tablename__ = "teams"
    name: Mapped[str] = mapped_column(primary_key=True)
    season_id: Mapped[int] = mapped_column(ForeignKey("seasons.id"), primary_key=True)
    games: Mapped[list["Game"]] = relationship({options})


class Game(Base):
    __tablename__ = "games"
    id: Mapped[int] = mapped_column(primary_key=True)
    team_name: Mapped[str] = mapped_column(index=True)
    season_id: Mapped[int] = mapped_column(ForeignKey("seasons.id"), index=True)
    place_id: Mapped[int] = mapped_column(ForeignKey("places.id"))
    season: Mapped[Season] = relationship()
    place: Mapped["Place"] = relationship()
    __table_args__ = ({constraint},)


class Place(Base):
    __tablename__ = "places"
    id: Mapped[int] = mapped_column(primary_key=True)
    city: Mapped[str]


def run(session: Session):
    {body}
"""
NAMED = 'ForeignKeyConstraint(["team_name", "season_id"], ["teams.name", "teams.season_id"])'
WRITTEN = "ForeignKeyConstraint((team_name, season_id), (Team.name, Team.season_id))"
OF_ONE = "return [game.season.year for game in session.scalars(select(Team)).first().games]"
OF_ALL = """for team in session.scalars(select(Team)).all():
        for game in team.games:
            print(game.season.year)"""


@pytest.mark.parametrize(
    ("body", "constraint", "options", "lazily"),
    [
        (OF_ONE, NAMED, "", []),
        (OF_ONE, WRITTEN, 'lazy="selectin"', []),
        (OF_ONE.replace("season.year", "place.city"), NAMED, "", ["Game.place"]),
        (OF_ONE, NAMED.replace("season_id", "id"), "", ["Game.season"]),
        (OF_ALL, NAMED, 'lazy="selectin"', ["Game.season"]),
    ],
)
def test_what_the_key_of_a_collection_finds_is_loaded_once(
    body: str, constraint: str, options: str, lazily: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "app.py").write_text(PROGRAM.format(body=body, constraint=constraint, options=options))
    monkeypatch.chdir(tmp_path)
    found = [finding.message for finding in nplus1_lint.check(["."]).findings if finding.code == "NP104"]
    assert len(found) == len(lazily), found
    assert all(name in message for name, message in zip(lazily, found, strict=True))
