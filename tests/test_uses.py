"""What becomes of what a loader option loads: readers far away, ways that cannot be followed, shared options."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

import nplus1_lint
from nplus1_lint.findings import Confidence, Severity
from nplus1_lint.rules import example_models

if TYPE_CHECKING:
    from pathlib import Path

    from nplus1_lint.findings import Finding

IMPORTS = """\
from sqlalchemy import select
from sqlalchemy.orm import Session, contains_eager, joinedload, selectinload, subqueryload
from models import Hero, Team
"""


def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **files: str) -> list[Finding]:
    """The NP202 findings of a project, those of low confidence too; ``app`` is ``app.py``."""
    (tmp_path / "models.py").write_text(example_models.SOURCE, encoding="utf-8")
    for name, text in files.items():
        source = dedent(text)
        (tmp_path / f"{name}.py").write_text(IMPORTS + source if name == "app" else source, encoding="utf-8")
    settings = '[tool.nplus1-lint]\nselect = ["NP202"]\nshow-low = true\n'
    (tmp_path / "pyproject.toml").write_text(settings, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return list(nplus1_lint.check(["."]).findings)


UNREAD = """
def slugs(session: Session):
    return [team.slug for team in session.scalars(select(Team).options(selectinload(Team.heroes)))]
"""


def test_the_option_is_the_evidence_and_the_execution_the_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = found(
        tmp_path,
        monkeypatch,
        app="""
        def slugs(session: Session):
            options = [
                selectinload(Team.heroes),
            ]
            query = select(Team).options(*options)
            rows = session.scalars(query).all()
            return [team.slug for team in rows]
        """,
    )
    assert (one.span.line, one.confidence, one.severity) == (10, Confidence.HIGH, Severity.WARNING)
    assert [(step.line, step.message) for step in one.evidence] == [(7, "selectinload(Team.heroes) is asked for here")]
    assert one.suggestion is not None
    assert one.suggestion.title == "Drop selectinload(Team.heroes)"


def test_several_options_of_one_query_are_one_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (one,) = found(
        tmp_path,
        monkeypatch,
        app="""
        def names(session: Session):
            query = session.query(Hero, Team).options(joinedload(Hero.team), subqueryload(Team.heroes))
            return [(hero.name, team.slug) for hero, team in query]
        """,
    )
    assert "joinedload(Hero.team)" in one.message or "subqueryload(Team.heroes)" in one.message


def test_rows_for_unknown_callers_are_reported_with_low_confidence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = found(
        tmp_path,
        monkeypatch,
        app="""
        def teams(session: Session):
            rows = session.scalars(select(Team).options(selectinload(Team.heroes))).all()
            print([team.slug for team in rows])
            return rows
        """,
    )
    assert one.confidence is Confidence.LOW


def test_a_flag_that_no_caller_sets_asks_for_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not found(
        tmp_path,
        monkeypatch,
        app="""
        def teams(session: Session, eager: bool = False):
            query = select(Team)
            if eager:
                query = query.options(selectinload(Team.heroes))
            return session.scalars(query).all()

        def slugs(session: Session):
            return [team.slug for team in teams(session)]
        """,
    )


def test_a_reader_behind_an_unresolved_call_is_met_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    way = """
    def keep(holder, session: Session):
        for team in session.scalars(select(Team).options(selectinload(Team.heroes))):
            holder.team = team
            print(team.slug)

    def read(holder):
        return holder.team.{attribute}
    """
    assert not found(tmp_path, monkeypatch, app=dedent(way).format(attribute="heroes"))
    (one,) = found(tmp_path, monkeypatch, app=dedent(way).format(attribute="slug"))
    assert one.confidence is Confidence.MEDIUM


def test_a_schema_that_names_the_relationship_may_read_kept_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = """
    import schema

    def keep(holder, session: Session):
        for team in session.scalars(select(Team).options(selectinload(Team.heroes))):
            holder.team = team
            print(team.slug)
    """
    schema = "class Out:\n    heroes: list[str]\n"
    assert not found(tmp_path, monkeypatch, app=app, schema=schema)


def test_a_dependency_gives_its_rows_to_handlers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = """
    from fastapi import APIRouter, Depends

    router = APIRouter()

    def current(session: Session) -> Team:
        team = session.scalars(select(Team).options(selectinload(Team.heroes))).one()
        print(team.slug)
        return team

    @router.get("/size")
    def size(team: Team = Depends(current)) -> int:
        return {reads}
    """
    assert not found(tmp_path, monkeypatch, app=dedent(app).format(reads="len(team.heroes)"))
    (one,) = found(tmp_path, monkeypatch, app=dedent(app).format(reads="len(team.slug)"))
    assert one.confidence is Confidence.MEDIUM


def test_an_option_that_queries_share_is_information(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (one,) = found(
        tmp_path,
        monkeypatch,
        app="""
        def query():
            return select(Team).options(selectinload(Team.heroes))

        def sizes(session: Session):
            return [len(team.heroes) for team in session.scalars(query())]

        def slugs(session: Session):
            return [team.slug for team in session.scalars(query())]
        """,
    )
    assert (one.function, one.severity) == ("slugs", Severity.INFO)


def test_one_query_run_on_two_paths_is_needed_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not found(
        tmp_path,
        monkeypatch,
        app="""
        def teams(session: Session, wanted: str):
            query = session.query(Team).options(selectinload(Team.heroes))
            if wanted:
                return [len(team.heroes) for team in query]
            return [team.slug for team in query]
        """,
    )


def test_the_way_back_to_the_parent_reads_the_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not found(
        tmp_path,
        monkeypatch,
        app="""
        def owners(session: Session):
            query = select(Hero).options(joinedload(Hero.team).selectinload(Team.heroes))
            return [[other.name for other in hero.team.heroes] for hero in session.scalars(query)]
        """,
    )


def test_contains_eager_is_left_alone_but_not_what_hangs_on_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (one,) = found(
        tmp_path,
        monkeypatch,
        app="""
        def names(session: Session):
            query = select(Hero).join(Hero.team).options(contains_eager(Hero.team).selectinload(Team.heroes))
            return [(hero.name, hero.team.slug) for hero in session.scalars(query)]

        def others(session: Session):
            query = select(Hero).join(Hero.team).options(contains_eager(Hero.team))
            return [hero.name for hero in session.scalars(query)]
        """,
    )
    assert one.message.startswith("selectinload(Team.heroes) ")


def test_the_getter_of_a_property_with_a_setter_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = example_models.SOURCE.replace(
        '    heroes: Mapped[list["Hero"]] = relationship(back_populates="team")\n',
        '    heroes: Mapped[list["Hero"]] = relationship(back_populates="team")\n\n'
        "    @property\n    def size(self):\n        return len(self.heroes)\n\n"
        "    @size.setter\n    def size(self, value):\n        pass\n",
    )
    assert "size" in models
    assert not found(tmp_path, monkeypatch, models=models, app=UNREAD.replace("team.slug for", "team.size for"))


def test_what_the_mapping_loads_anyway_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = example_models.SOURCE.replace(
        'relationship(back_populates="team")', 'relationship(back_populates="team", lazy="selectin")'
    )
    (one,) = found(tmp_path, monkeypatch, models=models, app=UNREAD)
    assert one.suggestion is not None
    assert one.suggestion.title.startswith("Replace selectinload(Team.heroes) by lazyload")


def test_a_foreign_key_with_a_schema_is_many_to_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = """
    from sqlalchemy import Column, ForeignKey, Integer
    from sqlalchemy.orm import declarative_base, relationship

    Base = declarative_base()

    class Team(Base):
        __tablename__ = "teams"
        __table_args__ = {"schema": "game"}
        id = Column(Integer, primary_key=True)
        city_id = Column(ForeignKey("game.cities.id"))
        city = relationship("City")

    class City(Base):
        __tablename__ = "cities"
        __table_args__ = {"schema": "game"}
        id = Column(Integer, primary_key=True)
        mayor_id = Column(ForeignKey("game.heroes.id"))
        mayor = relationship("Hero")

    class Hero(Base):
        __tablename__ = "heroes"
        __table_args__ = {"schema": "game"}
        id = Column(Integer, primary_key=True)
    """
    app = """
    def mayors(session: Session):
        query = select(Team).options(joinedload(Team.city).joinedload(models.City.mayor))
        return [team.city.mayor.id for team in session.scalars(query)]
    """
    assert not found(tmp_path, monkeypatch, models=models, app="import models\n" + dedent(app))


def test_a_foreign_key_that_names_an_attribute_is_many_to_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = """
    from sqlalchemy import Column, ForeignKey, Integer
    from sqlalchemy.orm import declarative_base, relationship

    Base = declarative_base()

    class City(Base):
        __tablename__ = "cities"
        id = Column(Integer, primary_key=True)
        capital_of = Column(ForeignKey("teams.id"))
        mayor = relationship("Hero")
        mayor_id = Column(ForeignKey("heroes.id"))

    class Team(Base):
        __tablename__ = "teams"
        id = Column(Integer, primary_key=True)
        city_id = Column(ForeignKey(City.id))
        city = relationship(City, foreign_keys=[city_id])

    class Hero(Base):
        __tablename__ = "heroes"
        id = Column(Integer, primary_key=True)
    """
    app = """
    def mayors(session: Session):
        query = select(Team).options(joinedload(Team.city).joinedload(models.City.mayor))
        return [team.city.mayor.id for team in session.scalars(query)]
    """
    assert not found(tmp_path, monkeypatch, models=models, app="import models\n" + dedent(app))


def test_templates_read_rows_that_objects_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "templates").mkdir()
    page = tmp_path / "templates" / "page.html"
    app = """
    from dataclasses import dataclass
    from flask import render_template

    @dataclass
    class Info:
        team: Team

    def infos(session: Session):
        teams = session.scalars(select(Team).options(selectinload(Team.heroes))).all()
        return [Info(team) for team in teams if team.slug]

    def page(session: Session):
        return render_template("page.html", infos=infos(session))
    """
    page.write_text("{% for info in infos %}{{ info.team.heroes | length }}{% endfor %}", encoding="utf-8")
    assert not found(tmp_path, monkeypatch, app=app)
    page.write_text("{% for info in infos %}{{ info.team.slug }}{% endfor %}", encoding="utf-8")
    (one,) = found(tmp_path, monkeypatch, app=app)
    assert one.confidence is Confidence.MEDIUM
    page.write_text("{% if broken %} {{ heroes }}", encoding="utf-8")
    assert not found(tmp_path, monkeypatch, app=app), "what cannot be parsed may read by any name that stands in it"


HELPER = """
def teams(session: Session, options):
    return session.scalars(select(Team).options(*options)).all()

def reader(session: Session):
    return [hero.name for team in teams(session, [selectinload(Team.heroes)]) for hero in team.heroes]
"""
GIVERS = {
    "reads another column": (
        "def names(session: Session):\n    return [team.slug for team in teams(session, [selectinload(Team.heroes)])]",
        True,
    ),
    "hands the rows to what reads another column": (
        "def slug(team):\n    return team.slug\n\n"
        "def names(session: Session):\n    return [slug(team) for team in teams(session, [selectinload(Team.heroes)])]",
        True,
    ),
    "through two helpers": (
        "def ordered(session, options):\n    return sorted(teams(session, options), key=lambda team: team.slug)\n\n"
        "def names(session: Session):\n    return [t.slug for t in ordered(session, [selectinload(Team.heroes)])]",
        True,
    ),
    "returns the rows to a caller that reads": (
        "def some(session: Session):\n    found = teams(session, [selectinload(Team.heroes)])\n"
        "    print(found[0].slug)\n    return found\n\n"
        "def main(session: Session):\n    print([len(team.heroes) for team in some(session)])",
        False,
    ),
    "returns the rows to a caller that does not": (
        "def some(session: Session):\n    found = teams(session, [selectinload(Team.heroes)])\n"
        "    print(found[0].slug)\n    return found\n\n"
        "def main(session: Session):\n    print([team.slug for team in some(session)])",
        True,
    ),
    "keeps them in an object": (
        "class Some:\n    def __init__(self, session: Session):\n"
        "        self.teams = teams(session, [selectinload(Team.heroes)])\n        print(self.teams[0].slug)\n\n"
        "    def print(self):\n        print([hero.name for team in self.teams for hero in team.heroes])",
        False,
    ),
    "only holds them": (
        "def names(session: Session):\n    held = teams(session, [selectinload(Team.heroes)])\n"
        "    print(reader(session))\n    del held",
        False,
    ),
    "asks a function for its options": (
        "def options():\n    return [selectinload(Team.heroes)]\n\n"
        "def names(session: Session):\n    print([team.slug for team in teams(session, options())])\n"
        "    print([team.heroes for team in teams(session, options())])",
        False,
    ),
}


@pytest.mark.parametrize("name", GIVERS)
def test_options_are_judged_by_what_the_caller_that_gave_them_reads(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, unread = GIVERS[name]
    reported = [one for one in found(tmp_path, monkeypatch, app=HELPER + source) if one.confidence > Confidence.LOW]
    assert len(reported) == unread
    for one in reported:
        assert one.function != "reader"
        assert one.function in ("names", "some")
        assert one.evidence[-1].message == "the query that is given the option runs here"
