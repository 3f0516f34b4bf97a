"""What is done with fetched rows: what the rules about it report, and what they leave alone."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pytest

import nplus1_lint
from nplus1_lint.findings import Severity
from nplus1_lint.rules.base import Example
from tests.executed import files_of, materialise, run

if TYPE_CHECKING:
    from pathlib import Path

CODES = ("NP205", "NP301", "NP302", "NP303")
HEADER = """\
# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session, contains_eager, selectinload

from models import Hero, Team


def heroes(session):
    return session.scalars(select(Hero).order_by(Hero.id)).all()


def strong(rows, least):
    return [row for row in rows if row.power >= least]


def run(session: Session, start=0, size=2, least=1, wanted=(1, 2)):
"""

LOUD = {
    "a number behind a call": (["NP301"], "rows = heroes(session)\nreturn {'total': len(rows)}"),
    "a number kept by name": (["NP301"], "total = len(session.query(Team).all())\nreturn total + 1"),
    "existence by a number": (["NP302"], "total = session.query(Team).count()\nif total:\n    return 1"),
    "existence turned round": (["NP302"], "return 0 < len(session.query(Team).all())"),
    "a row in a walrus": (
        ["NP302"],
        "if (row := session.query(Hero).filter_by(power=1).first()) is None:\n    return 1",
    ),
    "a result asked for one row": (
        ["NP302"],
        "result = session.execute(select(Hero).where(Hero.power == 1))\nreturn result.scalars().first() is not None",
    ),
    "a page by the position of a key": (
        ["NP303"],
        """
        rows = session.query(Hero).all()
        keys = [row.id for row in rows]
        if least in keys:
            start = keys.index(least)
        page = rows[start:start + size]
        return len(rows), [row.name for row in page]
        """,
    ),
    "a page of what a function has chosen": (
        ["NP303"],
        "rows = heroes(session)\nkept = strong(rows, least)\nreturn len(kept), [row.name for row in kept[start:size]]",
    ),
    "a page of rows with a score": (
        ["NP303"],
        """
        scored = []
        for row in session.query(Hero).all():
            score = 2 if row.name == "hero-0-0" else 1
            scored.append((row, score))
        scored.sort(key=lambda pair: -pair[1])
        rows = [row for row, _ in scored]
        return [row.name for row in rows[start:start + size]]
        """,
    ),
    "a filter that takes the rows' place": (
        ["NP303"],
        "rows = heroes(session)\nif least:\n    rows = [row for row in rows if row.power >= least]\nreturn rows",
    ),
    "a loop that skips": (
        ["NP303"],
        """
        names = []
        for row in heroes(session):
            if row.power < least:
                continue
            names.append(row.name)
        return names
        """,
    ),
    "a loop that sums": (["NP303"], "total = 0\nfor row in session.query(Hero):\n    total += row.power\nreturn total"),
    "a relationship kept by name": (
        ["NP205"],
        """
        teams = session.scalars(select(Team).options(selectinload(Team.heroes))).all()
        sizes = {}
        for team in teams:
            members = team.heroes
            sizes[team.slug] = len(members)
        return sizes
        """,
    ),
    "the first of a result by name": (
        ["NP303"],
        "found = session.execute(select(Hero).order_by(Hero.id))\nhero = found.scalars().first()\nreturn hero.name",
    ),
    "the first of some, in order": (
        ["NP303"],
        "return session.scalars(select(Hero).where(Hero.team_id == 1).order_by(Hero.power)).first().name",
    ),
}

QUIET = {
    "rows that are returned": "rows = session.query(Hero).all()\nif not rows:\n    return []\nreturn rows",
    "rows in a closure": "rows = heroes(session)\nnames = lambda: [r.name for r in rows]\nreturn len(rows), names()",
    "rows with others among them": "rows = session.query(Hero).all()\nrows.append(None)\nreturn len(rows)",
    "two filters": """
        rows = session.query(Hero).all()
        return [row.id for row in rows if row.power], [row.id for row in rows if not row.power]
    """,
    "a join in memory": """
        rows = session.query(Hero).all()
        return {key: [row.name for row in rows if row.team_id == key] for key in wanted}
    """,
    "batches": """
        rows = session.query(Hero).all()
        for at in range(0, len(rows), size):
            print(rows[at:at + size])
    """,
    "a set that grows with the rows": """
        seen = set()
        for row in session.query(Hero).all():
            if row.power not in seen:
                seen.add(row.power)
        return seen
    """,
    "a value that may be missing": "return {row.id: row for row in session.query(Hero).all() if row.name is not None}",
    "a look-up in a collection": "return [row for row in session.query(Hero).all() if row.name not in wanted]",
    "all but one": "return [row for row in session.query(Hero).all() if row.id != least]",
    "a method of a value": "return [row for row in session.query(Hero).all() if row.name.startswith('hero-0')]",
    "the first of few, in no order": "return session.scalars(select(Hero).where(Hero.power == 1)).first().name",
    "the first of a limited result": "return session.scalars(select(Hero).order_by(Hero.id).limit(1)).first().name",
    "the first of a query": "return session.query(Hero).order_by(Hero.id).first().name",
    "the first row, and the others": """
        found = session.scalars(select(Hero).order_by(Hero.id))
        return found.first().name if least else found.all()
    """,
    "the one of a unique key": "return session.scalars(select(Team).where(Team.id == 1).order_by(Team.id)).first()",
    "the first of a result, locked": """
        query = select(Hero).order_by(Hero.id).with_for_update()
        return session.scalars(query).first().name
    """,
    "the first of a result whose collection the join gives": """
        query = select(Team).join(Team.heroes).options(contains_eager(Team.heroes)).order_by(Team.id)
        return [hero.name for hero in session.scalars(query).unique().first().heroes]
    """,
    "a limit": "rows = session.query(Hero).limit(3).all()\nreturn len(rows), rows[:2]",
    "a lock": "if session.query(Team).filter_by(id=1).with_for_update().first() is None:\n    return 1",
    "a number that is used": "total = session.query(Team).count()\nreturn total > 1",
    "rows sorted anew after a change": """
        rows = session.query(Hero).all()
        for at, row in enumerate(rows):
            row.power = -at
        return [row.id for row in sorted(rows, key=lambda row: row.power)]
    """,
    "one row and the rest": "rows = session.query(Hero).all()\nreturn rows[0].name, len(rows)",
    "rows held for the identity map": """
        teams = session.query(Team).all()
        return [session.get(Team, key).slug for (key,) in session.query(Hero.team_id)], len(teams)
    """,
    "children that a helper reads": """
        teams = session.scalars(select(Team).options(selectinload(Team.heroes))).all()
        return [(len(team.heroes), strong(team.heroes, least)) for team in teams]
    """,
}


def program(body: str) -> Example:
    return Example("rows", HEADER + textwrap.indent(textwrap.dedent(body), "    "))


def found(example: Example, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Check an example, and run it: what cannot run proves nothing."""
    files = files_of(example)
    run(materialise(files, folder), files, 3)
    monkeypatch.chdir(folder)
    return [finding.code for finding in nplus1_lint.check(["."]).findings if finding.code in CODES]


@pytest.mark.parametrize("name", LOUD)
def test_loud(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected, body = LOUD[name]
    assert found(program(body), tmp_path, monkeypatch) == expected


@pytest.mark.parametrize("name", QUIET)
def test_quiet(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(program(QUIET[name]), tmp_path, monkeypatch) == []


def test_a_single_row_matters_less_than_all_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = """
    if session.query(Team).filter_by(id=1).first():
        return session.query(Hero).all() == []
    """
    materialise(files_of(program(body)), tmp_path)
    monkeypatch.chdir(tmp_path)
    severities = [finding.severity for finding in nplus1_lint.check(["."]).findings]
    assert severities == [Severity.INFO, Severity.WARNING]
