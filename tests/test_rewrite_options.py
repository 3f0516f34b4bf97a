"""Loader options on the queries that made the rows: the same outcome, and statements that no longer grow."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

import pytest

from nplus1_lint.findings import Applicability
from nplus1_lint.rules.lazy_load_in_loop import LazyLoadInLoop
from nplus1_lint.rules.lazy_load_in_serializer import LazyLoadInSerializer
from nplus1_lint.rules.lazy_load_in_template import LazyLoadInTemplate
from tests.executed import SMALL, files_of, materialise, run, shared_models
from tests.rewriting import applied, findings, prove_rewrites

if TYPE_CHECKING:
    from pathlib import Path

    from nplus1_lint.rules.base import Example

EXAMPLES = [
    (rule.code, example)
    for rule in (LazyLoadInLoop, LazyLoadInSerializer, LazyLoadInTemplate)
    for example in rule.INVALID
]


@pytest.mark.parametrize(("code", "example"), EXAMPLES, ids=[f"{code} {one.name}" for code, one in EXAMPLES])
def test_examples_of_the_rules(code: str, example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proof = prove_rewrites(files_of(example), code, tmp_path, monkeypatch)
    assert proof.finding.suggestion is not None
    assert proof.finding.suggestion.applicability is Applicability.SAFE


class Case(NamedTuple):
    """A program and a piece of it as it is to be afterwards."""

    files: dict[str, str]
    expected: str
    applicability: Applicability = Applicability.SAFE
    code: str = "NP104"


IMPORTS = "from sqlalchemy import select\nfrom sqlalchemy.orm import Session, aliased, joinedload, selectinload\n\n"

MORE_MODELS = """\
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Guild(Base):
    __tablename__ = "guilds"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    teams: Mapped[list["Team"]] = relationship(back_populates="guild")


class Team(Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str]
    guild_id: Mapped[int | None] = mapped_column(ForeignKey("guilds.id"))
    guild: Mapped[Guild | None] = relationship(back_populates="teams")
    heroes: Mapped[list["Hero"]] = relationship(back_populates="team")


class Hero(Base):
    __tablename__ = "heroes"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id"))
    team: Mapped[Team | None] = relationship(back_populates="heroes")
    powers: Mapped[list["Power"]] = relationship(back_populates="hero")


class Power(Base):
    __tablename__ = "powers"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    hero_id: Mapped[int] = mapped_column(ForeignKey("heroes.id"))
    hero: Mapped[Hero] = relationship(back_populates="powers")


def seed(session, size):
    for number in range(size):
        guild = Guild(name=f"guild-{number}")
        team = Team(slug=f"team-{number}", guild=guild if number % 3 else None)
        hero = Hero(name=f"hero-{number}", team=team, powers=[Power(name="flight"), Power(name="luck")])
        session.add_all([team, hero, Hero(name=f"loner-{number}")])
    session.commit()
"""


TWINS = """\
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Alias(Base):
    __tablename__ = "aliases"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    user: Mapped[User] = relationship()


class Contact(Base):
    __tablename__ = "contacts"
    id: Mapped[int] = mapped_column(primary_key=True)
    alias_id: Mapped[int] = mapped_column(ForeignKey("aliases.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    user: Mapped[User] = relationship()


def seed(session, size):
    for number in range(size):
        session.add_all([User(id=2 * number + 1, name="a"), User(id=2 * number + 2, name=f"user-{number}")])
        session.flush()
        session.add(Alias(id=number + 1, user_id=2 * number + 1))
        session.flush()
        session.add(Contact(alias_id=number + 1, user_id=2 * number + 2))
    session.commit()
"""


def program(app: str, models: str = "", **others: str) -> dict[str, str]:
    files = {f"{name}.py": text for name, text in others.items()}
    return {**files, "app.py": app, "models.py": models or shared_models()}


CASES = {
    "statement over several lines, put at its construction": Case(
        program(
            IMPORTS
            + """\
from models import Team


def run(session: Session, wanted: str = ""):
    stmt = select(Team)  # all of them
    if wanted:
        stmt = stmt.where(Team.slug == wanted)
    stmt = stmt.order_by(Team.id)
    teams = session.scalars(stmt).all()
    return [len(team.heroes) for team in teams]
"""
        ),
        "stmt = select(Team).options(selectinload(Team.heroes))  # all of them",
    ),
    "a chain with a call per line and comments keeps its layout": Case(
        program(
            IMPORTS
            + """\
from models import Hero


def run(session: Session):
    heroes = (
        session.query(Hero)  # everybody
        # but not the weak
        .filter(Hero.power >= 0)
        .order_by(Hero.id)
        .all()
    )
    return [hero.team.slug for hero in heroes if hero.team is not None]
"""
        ),
        """\
        session.query(Hero)  # everybody
        # but not the weak
        .options(joinedload(Hero.team))
        .filter(Hero.power >= 0)
""",
    ),
    "a chain of lines that backslashes continue": Case(
        program(
            IMPORTS
            + """\
from models import Hero


def run(session: Session):
    heroes_of_all_the_teams_that_there_are_or_ever_were_in_this_world = session.query(Hero)\\
        .filter(Hero.power >= 0)\\
        .order_by(Hero.id).all()
    some = session.query(Hero).filter(Hero.id > 0) \\
        .order_by(Hero.id).all()
    more = session.query(Hero).\\
        filter(Hero.id > 0).\\
        order_by(Hero.id).all()
    everybody = [*heroes_of_all_the_teams_that_there_are_or_ever_were_in_this_world, *some, *more]
    return [hero.team.slug for hero in everybody if hero.team is not None]
"""
        ),
        """\
world = session.query(Hero)\\
        .options(joinedload(Hero.team))\\
        .filter(Hero.power >= 0)\\
        .order_by(Hero.id).all()
    some = session.query(Hero).options(joinedload(Hero.team)).filter(Hero.id > 0) \\
        .order_by(Hero.id).all()
    more = session.query(Hero).options(joinedload(Hero.team)).\\
        filter(Hero.id > 0).\\
""",
    ),
    "a chain of two, the second class imported": Case(
        program(
            """\
from sqlalchemy.orm import Session

from models import Guild


def run(session: Session):
    found = []
    for guild in session.query(Guild).order_by(Guild.id):
        for team in guild.teams:
            found.append((guild.name, [hero.name for hero in team.heroes]))
    return found
""",
            MORE_MODELS,
        ),
        "session.query(Guild).options(selectinload(Guild.teams).selectinload(Team.heroes)).order_by(Guild.id)",
    ),
    "an option that leads part of the way is extended": Case(
        program(
            IMPORTS
            + """\
from models import Hero, Team


def run(session: Session):
    found = []
    for team in session.scalars(select(Team).options(selectinload(Team.heroes)).order_by(Team.id)):
        for hero in team.heroes:
            found.append([power.name for power in hero.powers])
    return found
""",
            MORE_MODELS,
        ),
        "select(Team).options(selectinload(Team.heroes).selectinload(Hero.powers)).order_by(Team.id)",
    ),
    "an option beside others, laid out as they are": Case(
        program(
            IMPORTS
            + """\
from models import Hero, Power, Team


def run(session: Session):
    heroes = session.scalars(
        select(Hero)
        .options(
            selectinload(Hero.powers),  # always shown
        )
        .order_by(Hero.id)
    ).all()
    return [(hero.team.slug if hero.team else None, [power.name for power in hero.powers]) for hero in heroes]
""",
            MORE_MODELS,
        ),
        """\
            selectinload(Hero.powers),  # always shown
            joinedload(Hero.team),
        )
""",
    ),
    "several queries feed the loop": Case(
        program(
            IMPORTS
            + """\
from models import Team


def run(session: Session, newest: bool = False):
    if newest:
        teams = session.query(Team).order_by(Team.id.desc()).all()
    else:
        teams = session.query(Team).order_by(Team.id).all()
    return [len(team.heroes) for team in teams]
"""
        ),
        """\
        teams = session.query(Team).options(selectinload(Team.heroes)).order_by(Team.id.desc()).all()
    else:
        teams = session.query(Team).options(selectinload(Team.heroes)).order_by(Team.id).all()
""",
    ),
    "the query stands in another file": Case(
        program(
            """\
from sqlalchemy.orm import Session

from queries import all_teams


def run(session: Session):
    return [len(team.heroes) for team in all_teams(session)]
""",
            queries="""\
from sqlalchemy import select
from sqlalchemy.orm import Session

import models


def all_teams(session: Session):
    return session.scalars(select(models.Team).order_by(models.Team.id)).all()
""",
        ),
        "select(models.Team).options(selectinload(models.Team.heroes)).order_by(models.Team.id)",
        Applicability.UNSAFE,
    ),
    "an alias of the class": Case(
        program(
            IMPORTS
            + """\
from models import Team


def run(session: Session):
    other = aliased(Team)
    teams = session.scalars(select(other).order_by(other.id))
    return [len(team.heroes) for team in teams]
"""
        ),
        "select(other).options(selectinload(other.heroes)).order_by(other.id)",
    ),
    "rows that the function changes": Case(
        program(
            IMPORTS
            + """\
from models import Team


def run(session: Session):
    found = []
    for team in session.scalars(select(Team).order_by(Team.id)).all():
        found.append(len(team.heroes))
        team.slug = team.slug.upper()
    return found
"""
        ),
        "select(Team).options(selectinload(Team.heroes)).order_by(Team.id)",
        Applicability.UNSAFE,
    ),
    "a limit, and a lock that does not go with an outer join": Case(
        program(
            IMPORTS
            + """\
from models import Hero


def run(session: Session):
    heroes = session.query(Hero).order_by(Hero.id).limit(50).with_for_update().all()
    return [hero.team.slug for hero in heroes if hero.team]
"""
        ),
        "session.query(Hero).options(selectinload(Hero.team)).order_by(Hero.id)",
    ),
    "asynchronous": Case(
        program(
            """\
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from models import Team


async def run(session: AsyncSession):
    def sizes(sync):
        return [len(team.heroes) for team in sync.scalars(select(Team)).all()]

    return await session.run_sync(sizes)
"""
        ),
        "select(Team).options(selectinload(Team.heroes))",
    ),
    "two classes with a relationship of the same name": Case(
        program(
            IMPORTS
            + """\
from models import Alias, Contact


def run(session: Session):
    pairs = session.query(Alias, Contact).join(Contact, Contact.alias_id == Alias.id).all()
    return [contact.user.name for alias, contact in pairs]
""",
            TWINS,
        ),
        "session.query(Alias, Contact).options(\n        joinedload(Contact.user),\n    )",
    ),
    "one place reads relationships of several classes": Case(
        program(
            """\
from models import Hero
from pydantic import BaseModel, ConfigDict
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload


class Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class GuildOut(Out):
    name: str


class TeamOut(Out):
    slug: str
    guild: GuildOut | None


class PowerOut(Out):
    name: str


class HeroOut(Out):
    name: str
    team: TeamOut | None
    powers: list[PowerOut]


def run(session: Session):
    return [HeroOut.model_validate(hero) for hero in session.scalars(select(Hero)).all()]
""",
            MORE_MODELS,
        ),
        "        joinedload(Hero.team).joinedload(Team.guild),\n        selectinload(Hero.powers),\n",
        Applicability.SAFE,
        "NP109",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_programs(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proof = prove_rewrites(case.files, case.code, tmp_path, monkeypatch)
    assert case.expected in "\n".join(proof.files.values())
    suggestion = proof.finding.suggestion
    assert suggestion is not None
    assert suggestion.applicability is case.applicability
    ast.parse(suggestion.code)
    imported = [line.partition(" import ")[0] for line in suggestion.code.splitlines() if line.startswith("from ")]
    assert len(imported) == len(set(imported)), "one import line for each module"


PROSE = {
    "the class is a parameter": """\
from models import Team


def every(session: Session, model):
    return session.query(model).all()


def run(session: Session):
    return [len(team.heroes) for team in every(session, Team)]
""",
    "the query is a parameter": """\
from models import Team


def sizes(query):
    return [len(team.heroes) for team in query]


def run(session: Session):
    return sizes(session.query(Team).filter(Team.id > 0))
""",
    "the option would contradict one that is there": """\
from sqlalchemy.orm import lazyload

from models import Team


def run(session: Session):
    return [len(team.heroes) for team in session.query(Team).options(lazyload(Team.heroes))]
""",
    "rows come in parts": """\
from models import Team


def run(session: Session):
    return [len(team.heroes) for team in session.query(Team).yield_per(100)]
""",
}


@pytest.mark.parametrize("app", PROSE.values(), ids=PROSE.keys())
def test_what_is_not_understood_stays_prose(app: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = findings(materialise(program(IMPORTS + app), tmp_path), "NP104", monkeypatch)
    assert found
    for finding in found:
        assert finding.suggestion is not None
        assert not finding.suggestion.changes
        assert finding.suggestion.applicability is Applicability.DISPLAY


ASYNC = """\
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from models import Team


async def run(session: AsyncSession):
    team = (await session.scalars(select(Team).order_by(Team.id).limit(1))).one()
    other = await session.get(Team, 2)
    return [[hero.name for hero in one.heroes] for one in (team, other)]
"""


def test_a_read_that_raises_is_loaded_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = program(ASYNC)
    (finding,) = findings(materialise(files, tmp_path / "before"), "NP501", monkeypatch)
    after = applied(files, finding)
    folder = materialise(after, tmp_path / "after")
    assert findings(folder, "NP501", monkeypatch) == ()
    assert "select(Team).options(selectinload(Team.heroes)).order_by" in after["app.py"]
    assert "session.get(Team, 2, options=[selectinload(Team.heroes)])" in after["app.py"]
    outcome = run(folder, after, SMALL).outcome
    assert isinstance(outcome, list)
    assert all(outcome)
