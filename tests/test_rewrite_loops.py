"""Commits, writes and queries that leave their loop: the same outcome, and statements that no longer grow."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

import pytest

from nplus1_lint.findings import Applicability
from tests.executed import materialise, shared_models
from tests.rewriting import findings, prove_rewrites

if TYPE_CHECKING:
    from pathlib import Path


class Case(NamedTuple):
    """A program and a piece of it as it is to be afterwards."""

    code: str
    app: str
    expected: str


IMPORTS = """\
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from models import Hero, Team


"""
HEROES = "    return session.execute(select(Hero.id, Hero.name, Hero.power).order_by(Hero.id)).all()\n"

CASES = {
    "a commit": Case(
        "NP108",
        """\
def run(session: Session):
    ids = session.scalars(select(Hero.id)).all()
    for hero_id in ids:
        session.add(Hero(id=1000 + hero_id, name="copy", team_id=1))
        # keep it
        session.commit()
    session.rollback()
"""
        + HEROES,
        "        # keep it\n    session.commit()\n    session.rollback()",
    ),
    "a flush that ends the loop": Case(
        "NP108",
        """\
def run(session: Session):
    for hero_id in session.scalars(select(Hero.id)).all():
        session.add(Hero(id=1000 + hero_id, name="copy", team_id=1))
        session.flush()
    session.commit()
"""
        + HEROES,
        "    session.flush()\n    session.commit()",
    ),
    "an insert": Case(
        "NP107",
        """\
def run(session: Session):
    for hero_id in session.scalars(select(Hero.id)).all():
        name = f"copy-{hero_id}"
        session.execute(
            insert(Hero).values(
                id=1000 + hero_id,
                name=name,
                power=3,
                team_id=1,
            )
        )
    session.commit()
"""
        + HEROES,
        "    if rows:\n        session.execute(insert(Hero), rows)\n    session.commit()",
    ),
    "an insert of a dictionary": Case(
        "NP107",
        """\
def run(session: Session):
    for hero_id in session.scalars(select(Hero.id)).all():
        session.execute(insert(Hero).values({"id": 1000 + hero_id, "name": "copy", "power": 1, "team_id": 1}))
    session.commit()
"""
        + HEROES,
        'rows.append({"id": 1000 + hero_id, "name": "copy", "power": 1, "team_id": 1})',
    ),
    "a delete in 2.0 style": Case(
        "NP107",
        """\
def run(session: Session):
    for team in session.execute(select(Team.id)).all():
        session.execute(delete(Hero).where(Hero.team_id == team.id, Hero.power == 1))
    session.commit()
"""
        + HEROES,
        "session.execute(delete(Hero).where(Hero.team_id.in_(team_id_keys), Hero.power == 1))",
    ),
    "an update in 1.x style": Case(
        "NP107",
        """\
def run(session: Session):
    for team in session.execute(select(Team.id)).all():
        session.query(Hero).filter(Hero.team_id == team.id).update({"power": 7}, synchronize_session=False)
    session.commit()
"""
        + HEROES,
        "    if team_id_keys:\n        session.query(Hero).filter(Hero.team_id.in_(team_id_keys)).update(",
    ),
    "a query that every iteration runs alike": Case(
        "NP305",
        """\
def run(session: Session):
    shares = []
    for team in session.scalars(select(Team).order_by(Team.id)).all():
        total = session.query(Hero).count()
        shares.append((team.slug, total))
    return shares
""",
        "    total = session.query(Hero).count()\n    for team in",
    ),
    "a query inside a larger expression": Case(
        "NP305",
        """\
def run(session: Session):
    return [
        (team.slug, session.scalar(select(func.max(Hero.power))) or 0)
        for team in session.scalars(select(Team).order_by(Team.id))
    ]
""",
        "(team.slug, result_once or 0)",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_programs(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"app.py": IMPORTS + case.app, "models.py": shared_models()}
    proof = prove_rewrites(files, case.code, tmp_path, monkeypatch)
    assert case.expected in proof.files["app.py"]
    suggestion = proof.finding.suggestion
    assert suggestion is not None
    assert suggestion.applicability is Applicability.UNSAFE
    assert suggestion.behaviour
    ast.parse(suggestion.code)


PROSE = {
    "a commit in a condition": (
        "NP108",
        """\
def run(session: Session):
    for hero_id in session.scalars(select(Hero.id)).all():
        if hero_id > 2:
            session.add(Hero(id=1000 + hero_id, name="copy", team_id=1))
            session.commit()
""",
    ),
    "a flush whose identifier is used": (
        "NP108",
        """\
def run(session: Session):
    for hero_id in session.scalars(select(Hero.id)).all():
        team = Team(slug=f"new-{hero_id}")
        session.add(team)
        session.flush()
        session.add(Hero(name="first", team_id=team.id))
    session.commit()
""",
    ),
    "values that differ by row": (
        "NP107",
        """\
def run(session: Session):
    for team_id in session.scalars(select(Team.id)).all():
        session.execute(update(Hero).where(Hero.team_id == team_id).values(power=team_id))
    session.commit()
""",
    ),
    "a write whose result is used": (
        "NP107",
        """\
def run(session: Session):
    count = 0
    for team_id in session.scalars(select(Team.id)).all():
        count += session.query(Hero).filter(Hero.team_id == team_id).delete()
    return count
""",
    ),
    "a query in a condition": (
        "NP305",
        """\
def run(session: Session):
    found = []
    for team in session.scalars(select(Team)).all():
        if team.slug == "team-1":
            found.append(session.query(Hero).count())
    return found
""",
    ),
}


@pytest.mark.parametrize(("code", "app"), PROSE.values(), ids=PROSE.keys())
def test_what_is_not_understood_stays_prose(
    code: str, app: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"app.py": IMPORTS + app, "models.py": shared_models()}
    found = findings(materialise(files, tmp_path), code, monkeypatch)
    assert found
    for finding in found:
        assert finding.suggestion is not None
        assert not finding.suggestion.changes


def test_a_key_that_a_query_finds_is_not_asked_for_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = """\
def run(session: Session, other: Session, slugs: list[str]):
    found = []
    for slug in slugs:
        team_id = other.scalars(select(Team.id).where(Team.slug.startswith(slug))).first()
        found += session.query(Hero).filter(Hero.team_id == team_id).all()
    return found
"""
    files = {"app.py": IMPORTS + app, "models.py": shared_models()}
    _, finding = findings(materialise(files, tmp_path), "NP103", monkeypatch)
    assert finding.suggestion is not None
    assert not finding.suggestion.changes
