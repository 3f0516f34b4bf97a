"""Loader options used where they do not fit (NP207), and joins that multiply rows (NP206)."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.exc import InvalidRequestError

import nplus1_lint
from nplus1_lint.findings import Severity
from nplus1_lint.rules import example_models
from tests.executed import run

if TYPE_CHECKING:
    from pathlib import Path

    from nplus1_lint.findings import Finding

IMPORTS = """\
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, contains_eager, immediateload, joinedload, selectinload, subqueryload
from models import Hero, Team
"""


def found(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, app: str, models: str = "") -> list[Finding]:
    """The findings of one rule in ``app.py``; its first line is line 5."""
    (tmp_path / "models.py").write_text(models or example_models.SOURCE, encoding="utf-8")
    (tmp_path / "app.py").write_text(IMPORTS + dedent(app).lstrip("\n"), encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(f'[tool.nplus1-lint]\nselect = ["{code}"]\n', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return list(nplus1_lint.check(["."]).findings)


JOINED = "select(Team).options(joinedload(Team.heroes))"
RAISING = [
    f"session.execute({JOINED}).all()",
    f"session.execute({JOINED}).scalars().all()",
    f"session.scalars({JOINED}).one()",
    f"session.execute({JOINED}).scalar_one_or_none()",
    f"session.execute({JOINED}).mappings().all()",
    f"list(session.scalars({JOINED}))",
    f"list(session.execute({JOINED}).partitions(2))",
    "session.scalars(select(Team).join(Team.heroes).options(contains_eager(Team.heroes))).all()",
    f"list(session.scalars({JOINED}, execution_options={{'yield_per': 2}}))",
    f"list(session.scalars({JOINED}.execution_options(yield_per=2)))",
    "list(session.query(Team).options(joinedload(Team.heroes)).yield_per(2))",
    "list(session.scalars(select(Team).options(subqueryload(Team.heroes)).execution_options(yield_per=2)))",
]
RUNNING = [
    f"session.execute({JOINED}).unique().all()",
    f"session.execute({JOINED}).scalars().unique().all()",
    f"session.execute({JOINED}).first()",
    f"session.scalar({JOINED})",
    f"session.scalars({JOINED}).unique().one_or_none()",
    "session.scalars(select(Hero).options(joinedload(Hero.team))).all()",
    "session.scalars(select(Team).options(selectinload(Team.heroes).joinedload(Hero.team))).all()",
    "session.query(Team).options(joinedload(Team.heroes)).all()",
    "session.get(Team, 1, options=[joinedload(Team.heroes)])",
    "list(session.scalars(select(Hero).options(joinedload(Hero.team)).execution_options(yield_per=2)))",
]


@pytest.mark.parametrize("expression", [*RAISING, *RUNNING])
def test_what_is_said_to_raise_raises(expression: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table was measured, and is measured here again."""
    findings = found("NP207", tmp_path, monkeypatch, f"def run(session: Session):\n    return {expression}\n")
    assert len(findings) == (expression in RAISING), [one.message for one in findings]
    program = {"models.py": example_models.SOURCE, "app.py": (tmp_path / "app.py").read_text(encoding="utf-8")}
    if expression in RAISING:
        with pytest.raises(InvalidRequestError, match=r"unique\(\)|yield_per"):
            run(tmp_path, program, 1)
    else:
        assert run(tmp_path, program, 1).statements


def test_unique_may_be_called_by_a_caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not found(
        "NP207",
        tmp_path,
        monkeypatch,
        """
        async def result(session: AsyncSession):
            return await session.execute(select(Team).options(joinedload(Team.heroes)))

        async def teams(session: AsyncSession):
            return (await result(session)).unique().scalars().all()
        """,
    )


def test_a_result_that_nobody_takes_rows_from_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not found(
        "NP207",
        tmp_path,
        monkeypatch,
        """
        def result(session: Session):
            return session.execute(select(Team).options(joinedload(Team.heroes)))
        """,
    )


def test_immediateload_below_a_collection_queries_per_row_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = found(
        "NP207",
        tmp_path,
        monkeypatch,
        """
        def names(session: Session):
            below = session.get(Team, 1, options=[selectinload(Team.heroes).immediateload(Hero.team)])
            single = session.scalars(select(Team).options(immediateload(Team.heroes)).limit(1)).all()
            return [hero.team.slug for hero in below.heroes], single
        """,
    )
    assert (one.span.line, one.message) == (6, "immediateload(Hero.team) sends one statement for each Hero of the list")


@pytest.mark.parametrize(
    ("order", "reported"),
    [
        ("", True),
        (".order_by(Team.name)", True),
        (".order_by(Team.name, Team.id.desc())", False),
        (".order_by(Team.slug)", False),
        (".order_by('name')", False),
        (".order_by(*orders)", False),
    ],
)
def test_the_order_of_a_limited_subqueryload(
    order: str, reported: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = example_models.SOURCE.replace("    slug:", "    name: Mapped[str]\n    slug:")
    findings = found(
        "NP207",
        tmp_path,
        monkeypatch,
        f"""
        def teams(session: Session, orders):
            query = select(Team).options(subqueryload(Team.heroes)){order}.limit(5)
            return session.scalars(query).all()
        """,
        models,
    )
    assert [one.severity for one in findings] == [Severity.WARNING] * reported


SIBLINGS = example_models.SOURCE.replace(
    '    heroes: Mapped[list["Hero"]]',
    '    sponsors: Mapped[list["Sponsor"]] = relationship({lazy})\n    heroes: Mapped[list["Hero"]]',
).replace(
    "def seed(",
    'class Sponsor(Base):\n    __tablename__ = "sponsors"\n    id: Mapped[int] = mapped_column(primary_key=True)\n'
    '    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))\n\n\ndef seed(',
)
TWO = "joinedload(Team.heroes), joinedload(Team.sponsors)"


@pytest.mark.parametrize(
    ("query", "reported"),
    [
        (f"select(Team).options({TWO})", True),
        (f"session.query(Team).options({TWO}).filter(Team.id == 1)", True),
        ("select(Team).options(joinedload(Team.heroes)).options(joinedload(Team.sponsors))", True),
        (f"select(Hero).options(joinedload(Hero.team).options({TWO}))", True),
        (f"select(Hero).options(selectinload(Hero.team).options({TWO}))", False),
        ("select(Team).options(joinedload(Team.heroes), selectinload(Team.sponsors))", False),
        ("select(Team).options(joinedload(Team.heroes).joinedload(Hero.team), selectinload(Team.sponsors))", False),
        ("select(Team).options(joinedload(Team.heroes)).limit(5)", True),
        ("select(Team).options(joinedload(Team.heroes)).offset(5)", True),
        ("select(Team).options(joinedload(Team.heroes)).limit(1)", False),
        ("select(Team).options(joinedload(Team.heroes)).limit(None)", False),
        ("select(Team).options(selectinload(Team.heroes)).limit(5)", False),
        ("select(Hero).options(joinedload(Hero.team)).limit(5)", False),
    ],
)
def test_which_queries_multiply_rows(
    query: str, reported: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = "query.all()" if "session.query" in query else "session.scalars(query).unique().all()"
    app = f"def rows(session: Session):\n    query = {query}\n    return {taken}\n"
    findings = found("NP206", tmp_path, monkeypatch, app, SIBLINGS.replace("{lazy}", ""))
    assert [one.span.line for one in findings] == [7] * reported


def test_an_option_multiplies_with_what_the_mapping_joins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = """
    def rows(session: Session):
        return session.query(Team).options(joinedload(Team.heroes)).all()
    """
    models = SIBLINGS.replace("{lazy}", 'lazy="joined"')
    declared, multiplied = sorted(found("NP206", tmp_path, monkeypatch, app, models), key=lambda one: -len(one.path))
    assert declared.message.startswith('lazy="joined" on the collection Team.sponsors repeats each Team')
    assert multiplied.message.startswith("the joined collections Team.heroes and Team.sponsors multiply")
    assert [step.path for step in multiplied.evidence] == ["app.py", "models.py"]


def test_a_joined_collection_that_no_query_loads_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = SIBLINGS.replace("{lazy}", 'lazy="joined"')
    app = "def ids(session: Session):\n    return session.scalars(select(Team.id)).all()\n"
    assert not found("NP206", tmp_path, monkeypatch, app, models)


INHERITED = """\
from sqlalchemy import Column, ForeignKey, Integer, String
from sqlalchemy.orm import backref, declarative_base, relationship

Base = declarative_base()


class Item(Base):
    __tablename__ = "items"
    id = Column(Integer, primary_key=True)
    kind = Column(String)
    parent_id = Column(ForeignKey("items.id"))
    current_id = Column(ForeignKey("versions.id"))
    children = relationship("Item", foreign_keys=[parent_id], backref=backref("parent", lazy=False, remote_side=[id]))
    versions = relationship(
        "Version", foreign_keys="Version.item_id", primaryjoin="Item.id == Version.item_id",
        backref=backref("item", lazy=False),
    )


class Section(Item):
    __mapper_args__ = {"polymorphic_identity": "section"}


class Version(Base):
    __tablename__ = "versions"
    id = Column(Integer, primary_key=True)
    item_id = Column(ForeignKey("items.id"))


class Hero(Base):
    __tablename__ = "heroes"
    id = Column(Integer, primary_key=True)


class Team(Base):
    __tablename__ = "teams"
    id = Column(Integer, primary_key=True)
"""


def test_the_other_side_of_an_inherited_collection_is_a_single_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = """
    from models import Section, Version

    def rows(session: Session):
        return session.query(Section).all(), session.query(Version).limit(5).all()
    """
    assert not found("NP206", tmp_path, monkeypatch, app, INHERITED)
