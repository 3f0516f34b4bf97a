"""Rewrites of loop queries are run on SQLite: the same result, and a number of statements that does not grow."""

from __future__ import annotations

import ast
import asyncio
import inspect
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import create_engine, event
from sqlalchemy.orm import Session

from nplus1_lint.findings import BatchPlan
from nplus1_lint.flag import aggregate, batch
from nplus1_lint.flag.apply import confirm
from nplus1_lint.flag.source import SourceFiles
from nplus1_lint.rules.example_models import SOURCE
from tests.flag_support import Case

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

IMPORTS = """\
from collections import defaultdict
import sqlalchemy as sa
from sqlalchemy import and_, exists, func, select, tuple_
from sqlalchemy.orm import joinedload
"""

CASES = {
    "count, 1.x chain over several lines with comments": Case(
        """
        def run(session):
            teams = session.query(Team).order_by(Team.id).all()
            result = []
            for team in teams:
                hero_count = (
                    session.query(Hero)
                    .filter(Hero.team_id == team.id, Hero.power >= 1)  # strong ones
                    .count()
                )
                result.append((team.slug, hero_count))
            return result
        """,
        "session.query(Hero).filter(Hero.team_id == team.id, Hero.power >= 1)  # strong ones\n.count()",
        {"team_id": "team.id"},
        "count",
        expected="hero_count = counts.get(team.id, 0)",
    ),
    "count in a comprehension over a query": Case(
        """
        def run(session):
            return [
                (team.slug, session.query(Hero).filter_by(team_id=team.id, power=1).count())
                for team in session.query(Team).order_by(Team.id)
                if team.id > 1
            ]
        """,
        "session.query(Hero).filter_by(team_id=team.id, power=1).count()",
        {"team_id": "team.id"},
        "count",
        expected="Hero.power == 1",
    ),
    "count of a statement built before": Case(
        """
        def run(session):
            out = []
            for team in session.scalars(select(Team).order_by(Team.id)).all():
                stmt = select(func.count()).select_from(Hero).where(Hero.team_id == team.id)
                stmt = stmt.where(Hero.power > 0)
                out.append(session.scalar(stmt))
            return out
        """,
        "session.scalar(stmt)",
        {"team_id": "team.id"},
        "count",
        style="select",
        expected="out.append(counts.get(team.id, 0))",
    ),
    "count through a result": Case(
        """
        def run(session):
            out = []
            for team in session.scalars(select(Team).order_by(Team.id)).all():
                number_of = select(func.count(Hero.id)).where(and_(Hero.team_id == team.id, Hero.power < 9))
                result = session.execute(number_of)
                number = result.scalar_one()
                out.append(number)
            return out
        """,
        "session.execute(number_of)",
        {"team_id": "team.id"},
        "count",
        style="select",
        expected="number = counts.get(team.id, 0)",
    ),
    "len of all": Case(
        """
        def run(session):
            sizes = {}
            for team in session.query(Team).all():
                sizes[team.slug] = len(session.query(Hero).filter(team.id == Hero.team_id).all())
            return sizes
        """,
        "session.query(Hero).filter(team.id == Hero.team_id).all()",
        {"team_id": "team.id"},
        "count",
        expected="sizes[team.slug] = counts.get(team.id, 0)",
    ),
    "len over a join counts entities once": Case(
        """
        def run(session):
            sizes = {}
            for team in session.query(Team).all():
                sizes[team.slug] = len(
                    session.query(Team).join(Hero, Hero.team_id == Team.id).filter(Team.id == team.id).all()
                )
            return sizes
        """,
        "session.query(Team).join(Hero, Hero.team_id == Team.id).filter(Team.id == team.id).all()",
        {"id": "team.id"},
        "count",
        model="Team",
        expected="func.count(Team.id.distinct())",
    ),
    "sum keeps None for a missing key": Case(
        """
        def run(session):
            totals = {}
            for team in session.query(Team).all():
                total = session.query(func.sum(Hero.power)).filter(Hero.team_id == team.id, Hero.power > 7).scalar()
                totals[team.id] = total
            return totals
        """,
        "session.query(func.sum(Hero.power)).filter(Hero.team_id == team.id, Hero.power > 7).scalar()",
        {"team_id": "team.id"},
        "sum",
        expected="total = totals_by_key.get(team.id)",
    ),
    "coalesced maximum keeps its default": Case(
        """
        def run(session):
            return {
                team.id: session.scalar(
                    select(sa.func.coalesce(sa.func.max(Hero.power), -1)).where(Hero.team_id == team.id, Hero.power > 7)
                )
                for team in session.scalars(select(Team))
            }
        """,
        "session.scalar(select(sa.func.coalesce(sa.func.max(Hero.power), -1))"
        ".where(Hero.team_id == team.id, Hero.power > 7))",
        {"team_id": "team.id"},
        "max",
        style="select",
        expected="maximums.get(team.id, -1)",
    ),
    "average taken out of a row": Case(
        """
        def run(session):
            found = []
            for team in session.query(Team).all():
                found.append(session.query(func.avg(Hero.power)).filter(Hero.team_id == team.id).first()[0])
            return found
        """,
        "session.query(func.avg(Hero.power)).filter(Hero.team_id == team.id).first()",
        {"team_id": "team.id"},
        "avg",
        expected="found.append(averages.get(team.id))",
    ),
    "several keys": Case(
        """
        def run(session):
            out = []
            for slug, wanted in [("team-0", 1), ("team-1", 5), ("team-0", 0)] * size:
                number = int(slug[-1]) + 1
                out.append(session.query(Hero).filter(Hero.team_id == number, Hero.power == wanted).count())
            return out
        """,
        "session.query(Hero).filter(Hero.team_id == number, Hero.power == wanted).count()",
        {"team_id": "number", "power": "wanted"},
        "count",
        expected="counts.get((number, wanted), 0)",
    ),
    "exists, with a guard and an unpacked key": Case(
        """
        def run(session):
            out = []
            refs = ["1:hero-0-0", "", "2:hero-1-1", "2:nobody", "x"] * size
            for ref in refs:
                if ":" not in ref:
                    continue
                number, name = ref.split(":")
                if session.query(Hero).filter(Hero.team_id == int(number), Hero.name == name).first() is None:
                    out.append(ref)
            return out
        """,
        "session.query(Hero).filter(Hero.team_id == int(number), Hero.name == name).first()",
        {"team_id": "int(number)", "name": "name"},
        "exists",
        expected="if (int(number), name) not in present:",
    ),
    "exists as a statement": Case(
        """
        def run(session):
            out = []
            for name in ["hero-0-0", "nobody"] * size:
                known = session.query(session.query(Hero).filter(Hero.name == name).exists()).scalar()
                out.append(known)
            return out
        """,
        "session.query(session.query(Hero).filter(Hero.name == name).exists()).scalar()",
        {"name": "name"},
        "exists",
        expected="known = name in present",
    ),
    "exists in 2.0 style": Case(
        """
        def run(session):
            out = []
            for name in ["hero-0-0", "nobody"] * size:
                if not session.scalar(select(exists().where(Hero.name == name))):
                    out.append(name)
            return out
        """,
        "session.scalar(select(exists().where(Hero.name == name)))",
        {"name": "name"},
        "exists",
        style="select",
        expected="if name not in present:",
    ),
    "count greater than zero": Case(
        """
        def run(session):
            return [name for name in ["hero-0-0", "nobody"] * size
                    if session.query(Hero).filter(Hero.name == name).count() > 0]
        """,
        "session.query(Hero).filter(Hero.name == name).count()",
        {"name": "name"},
        "exists",
        expected="if name in present]",
    ),
    "get": Case(
        """
        def run(session):
            found = []
            for hero_id in list(range(1, size + 1)) + [-1]:
                hero = session.get(Hero, hero_id)
                session.expunge_all()
                found.append(hero.name if hero else None)
            return found
        """,
        "session.get(Hero, hero_id)",
        {"id": "hero_id"},
        style="select",
        unique=True,
        expected="hero = hero_by_id.get(hero_id)",
    ),
    "query get under a condition": Case(
        """
        def run(session):
            ids = list(range(1, size + 1)) + [None, 10_000]
            return [session.query(Hero).get(number) if number else None for number in ids] and [
                None if number is None else name(session.query(Hero).options(joinedload(Hero.team)).get(number))
                for number in ids
            ]
        """,
        "session.query(Hero).options(joinedload(Hero.team)).get(number)",
        {"id": "number"},
        unique=True,
        expected="not (number is None)",
    ),
    "unique key, one()": Case(
        """
        def run(session):
            found = []
            for number in range(size):
                slug = f"team-{number}"
                found.append(session.scalars(select(Team).where(Team.slug == slug)).one().id)
            return found
        """,
        "session.scalars(select(Team).where(Team.slug == slug))",
        {"slug": "slug"},
        model="Team",
        style="select",
        unique=True,
        expected="team_by_slug[slug]",
    ),
    "scalar of one column": Case(
        """
        def run(session):
            return [
                session.query(Team.slug).filter(Team.id == hero.team_id).scalar()
                for hero in session.query(Hero).order_by(Hero.id)
            ]
        """,
        "session.query(Team.slug).filter(Team.id == hero.team_id).scalar()",
        {"id": "hero.team_id"},
        model="Team",
        unique=True,
        expected="slug_by_id.get(hero.team_id)",
    ),
    "rows grouped": Case(
        """
        def run(session):
            out = []
            for team in session.query(Team).order_by(Team.id).all():
                for hero in session.query(Hero).filter(Hero.team_id == team.id).order_by(Hero.power.desc()).all():
                    out.append((team.slug, hero.name))
            return out
        """,
        "session.query(Hero).filter(Hero.team_id == team.id).order_by(Hero.power.desc()).all()",
        {"team_id": "team.id"},
        expected="for hero in hero_rows_by_team_id.get(team.id, []):",
    ),
    "rows of another class than the key's": Case(
        """
        def run(session):
            out = []
            for slug in [f"team-{number}" for number in range(size)]:
                rows = session.execute(select(Hero).join(Hero.team).where(Team.slug == slug).order_by(Hero.id))
                out.append([hero.name for hero in rows.scalars().all()])
            return out
        """,
        "session.execute(select(Hero).join(Hero.team).where(Team.slug == slug).order_by(Hero.id))",
        {"slug": "slug"},
        model="Team",
        style="select",
        expected="hero_rows_by_slug[slug_key].append(row)",
    ),
    "latest of each": Case(
        """
        def run(session):
            out = []
            for team in session.scalars(select(Team).order_by(Team.id)):
                best = session.scalars(
                    select(Hero).where(Hero.team_id == team.id).order_by(Hero.power.desc()).limit(1)
                ).first()
                out.append(best.name)
            return out
        """,
        "session.scalars(select(Hero).where(Hero.team_id == team.id).order_by(Hero.power.desc()).limit(1)).first()",
        {"team_id": "team.id"},
        style="select",
        expected="best = hero_by_team_id.get(team.id)",
    ),
    "top two of each": Case(
        """
        def run(session):
            return [
                [hero.name for hero in session.query(Hero).filter_by(team_id=t.id).order_by(Hero.id).limit(1).all()]
                for t in session.query(Team).all()
            ]
        """,
        "session.query(Hero).filter_by(team_id=t.id).order_by(Hero.id).limit(1).all()",
        {"team_id": "t.id"},
        expected="hero_rows_by_team_id.get(t.id, [])[:1]",
    ),
    "names that are taken": Case(
        """
        def run(session):
            counts = []
            counts_by_key = session
            for team in session.query(Team).all():
                if team.id:
                    counts.append(counts_by_key.query(Hero).filter(Hero.team_id == team.id).count())
                else:
                    counts.append(0)
            return counts
        """,
        "counts_by_key.query(Hero).filter(Hero.team_id == team.id).count()",
        {"team_id": "team.id"},
        "count",
        session="counts_by_key",
        expected="counts.append(counts_by_key_2.get(team.id, 0))",
    ),
    "a result that can be iterated once": Case(
        """
        def run(session):
            result = session.scalars(select(Team))
            out = []
            for team in result:
                try:
                    out.append(session.query(Hero).filter(Hero.team_id == team.id).count())
                except ValueError:
                    raise
            return out
        """,
        "session.query(Hero).filter(Hero.team_id == team.id).count()",
        {"team_id": "team.id"},
        "count",
        expected="team_rows = list(result)",
    ),
    "asynchronous": Case(
        """
        async def run(session):
            teams = (await session.scalars(select(Team).order_by(Team.id))).all()
            out = []
            for team in teams:
                out.append((await session.execute(select(func.count(Hero.id)).where(Hero.team_id == team.id))).scalar())
            return out
        """,
        "session.execute(select(func.count(Hero.id)).where(Hero.team_id == team.id))",
        {"team_id": "team.id"},
        "count",
        style="select",
        is_async=True,
        expected="out.append(counts.get(team.id, 0))",
    ),
    "awaited, on a session of which no more is known": Case(
        """
        async def run(session):
            teams = (await session.scalars(select(Team).order_by(Team.id))).all()
            return [(await session.scalars(select(Hero).where(Hero.team_id == team.id))).first().name for team in teams]
        """,
        "session.scalars(select(Hero).where(Hero.team_id == team.id))",
        {"team_id": "team.id"},
        style="select",
        expected="await session.scalars(select(Hero).where(Hero.team_id.in_([team.id for team in teams])))",
    ),
    "asynchronous rows over a stream": Case(
        """
        async def run(session):
            out = []
            async for team in await session.stream_scalars(select(Team).order_by(Team.id)):
                result = await session.scalars(select(Hero).where(Hero.team_id == team.id).order_by(Hero.id))
                out.append([hero.name for hero in result.unique().all()])
            return out
        """,
        "session.scalars(select(Hero).where(Hero.team_id == team.id).order_by(Hero.id))",
        {"team_id": "team.id"},
        style="select",
        is_async=True,
        inside=ast.AsyncFor,
        expected="for hero in hero_rows_by_team_id.get(team.id, [])",
    ),
}


class Awaited:
    """A session with an AsyncSession's signatures; the statements run on the real session beneath."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def execute(self, statement: Any) -> object:
        return self._session.execute(statement)

    async def scalars(self, statement: Any) -> object:
        return self._session.scalars(statement)

    async def stream_scalars(self, statement: Any) -> AsyncIterator[object]:
        async def rows() -> AsyncIterator[object]:
            for row in self._session.scalars(statement).all():
                yield row

        return rows()


def rewritten(case: Case) -> str:
    files = SourceFiles(lambda _: case.text)
    (context,) = confirm(files, "app/x.py", [case.suspect()])
    plan = context.suspect.plan
    assert isinstance(plan, BatchPlan)
    made = aggregate.plan_rewrite(context, plan) if case.aggregate else batch.plan_rewrite(context, plan)
    assert made is not None, "no rewrite"
    return made.applied(files["app/x.py"])


def measure(code: str, size: int, monkeypatch: pytest.MonkeyPatch) -> tuple[object, int]:
    """The result of ``run`` and its number of SELECT statements."""
    # Mapped annotations are resolved in the module of their class.
    module = ModuleType("rewritten_example")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    space = vars(module)
    space |= {"size": size, "name": lambda hero: hero and hero.name}
    exec(IMPORTS + SOURCE, space)
    exec(code, space)
    statements: list[str] = []

    def count(*args: object) -> None:
        statements.append(str(args[2]))

    engine = create_engine("sqlite://")
    space["Base"].metadata.create_all(engine)
    with Session(engine) as session:
        space["seed"](session, size)
    event.listen(engine, "before_cursor_execute", count)
    with Session(engine) as session:
        if inspect.iscoroutinefunction(space["run"]):
            result = asyncio.run(space["run"](Awaited(session)))
        else:
            result = space["run"](session)
    engine.dispose()
    return result, len(statements)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_rewrite_gives_the_same_with_constant_statements(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    after = rewritten(case)
    small_before, few = measure(case.text, 3, monkeypatch)
    large_before, many = measure(case.text, 9, monkeypatch)
    assert many > few, "the example is no N+1"
    small_after, constant = measure(after, 3, monkeypatch)
    large_after, still = measure(after, 9, monkeypatch)
    assert (small_after, large_after) == (small_before, large_before)
    assert constant == still <= 3


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_suggestion_parses_and_names_what_is_there(case: Case) -> None:
    suggestion = case.finding().suggestion
    assert suggestion is not None
    ast.parse(suggestion.code)
    assert case.expected in suggestion.code
