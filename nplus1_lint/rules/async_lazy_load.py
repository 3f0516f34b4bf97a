"""NP501."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from nplus1_lint.findings import Confidence, Pos, Severity, Step, Suspect
from nplus1_lint.rules.base import Example, Proof, Rule
from nplus1_lint.rules.options import LazyRead, options_plan

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nplus1_lint.findings import OptionsPlan
    from nplus1_lint.infer.analysis import Analysis, AsyncRead


class AsyncLazyLoad(Rule):
    """A row of an ``AsyncSession`` is read where the read would query: it raises ``MissingGreenlet``.

    What it does
        Flags, in a loop or not, in code, in a property or in a serialiser, the read of a relationship or deferred
        column that nothing has loaded, and of any column of a row that a ``commit()`` has expired.

    Why is this bad
        An attribute cannot be awaited. SQLAlchemy raises ``MissingGreenlet``, and only for the requests that come this
        way with rows that nobody else has loaded.

    Use instead
        A loader option on the query; ``await session.refresh(row, ["relationship"])``;
        ``await row.awaitable_attrs.relationship``; ``async_sessionmaker(expire_on_commit=False)``.

    When it stays quiet
        ``awaitable_attrs``; code that ``run_sync`` runs; rows of unknown making; sessions that keep rows at commit.

    Fix safety
        Safe where the query stands in the function of the read and that function changes no rows: the same rows,
        loaded earlier. Unsafe where the query stands elsewhere, for its other callers load the relationship too, and
        where the function changes rows, for the read no longer sees that. Shown as a sentence where the query is not
        found, is fetched in parts or has an option that contradicts.
    """

    code: ClassVar[str] = "NP501"
    name: ClassVar[str] = "async-lazy-load"
    severity: ClassVar[Severity] = Severity.ERROR
    summary: ClassVar[str] = "a lazy read on rows of an AsyncSession raises MissingGreenlet"

    INVALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "a relationship of one row",
            """\
# file: app.py
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from models import Team


async def run(session: AsyncSession):
    team = (await session.scalars(select(Team).limit(1))).one()
    return [hero.name for hero in team.heroes]  # expect: NP501
""",
            Proof.MISSING_GREENLET,
        ),
        Example(
            "a column after a commit",
            """\
# file: app.py
from sqlalchemy.ext.asyncio import AsyncSession

from models import Team


async def run(session: AsyncSession):
    team = Team(slug="new")
    session.add(team)
    await session.commit()
    return team.slug  # expect: NP501
""",
            Proof.MISSING_GREENLET,
        ),
        Example(
            "a schema",
            """\
# file: app.py
from pydantic import BaseModel, ConfigDict
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from models import Hero


class TeamOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    slug: str


class HeroOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    team: TeamOut


async def run(session: AsyncSession):
    heroes = (await session.scalars(select(Hero))).all()
    return [HeroOut.model_validate(hero) for hero in heroes]  # expect: NP501
""",
            Proof.MISSING_GREENLET,
        ),
    )
    VALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "an option, a refresh, run_sync",
            """\
# file: app.py
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from models import Team


async def run(session: AsyncSession):
    teams = (await session.scalars(select(Team).options(selectinload(Team.heroes)))).all()
    names = [hero.name for team in teams for hero in team.heroes]
    session.expunge_all()
    team = (await session.scalars(select(Team).limit(1))).one()
    await session.refresh(team, ["heroes"])
    names += [hero.name for hero in team.heroes]
    session.expunge_all()
    other = (await session.scalars(select(Team).limit(1))).one()
    names += await session.run_sync(lambda sync: [hero.name for hero in other.heroes])
    return names
""",
        ),
        Example(
            "a factory that keeps rows at commit",
            """\
# file: app.py
from sqlalchemy.ext.asyncio import async_sessionmaker

from models import Team

Factory = async_sessionmaker(expire_on_commit=False)


async def run(session):
    async with Factory(bind=session.bind) as own:
        team = Team(slug="new")
        own.add(team)
        await own.commit()
        return team.slug
""",
        ),
    )

    def suspects(self, analysis: Analysis) -> Iterable[Suspect]:
        """Yield one suspect per read."""
        for found in analysis.async_reads:
            read = found.read
            model = analysis.project.models[read.model]
            yield Suspect(
                code=self.code,
                path=found.path,
                pos=Pos(*read.place.place),
                node=found.node,
                scope=Pos(*read.scope),
                function=found.function,
                message=message(model.name, found),
                severity=self.severity,
                confidence=Confidence.HIGH if read.origin is not None or read.expired else Confidence.MEDIUM,
                evidence=tuple(evidence(analysis, model.name, found)),
                plan=plan(analysis, found),
                advice=advice(model.name, read.attribute in model.relationships, found),
            )


def plan(analysis: Analysis, found: AsyncRead) -> OptionsPlan | None:
    """Return what the rewriter needs; nothing where a commit has expired the row, or a template reads."""
    read = found.read
    if read.expired or found.template is not None:
        return None
    lazy = LazyRead(read.place, read.model, read.attribute, read.origin)
    return options_plan(analysis, read.place.function, [lazy])


def message(model: str, found: AsyncRead) -> str:
    """Say what raises."""
    read = found.read
    who = f"{read.reader.schema.rpartition(':')[2]} reads {model}.{read.attribute}" if read.reader else (
        f"{model}.{read.attribute} is read")  # fmt: skip
    why = "after a commit has expired the row" if read.expired else "but nothing has loaded it"
    return f"{who} {why}; on a row of an AsyncSession this raises MissingGreenlet"


def evidence(analysis: Analysis, model: str, found: AsyncRead) -> Iterable[Step]:
    """The query, then the read."""
    read = found.read
    if read.origin is not None:
        yield Step(analysis.path_of(read.origin), read.origin.place[0], f"SELECT {model}")
    if found.template is not None:
        yield Step(found.path, read.place.place[0], f"renders {found.template[0]}")
    yield Step(*(found.template or (found.path, read.place.place[0])), f"reads {model}.{read.attribute}")


def advice(model: str, is_relationship: bool, found: AsyncRead) -> str:
    """Say how to load it in time."""
    attribute = found.read.attribute
    if found.read.expired:
        return "Make the sessions with async_sessionmaker(expire_on_commit=False), or await session.refresh() first"
    if is_relationship:
        return (
            f"Add .options(selectinload({model}.{attribute})) to the query, or await "
            f'session.refresh(…, ["{attribute}"]) first'
        )
    return f"Add .options(undefer({model}.{attribute})) to the query"
