"""Advice that is prose: it speaks of the very statement, function or session that the code has."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.executed import materialise, shared_models
from tests.rewriting import findings

if TYPE_CHECKING:
    from pathlib import Path

IMPORTS = """\
from sqlalchemy import Column, ForeignKey, Table, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from models import Hero, Team


"""


class Case(NamedTuple):
    """A program, its rule, and what the advice says."""

    code: str
    app: str
    said: str


CASES = {
    "updates whose values may differ": Case(
        "NP107",
        """\
def run(session: Session):
    for team_id in session.scalars(select(Team.id)).all():
        session.execute(update(Hero).where(Hero.team_id == team_id).values(power=team_id))
""",
        "Write once: one UPDATE of Hero with IN where all rows get the same values, else execute(update(Hero)",
    ),
    "deletes": Case(
        "NP107",
        """\
def run(session: Session):
    for team_id in session.scalars(select(Team.id)).all():
        if session.execute(delete(Hero).where(Hero.team_id == team_id)).rowcount:
            print(team_id)
""",
        "Delete once: one DELETE of Hero with IN",
    ),
    "inserts": Case(
        "NP107",
        """\
def run(session: Session):
    for team_id in session.scalars(select(Team.id)).all():
        if session.execute(insert(Hero).values(name="new", team_id=team_id)).rowcount:
            print(team_id)
""",
        "Write once: execute(insert(Hero), [dicts])",
    ),
    "a flush": Case(
        "NP108",
        """\
def run(session: Session):
    for team_id in session.scalars(select(Team.id)).all():
        session.add(Hero(name="new", team_id=team_id))
        session.flush()
    session.commit()
""",
        "Flush once, behind the loop",
    ),
    "whether there is a row": Case(
        "NP303",
        """\
def run(session: Session):
    return any(hero.power > 7 for hero in session.scalars(select(Hero)).all())
""",
        "Ask the database: select(exists().where(…))",
    ),
    "whether all rows are so": Case(
        "NP303",
        """\
def run(session: Session):
    return all(hero.power > 7 for hero in session.scalars(select(Hero)).all())
""",
        "Ask the database for a row of which it does not hold: select(~exists().where(…))",
    ),
    "a sum": Case(
        "NP303",
        """\
def run(session: Session):
    return sum(hero.power for hero in session.scalars(select(Hero)).all())
""",
        "Let the database compute it: func.sum(…)",
    ),
    "relationships of the rows of two queries": Case(
        "NP104",
        """\
def slug(hero: Hero, team: Team):
    return hero.team.slug, len(team.heroes)


def run(session: Session):
    heroes = session.scalars(select(Hero).where(Hero.power > 0)).all()
    return [slug(hero, team) for hero, team in zip(heroes, session.query(Team).filter(Team.id > 0))]
""",
        "Add .options(joinedload(Hero.team)) to the query that made the Hero rows and "
        ".options(selectinload(Team.heroes)) to the query that made the Team rows",
    ),
    "a relationship that leads on to itself": Case(
        "NP104",
        """\
class Base(DeclarativeBase):
    pass


class Node(Base):
    __tablename__ = "nodes"
    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[int] = mapped_column(ForeignKey("nodes.id"), index=True)
    children: Mapped[list["Node"]] = relationship()


def tree(node: Node):
    return [node.id, [tree(child) for child in node.children]]


def run(session: Session):
    return [tree(node) for node in session.scalars(select(Node).where(Node.parent_id.is_(None))).all()]
""",
        "Add .options(selectinload(Node.children, recursion_depth=-1)) to the query that made the rows",
    ),
    "a function that a decorator has put another around": Case(
        "NP105",
        """\
def timed(function):
    def wrapped(*given):
        return function(*given)

    return wrapped


@timed
def size(session: Session, team_id: int):
    return session.query(Hero).filter(Hero.team_id == team_id).count()


def run(session: Session):
    return [size(session, team_id) for team_id in session.scalars(select(Team.id)).all()]
""",
        "Give size() a batch variant",
    ),
    "a relationship of the one row that each iteration queries": Case(
        "NP104",
        """\
def by_id(session: Session, team_id: int) -> Team:
    return session.scalars(select(Team).where(Team.id == team_id)).one()


def run(session: Session):
    return [len(by_id(session, team_id).heroes) for team_id in session.scalars(select(Team.id)).all()]
""",
        "Fetch the rows before the loop with one query, and add .options(selectinload(Team.heroes)) to that",
    ),
    "a relationship of the rows that each iteration queries": Case(
        "NP104",
        """\
def slugs(session: Session, team_id: int):
    return [hero.team.slug for hero in session.scalars(select(Hero).where(Hero.power == team_id))]


def run(session: Session):
    return [slugs(session, team_id) for team_id in session.scalars(select(Team.id)).all()]
""",
        "Add .options(joinedload(Hero.team)) to the query that made the rows",
    ),
    "a relationship that a schema reads of the one row that each iteration queries": Case(
        "NP109",
        """\
from pydantic import BaseModel, ConfigDict


class TeamOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    heroes: list[object]


def run(session: Session):
    return [TeamOut.model_validate(session.get(Team, key)) for key in session.scalars(select(Team.id)).all()]
""",
        "TeamOut needs .options(selectinload(Team.heroes)) on one query for all rows before the loop",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_advice_speaks_of_what_is_there(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"app.py": IMPORTS + case.app, "models.py": shared_models()}
    finding, *_ = findings(materialise(files, tmp_path), case.code, monkeypatch)
    assert finding.suggestion is not None
    assert finding.suggestion.title.startswith(case.said)


EAGER = """\
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Team(Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str]
    heroes: Mapped[list["Hero"]] = relationship(lazy="selectin")


class Hero(Base):
    __tablename__ = "heroes"
    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"), index=True)
"""


@pytest.mark.parametrize(
    ("session", "awaits", "said"),
    [("Session", "", "one statement per row"), ("AsyncSession", "await ", "raises MissingGreenlet")],
)
def test_what_an_unseen_read_does_depends_on_the_sessions(
    session: str, awaits: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = IMPORTS + (
        f"{'async ' if awaits else ''}def run(session: {session}):\n"
        f"    return [team.slug for team in ({awaits}session.scalars(select(Team))).all()]\n"
    )
    (finding,) = findings(materialise({"app.py": app, "models.py": EAGER}, tmp_path), "NP201", monkeypatch)
    assert finding.suggestion is not None
    assert said in finding.suggestion.behaviour


def test_a_folder_that_can_be_no_package_is_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = """\
from sqlalchemy.orm import Session

from app.models import Hero


def first(session: Session, team_id: int):
    return session.query(Hero).filter_by(team_id=team_id).count()


def second(session: Session, team_id: int):
    return session.query(Hero).filter(Hero.team_id == team_id).count() + 1
"""
    files = {"my-server/app/jobs.py": jobs, "my-server/app/__init__.py": "", "my-server/app/models.py": EAGER}
    (finding,) = findings(materialise(files, tmp_path), "NP402", monkeypatch)
    assert finding.suggestion is not None
    assert "\nfrom app.models import Hero\n" in finding.suggestion.code


LINKED = """\
class Base(DeclarativeBase):
    pass


links = Table(
    "links", Base.metadata, Column("user_id", ForeignKey("users.id")), Column("role_id", ForeignKey("roles.id"))
)


class Role(Base):
    __tablename__ = "roles"
    id: Mapped[int] = mapped_column(primary_key=True)


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    roles = relationship(Role, secondary=links, lazy="dynamic")


def run(session: Session, user_id: int, roles: list[Role]):
    user = session.get_one(User, user_id)
    for role in roles:
        if role not in list(user.roles):
            {then}
"""


@pytest.mark.parametrize(("then", "count"), [("user.roles.append(role)", 0), ("print(role.id)", 1)])
def test_a_dynamic_relationship_to_which_the_loop_adds_is_read_anew(
    then: str, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"app.py": IMPORTS + LINKED.replace("{then}", then), "models.py": shared_models()}
    assert len(findings(materialise(files, tmp_path), "NP305", monkeypatch)) == count


def test_a_number_that_is_asked_for_its_truth_is_told_as_a_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = f"""{IMPORTS}def run(session: Session):
    count = len(
        session.query(Hero).all()
    )
    if count > 0:
        return count + 1
    return 0
"""
    (finding,) = findings(materialise({"app.py": app, "models.py": shared_models()}, tmp_path), "NP301", monkeypatch)
    assert [step.message for step in finding.evidence] == ["only the number of rows is used here"]


def test_macros_are_named_as_templates_name_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (
        "{% macro one(team) %}{{ team.heroes|length }}{% endmacro %}{% for team in teams %}{{ one(team) }}{% endfor %}"
    )
    app = f"""from flask import render_template

{IMPORTS}def view(session: Session):
    return render_template("page.html", teams=session.scalars(select(Team)).all())
"""
    files = {"app.py": app, "models.py": shared_models(), "templates/page.html": page}
    (finding,) = findings(materialise(files, tmp_path), "NP110", monkeypatch)
    assert "calls one()" in [step.message for step in finding.evidence]
