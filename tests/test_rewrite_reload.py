"""Rows that are reloaded one by one are selected once more before the loop."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

from nplus1_lint.findings import Applicability
from tests.executed import materialise, shared_models
from tests.rewriting import findings, prove_rewrites

if TYPE_CHECKING:
    from pathlib import Path

IMPORTS = """\
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Hero, Team


"""
CASES = {
    "refreshed": (
        """\
def run(session: Session):
    teams = (
        session.query(Team)
        .order_by(Team.id)
        .all()
    )
    for team in teams:
        team.slug = team.slug + "!"
    session.commit()
    found = []
    for team in teams:
        session.refresh(team)
        found.append(team.slug)
    return found
""",
        "teams = session.query(Team).order_by(Team.id).populate_existing().all()\n    for team in teams:\n",
    ),
    "expired by a commit, sorted, then refreshed as well": (
        """\
def run(session: Session, wanted: str = ""):
    query = select(Hero)
    if wanted:
        query = query.where(Hero.name == wanted)
    heroes = session.scalars(query).all()
    for hero in heroes:
        hero.power += 1
    session.commit()
    found = []
    for hero in sorted(heroes, key=lambda one: one.name):
        session.refresh(hero)
        found.append((hero.name, hero.power))
    return found
""",
        "    heroes = session.scalars(query.execution_options(populate_existing=True)).all()\n",
    ),
    "expired, in one expression": (
        """\
def run(session: Session):
    heroes = session.scalars(select(Hero).order_by(Hero.id)).all()
    session.commit()
    return [hero.name for hero in heroes]
""",
        "heroes = session.scalars(select(Hero).order_by(Hero.id).execution_options(populate_existing=True)).all()",
    ),
}


@pytest.mark.parametrize(("app", "expected"), CASES.values(), ids=CASES.keys())
def test_programs(app: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"app.py": IMPORTS + app, "models.py": shared_models()}
    proof = prove_rewrites(files, "NP106", tmp_path, monkeypatch)
    assert expected in proof.files["app.py"]
    suggestion = proof.finding.suggestion
    assert suggestion is not None
    assert suggestion.applicability is Applicability.UNSAFE
    ast.parse(suggestion.code)


TWICE = """\
def run(session: Session):
    teams = session.query(Team).order_by(Team.id).all()
    for team in teams:
        team.slug = team.slug + "!"
    session.commit()
    found = []
    for team in sorted(teams, key=lambda one: one.slug):
        session.refresh(team)
        found.append(team.slug)
    return found
"""


def test_one_query_serves_both_kinds_of_reload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"app.py": IMPORTS + TWICE, "models.py": shared_models()}
    after = prove_rewrites(files, "NP106", tmp_path, monkeypatch).files["app.py"]
    assert after.count("populate_existing") == 1
    assert "refresh" not in after


PROSE = {
    "a commit in the loop": """\
def run(session: Session):
    heroes = session.scalars(select(Hero)).all()
    for hero in heroes:
        hero.power += 1
        session.commit()
        session.refresh(hero)
""",
    "rows of a parameter": """\
def names(session: Session, heroes: list[Hero]):
    found = []
    for hero in heroes:
        session.refresh(hero)
        found.append(hero.name)
    return found


def run(session: Session):
    return names(session, session.query(Hero).all())
""",
}


@pytest.mark.parametrize("app", PROSE.values(), ids=PROSE.keys())
def test_what_is_not_understood_stays_prose(app: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"app.py": IMPORTS + app, "models.py": shared_models()}
    found = findings(materialise(files, tmp_path), "NP106", monkeypatch)
    assert found
    assert all(one.suggestion is not None and not one.suggestion.changes for one in found)
