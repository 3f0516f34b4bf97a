"""``session.get()`` of a row that a row in hand holds: the identity map answers, so that the option is of use."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

import nplus1_lint
from nplus1_lint.rules import example_models

if TYPE_CHECKING:
    from pathlib import Path

MODELS = (
    example_models.SOURCE
    + """

class Power(Base):
    __tablename__ = "powers"
    hero_id: Mapped[int] = mapped_column(ForeignKey("heroes.id"), primary_key=True)
    season: Mapped[int] = mapped_column(primary_key=True)
    hero: Mapped["Hero"] = relationship(backref="powers")
"""
)
IMPORTS = """\
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload, sessionmaker
from models import Hero, Power, Team

Local = sessionmaker()

"""
WITH_TEAMS = "session.scalars(select(Hero).options(joinedload(Hero.team)))"


def codes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> set[str]:
    """The codes of what is found in a program."""
    (tmp_path / "models.py").write_text(MODELS, encoding="utf-8")
    (tmp_path / "app.py").write_text(IMPORTS + dedent(source), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return {finding.code for finding in nplus1_lint.check(["."]).findings} - {"NP401"}


@pytest.mark.parametrize(
    "body",
    [
        "return [session.get(Power, (hero.id, season)).season for hero in rows]",
        "return [session.get(Power, ident=(hero.id, season)).season for hero in rows]",
        "return [session.query(Power).get((hero.id, season)).season for hero in rows]",
        "keys = [hero.id for hero in rows]\n    return [session.get(Power, (key, season)).season for key in keys]",
        "return [power_of(session, hero, season) for hero in rows]",
    ],
)
def test_a_collection_holds_the_rows_with_its_parents_key(
    body: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = f"""
def power_of(session, hero, season):
    return session.get(Power, (hero.id, season)).season

def run(session: Session, season: int):
    rows = session.scalars(select(Hero).options(selectinload(Hero.powers))).all()
    {body}
"""
    assert codes(tmp_path, monkeypatch, source) == set()
    without = source.replace(".options(selectinload(Hero.powers))", "")
    assert codes(tmp_path, monkeypatch, without) & {"NP102", "NP105"}


@pytest.mark.parametrize(
    ("what", "body", "expected"),
    [
        (
            "the rows are dropped",
            f"keys = [hero.team_id for hero in {WITH_TEAMS}]\n    return [session.get(Team, key) for key in keys]",
            {"NP102"},
        ),
        (
            "another key",
            f"return [session.get(Team, hero.power) for hero in {WITH_TEAMS}.all()]",
            {"NP102"},
        ),
        (
            "another session for each",
            f"""for hero in {WITH_TEAMS}.all():
        with Local() as own:
            slug(own, own.get(Team, hero.team_id))""",
            set(),
        ),
        (
            "another session in a callee",
            f"return [team_of(hero.team_id) for hero in {WITH_TEAMS}.all()]",
            {"NP105"},
        ),
        (
            "the row itself is locked",
            f"return [session.get(Team, hero.team_id, populate_existing=True) for hero in {WITH_TEAMS}.all()]",
            {"NP102"},
        ),
    ],
)
def test_another_row_or_another_session_is_asked(
    what: str, body: str, expected: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = f"""
def slug(session, team):
    return team.slug

def team_of(key):
    session = Local()
    return session.get(Team, key)

def run(session: Session):
    {body}
"""
    assert codes(tmp_path, monkeypatch, source) == expected, what


def test_an_option_that_no_get_is_near_is_still_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = f"""
def names(session: Session):
    return [hero.name for hero in {WITH_TEAMS}.all()]

def team(session: Session, key: int):
    return session.get(Team, key).slug
"""
    assert codes(tmp_path, monkeypatch, source) == {"NP202"}
