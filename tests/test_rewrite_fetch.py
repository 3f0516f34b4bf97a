"""Rows of which only the number or the existence is used are no longer fetched: the same outcome, fewer rows."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

from nplus1_lint.findings import Applicability
from tests.executed import LARGE, SMALL, materialise, run, shared_models
from tests.rewriting import applied, findings

if TYPE_CHECKING:
    from pathlib import Path

IMPORTS = """\
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from models import Hero, Team


"""
CASES = {
    "a row, asked for by its name": (
        "NP302",
        """\
def run(session: Session, slug: str = "team-1"):
    existing = (
        session.query(Team)
        .filter_by(slug=slug)  # unique
        .first()
    )
    if existing:
        return "taken"
    return "free"
""",
        "        session.query(Team.id)\n        .filter_by(slug=slug)  # unique\n        .first()\n",
    ),
    "no row": (
        "NP302",
        """\
def run(session: Session):
    team = session.query(Team).filter(Team.slug == "nobody").first()
    if not team:
        return "free"
    return "taken"
""",
        'session.query(Team.id).filter(Team.slug == "nobody").first()',
    ),
    "2.0 style": (
        "NP302",
        """\
def run(session: Session):
    hero = session.scalars(select(Hero).where(Hero.power == 0).order_by(Hero.id)).first()
    return "there" if hero is not None else "not there"
""",
        "hero = session.execute(select(Hero.id).where(Hero.power == 0).order_by(Hero.id)).first()",
    ),
    "all rows in a condition": (
        "NP302",
        """\
def run(session: Session):
    if not session.query(Hero).filter(Hero.power > 7).all():
        return "weak"
    return "strong"
""",
        "if not session.query(Hero.id).filter(Hero.power > 7).first():",
    ),
    "a number of rows, 1.x style": (
        "NP301",
        """\
def run(session: Session):
    return {"size": len(session.query(Hero).filter(Hero.power == 1).all())}
""",
        '{"size": session.query(Hero).filter(Hero.power == 1).count()}',
    ),
    "a number of rows, 2.0 style": (
        "NP301",
        """\
def run(session: Session):
    size = len(session.scalars(select(Hero).where(Hero.power == 1)).all())
    return size + 1
""",
        "size = session.scalar(select(func.count()).select_from(Hero).where(Hero.power == 1))",
    ),
    "the first of a result": (
        "NP303",
        """\
def run(session: Session):
    query = select(Hero).order_by(Hero.power.desc(), Hero.id)
    strongest = session.execute(query).scalars().first()
    return strongest.name if strongest else None
""",
        "session.execute(query.limit(1)).scalars().first()",
    ),
    "the first of a result, with what joins": (
        "NP303",
        """\
def run(session: Session):
    team = session.scalars(
        select(Team)
        .join(Hero)
        .options(joinedload(Team.heroes))
        .order_by(Hero.power.desc(), Team.id),  # the best
    ).unique().first()
    return [hero.name for hero in team.heroes]
""",
        "        .order_by(Hero.power.desc(), Team.id).limit(1),  # the best",
    ),
    "the scalar of an ordered select": (
        "NP303",
        """\
def run(session: Session):
    return session.scalar(select(Hero).order_by(Hero.id.desc())).name
""",
        "session.scalar(select(Hero).order_by(Hero.id.desc()).limit(1)).name",
    ),
}


@pytest.mark.parametrize(("code", "app", "expected"), CASES.values(), ids=CASES.keys())
def test_programs(code: str, app: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"app.py": IMPORTS + app, "models.py": shared_models()}
    (finding,) = findings(materialise(files, tmp_path / "before"), code, monkeypatch)
    after = applied(files, finding)
    assert expected in after["app.py"]
    assert finding.suggestion is not None
    assert finding.suggestion.applicability is Applicability.SAFE
    ast.parse(finding.suggestion.code)
    assert findings(materialise(after, tmp_path / "after"), code, monkeypatch) == ()
    for size in (SMALL, LARGE):
        old, new = run(tmp_path / "before", files, size), run(tmp_path / "after", after, size)
        assert new.outcome == old.outcome
        assert len(new.statements) == len(old.statements)
        assert sum(new.rows) <= sum(old.rows)


PROSE = {
    "a query with options": (
        "NP302",
        """\
def run(session: Session):
    team = session.query(Team).options(joinedload(Team.heroes)).filter(Team.slug == "team-1").first()
    return team is not None
""",
    ),
    "rows with a name": (
        "NP301",
        """\
def run(session: Session):
    heroes = session.query(Hero).all()
    return len(heroes)
""",
    ),
    "a join": (
        "NP301",
        """\
def run(session: Session):
    return len(session.query(Team).join(Hero).filter(Hero.power == 1).all())
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
    assert all(one.suggestion is not None and not one.suggestion.changes for one in found)
