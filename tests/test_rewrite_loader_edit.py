"""Options that do harm are dropped or replaced, results made unique: the same outcome, or one where it raised."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy.exc import InvalidRequestError

from nplus1_lint.rules.loader_misuse import LoaderMisuse
from nplus1_lint.rules.unused_loader_option import UnusedLoaderOption
from tests.availability import where_available
from tests.executed import LARGE, Log, files_of, materialise, run, shared_models
from tests.rewriting import applied, findings, plain

if TYPE_CHECKING:
    from pathlib import Path

    from nplus1_lint.rules.base import Example

EXAMPLES = [(rule.code, example) for rule in (UnusedLoaderOption, LoaderMisuse) for example in rule.INVALID]


def both(
    files: dict[str, str], code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Log | None, Log, str]:
    """The program's run before (None where it raises) and after all rewrites, and its text after them."""
    now = files
    found = findings(materialise(files, tmp_path / "before"), code, monkeypatch)
    assert found
    for number in range(len(found)):
        now = applied(now, found[0])
        left = findings(materialise(now, tmp_path / f"after-{number}"), code, monkeypatch)
        assert len(left) == len(found) - 1
        found = left
        if not found:
            break
    before: Log | None
    try:
        before = run(tmp_path / "before", files, LARGE)
    except InvalidRequestError:
        before = None
    with where_available():
        after = run(materialise(now, tmp_path / "last"), now, LARGE)
    return before, after, now["app.py"]


@pytest.mark.parametrize(("code", "example"), EXAMPLES, ids=[f"{code} {one.name}" for code, one in EXAMPLES])
def test_examples_of_the_rules(code: str, example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, after, _ = both(files_of(example), code, tmp_path, monkeypatch)
    if before is not None and "limit" in example.name:
        assert set(plain(after.outcome)) == {2}, "the collections of the rows themselves"
    elif before is not None:
        assert plain(after.outcome) == plain(before.outcome)
        assert len(after.statements) <= len(before.statements)
        assert code != "NP202" or len(after.statements) + after.joins < len(before.statements) + before.joins


IMPORTS = """\
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, joinedload, load_only, selectinload

from models import Hero, Team


"""
PROGRAMS = {
    "one of several options": (
        "NP202",
        """\
def run(session: Session):
    heroes = (
        session.query(Hero)
        .options(
            load_only(Hero.name),
            joinedload(Hero.team),
        )
        .order_by(Hero.id)
        .all()
    )
    return [hero.name for hero in heroes]
""",
        "        .options(\n            load_only(Hero.name),\n        )\n",
    ),
    "the only option of a chain with a call per line": (
        "NP202",
        """\
def run(session: Session):
    heroes = (
        session.query(Hero)
        .options(joinedload(Hero.team))
        .order_by(Hero.id)
        .all()
    )
    return [hero.name for hero in heroes]
""",
        "        session.query(Hero)\n        .order_by(Hero.id)\n",
    ),
    "an awaited result": (
        "NP207",
        """\
async def run(session: AsyncSession):
    result = await session.execute(select(Team).options(joinedload(Team.heroes)))
    return [(team.slug, len(team.heroes)) for team in result.scalars().all()]
""",
        "result = (await session.execute(select(Team).options(joinedload(Team.heroes)))).unique()",
    ),
    "the only option of a list": (
        "NP202",
        """\
def run(session: Session):
    wanted = [selectinload(Team.heroes)]
    return [team.slug for team in session.scalars(select(Team).options(*wanted)).all()]
""",
        "wanted = []",
    ),
    "the first option of a list": (
        "NP202",
        """\
def run(session: Session):
    wanted = [selectinload(Team.heroes), load_only(Team.slug)]
    return [team.slug for team in session.scalars(select(Team).options(*wanted)).all()]
""",
        "wanted = [load_only(Team.slug)]",
    ),
    "the last option of a list": (
        "NP202",
        """\
def run(session: Session):
    wanted = [load_only(Team.slug), selectinload(Team.heroes)]
    return [team.slug for team in session.scalars(select(Team).options(*wanted)).all()]
""",
        "wanted = [load_only(Team.slug)]",
    ),
    "an awaited result in parentheses": (
        "NP207",
        """\
async def run(session: AsyncSession):
    teams = (await session.scalars(select(Team).options(joinedload(Team.heroes)))).all()
    return [(team.slug, len(team.heroes)) for team in teams]
""",
        "teams = (await session.scalars(select(Team).options(joinedload(Team.heroes)))).unique().all()",
    ),
}


@pytest.mark.parametrize(("code", "app", "expected"), PROGRAMS.values(), ids=PROGRAMS.keys())
def test_programs(code: str, app: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"app.py": IMPORTS + app, "models.py": shared_models()}
    before, after, text = both(files, code, tmp_path, monkeypatch)
    assert expected in text
    assert after.outcome
    assert before is None or after.outcome == before.outcome
