"""What each construct of Jinja reads: rendered on SQLite with rows at two sizes, and told from the template alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

import nplus1_lint
from tests.executed import LARGE, SMALL, materialise, run

if TYPE_CHECKING:
    from pathlib import Path

MODELS = """\
from sqlalchemy import ForeignKey
from sqlalchemy.orm import (
    DeclarativeBase, Mapped, mapped_column, object_session, relationship
)


class Base(DeclarativeBase):
    pass


class Team(Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str]
    motto: Mapped[str] = mapped_column(default="", deferred=True)
    heroes: Mapped[list["Hero"]] = relationship(back_populates="team")
    fans = relationship("Hero", lazy="dynamic", viewonly=True)

    @property
    def size(self):
        return len(self.heroes)

    def captain(self):
        return object_session(self).query(Hero).filter_by(team_id=self.id).first()


class Hero(Base):
    __tablename__ = "heroes"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    power: Mapped[int] = mapped_column(default=0)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))
    team: Mapped["Team"] = relationship(back_populates="heroes")


class Pet(Base):
    __tablename__ = "pets"
    id: Mapped[int] = mapped_column(primary_key=True)
    hero_id: Mapped[int] = mapped_column(ForeignKey("heroes.id"))
    hero: Mapped["Hero"] = relationship()

    def __str__(self):
        return f"pet of {self.hero.name}"


def seed(session, n):
    for number in range(n):
        team = Team(slug=f"team-{number}", heroes=[Hero(name=f"a-{number}"), Hero(name=f"b-{number}", power=1)])
        session.add(team)
        session.flush()
        session.add(Pet(hero_id=team.heroes[0].id))
    session.commit()
    session.expunge_all()
"""

APP = """\
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from sqlalchemy.orm import Session, joinedload, selectinload

from models import Hero, Pet, Team

env = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    extensions=["jinja2.ext.i18n", "jinja2.ext.do", "jinja2.ext.loopcontrols"],
)
env.install_null_translations()


def run(session: Session):
    return env.get_template("page.html").render({context})
"""

ROWS = {
    "TEAMS": "teams=session.query(Team).all()",
    "HEROES": "heroes=session.query(Hero).order_by(Hero.id).all()",
    "PETS": "pets=session.query(Pet).all()",
    "READ": "{{ team.heroes[0].name }}",
}

PAGES = """\
### output: grows
TEAMS
{% for team in teams %}READ{% endfor %}
### columns alone: constant
TEAMS
{% for team in teams %}{{ team.slug }}{% endfor %}
### an option on the query: constant
teams=session.query(Team).options(selectinload(Team.heroes)).all()
{% for team in teams %}READ{% endfor %}
### a filter of the loop: grows
TEAMS
{% for team in teams if team.heroes %}{{ team.slug }}{% endfor %}
### the else of a loop: constant
TEAMS
{% for team in teams %}{{ team.slug }}{% else %}{{ teams[0].heroes }}{% endfor %}
### an if and its elif: grows
TEAMS
{% for team in teams %}{% if team.id == 0 %}{% elif team.heroes %}x{% endif %}{% endfor %}
### the first round: constant
HEROES
{% for hero in heroes %}{% if loop.first %}{{ hero.team.slug }}{% endif %}{% endfor %}
### all rounds but the first: grows
HEROES
{% for hero in heroes %}{% if not loop.first %}{{ hero.team.slug }}{% endif %}{% endfor %}
### the first three rounds: constant
TEAMS
{% for team in teams %}{% if loop.index <= 3 %}READ{% endif %}{% endfor %}
### a break: constant
TEAMS
{% for team in teams %}READ{% break %}{% endfor %}
### a literal loop: constant
TEAMS
{% for number in [0, 1] %}{{ teams[number].heroes|length }}{% endfor %}
### a loop over a range: constant
TEAMS
{% for number in range(2) %}{{ teams[number].heroes|length }}{% endfor %}
### a recursive loop: grows
TEAMS
{% for one in teams recursive %}{{ one.slug or one.name }}{% if one.slug %}{{ loop(one.heroes) }}
{% endif %}{% endfor %}
### a nested loop: grows
TEAMS
{% for team in teams %}{% for hero in team.heroes %}{{ hero.name }}{% endfor %}{% endfor %}
### the way back to the parent: constant
teams=session.query(Team).options(selectinload(Team.heroes)).all()
{% for team in teams %}{% for hero in team.heroes %}{{ hero.team.slug }}{% endfor %}{% endfor %}
### set: grows
TEAMS
{% for team in teams %}{% set first = team.heroes[0] %}{{ first.name }}{% endfor %}
### set as a block: grows
TEAMS
{% for team in teams %}{% set text %}READ{% endset %}{{ text }}{% endfor %}
### set outside and used inside: grows
TEAMS
{% set rows = teams %}{% for team in rows %}READ{% endfor %}
### with: grows
TEAMS
{% for team in teams %}{% with found = team.heroes %}{{ found|length }}{% endwith %}{% endfor %}
### do: grows
TEAMS
{% set all = [] %}{% for team in teams %}{% do all.append(team.heroes) %}{% endfor %}
### a namespace: grows
TEAMS
{% set ns = namespace(n=0) %}{% for team in teams %}{% set ns.n = ns.n + team.heroes|length %}
{% endfor %}{{ ns.n }}
### trans: grows
TEAMS
{% for team in teams %}{% trans name=team.heroes[0].name %}by {{ name }}{% endtrans %}{% endfor %}
### a filter block and autoescape: grows
TEAMS
{% for team in teams %}{% filter upper %}{% autoescape true %}READ{% endautoescape %}{% endfilter %}
{% endfor %}
### an include: grows
TEAMS
{% for team in teams %}{% include 'parts/row.html' %}{% endfor %}
--- parts/row.html
READ
### the first include that exists: grows
TEAMS
{% for team in teams %}{% include ['none.html', 'parts/row.html'] %}{% endfor %}
--- parts/row.html
READ
### an include without context: constant
TEAMS, team=None
{% for team in teams %}{% include 'row.html' without context %}{% endfor %}
--- row.html
{{ team }}
### a loop in an include: grows
TEAMS
{% include 'rows.html' %}
--- rows.html
{% for team in teams %}READ{% endfor %}
### a macro: grows
TEAMS
{% macro row(team, tag='li') %}READ{% endmacro %}{% for team in teams %}{{ row(team) }}{% endfor %}
### a macro given by keyword: grows
TEAMS
{% macro row(team) %}READ{% endmacro %}{% for one in teams %}{{ row(team=one) }}{% endfor %}
### a macro whose default turns the read off: constant
TEAMS
{% macro row(team, deep=false) %}{{ team.slug }}{% if deep %}READ{% endif %}{% endmacro %}
{% for team in teams %}{{ row(team) }}{% endfor %}
### macros of another file: grows
TEAMS
{% from 'm.html' import outer as row %}{% for team in teams %}{{ row(team) }}{% endfor %}
--- m.html
{% macro inner(team) %}READ{% endmacro %}{% macro outer(one) %}{{ inner(one) }}{% endmacro %}
### an imported file: grows
TEAMS
{% import 'm.html' as lib %}{% for team in teams %}{{ lib.row(team) }}{% endfor %}
--- m.html
{% macro row(team) %}READ{% endmacro %}
### an import with context: grows
TEAMS
{% import 'm.html' as lib with context %}{{ lib.rows() }}
--- m.html
{% macro rows() %}{% for team in teams %}READ{% endfor %}{% endmacro %}
### an import without context: constant
TEAMS
{% import 'm.html' as lib %}{{ lib.rows() }}
--- m.html
{% macro rows() %}{% for team in teams %}READ{% endfor %}{% endmacro %}
### call: grows
TEAMS
{% macro each(rows) %}{% for one in rows %}{{ caller(one) }}{% endfor %}{% endmacro %}
{% call(team) each(teams) %}READ{% endcall %}
### a block of the child: grows
TEAMS
{% extends 'base.html' %}{% block body %}{% for team in teams %}READ{% endfor %}{% endblock %}
--- base.html
<p>{% block body %}{% endblock %}</p>
### a block that the child replaces: constant
TEAMS
{% extends 'base.html' %}{% block body %}none{% endblock %}
--- base.html
{% block body %}{% for team in teams %}READ{% endfor %}{% endblock %}
### super: grows
TEAMS
{% extends 'base.html' %}{% block body %}{{ super() }}{% endblock %}
--- base.html
{% block body %}{% for team in teams %}READ{% endfor %}{% endblock %}
### super over three: grows
TEAMS
{% extends 'mid.html' %}{% block body %}{{ super() }}{% endblock %}
--- mid.html
{% extends 'base.html' %}{% block body %}{{ super() }}{% endblock %}
--- base.html
{% block body %}{% for team in teams %}READ{% endfor %}{% endblock %}
### a base that includes: grows
TEAMS
{% extends 'base.html' %}{% set rows = teams %}
--- base.html
{% include 'rows.html' %}
--- rows.html
{% for team in rows %}READ{% endfor %}
### a block in a loop of the base: grows
TEAMS
{% extends 'base.html' %}{% block row scoped %}READ{% endblock %}
--- base.html
{% for team in teams %}{% block row scoped %}{% endblock %}{% endfor %}
### a block by name: grows
TEAMS
{% block rows %}{% for team in teams %}READ{% endfor %}{% endblock %}{{ self.rows() }}
### output of a child outside its blocks: constant
TEAMS
{% extends 'base.html' %}{{ teams|map(attribute='heroes')|list }}
--- base.html
base
### loops of a child outside its blocks: constant
TEAMS
{% extends 'base.html' %}{% for team in teams %}{% if team.slug %}READ{% endif %}{% endfor %}
--- base.html
base
### text that a child keeps outside its blocks: grows
TEAMS
{% extends 'base.html' %}{% set kept %}{% for team in teams %}READ{% endfor %}{% endset %}
--- base.html
base
### map of an attribute: grows
HEROES
{{ heroes|map(attribute='team.slug')|join(', ') }}
### map of a filter: constant
HEROES
{{ heroes|map(attribute='name')|map('upper')|join }}
### map that is asked once: constant
HEROES
{{ heroes|map(attribute='team.slug')|first }}
### selectattr: grows
TEAMS
{{ teams|selectattr('heroes')|list|length }}
### rejectattr with a test: grows
HEROES
{{ heroes|rejectattr('team.slug', 'equalto', 'x')|list|length }}
### groupby: grows
HEROES
{% for slug, rows in heroes|groupby('team.slug') %}{{ slug }}{{ rows|length }}{% endfor %}
### the rows of groupby: grows
PETS
{% for group in pets|groupby('hero_id') %}{% for pet in group.list %}{{ pet.hero.name }}{% endfor %}
{% endfor %}
### sort: grows
HEROES
{% for hero in heroes|sort(attribute='power,team.slug') %}{{ hero.name }}{% endfor %}
### sort by a column: constant
HEROES
{% for hero in heroes|sort(attribute='name') %}{{ hero.name }}{% endfor %}
### join of an attribute: grows
HEROES
{{ heroes|join(', ', attribute='team.slug') }}
### sum: grows
HEROES
{{ heroes|sum(attribute='team.id') }}
### max: grows
HEROES
{{ (heroes|max(attribute='team.id')).name }}
### unique: grows
HEROES
{{ heroes|unique(attribute='team.slug')|list|length }}
### batch: grows
TEAMS
{% for some in teams|batch(2) %}{% for team in some %}READ{% endfor %}{% endfor %}
### length: grows
TEAMS
{% for team in teams %}{{ team.heroes|length }}{% endfor %}
### reverse, list and default: grows
TEAMS
{% for team in (teams|default([]))|reverse|list %}READ{% endfor %}
### attr: grows
TEAMS
{% for team in teams %}{{ team|attr('heroes')|length }}{% endfor %}
### a test for none: grows
HEROES
{% for hero in heroes %}{{ 1 if hero.team is not none }}{% endfor %}
### a test for defined: grows
TEAMS
{% for team in teams %}{% if team.heroes is defined %}x{% endif %}{% endfor %}
### in: grows
TEAMS
{% for team in teams %}{{ 1 in team.heroes }}{% endfor %}
### concatenation: grows
TEAMS
{% for team in teams %}{{ team.slug ~ team.heroes[0].name }}{% endfor %}
### an item that is an attribute: grows
TEAMS
{% for team in teams %}{{ team['heroes']|length }}{% endfor %}
### an attribute that is an item: grows
rows=[{'team': team} for team in session.query(Team)]
{% for row in rows %}{{ row.team.heroes|length }}{% endfor %}
### a dictionary's items: grows
teams={team.slug: team for team in session.query(Team)}
{% for slug, team in teams.items() %}{{ team.heroes|length }}{% endfor %}
### the items filter: grows
teams={team.slug: team for team in session.query(Team)}
{% for slug, team in teams|items %}{{ team.heroes|length }}{% endfor %}
### pairs: grows
pairs=[(team, 1) for team in session.query(Team)]
{% for team, n in pairs %}{{ team.heroes|length }}{% endfor %}
### a slice: constant
TEAMS
{% for team in teams[:1] %}{{ team.slug }}{% endfor %}
### a property that reads: grows
TEAMS
{% for team in teams %}{{ team.size }}{% endfor %}
### a method that queries: grows
TEAMS
{% for team in teams %}{{ team.captain().name }}{% endfor %}
### a dynamic relationship: grows
TEAMS
{% for team in teams %}{{ team.fans.count() }}{% endfor %}
### a deferred column: grows
TEAMS
{% for team in teams %}{{ team.motto }}{% endfor %}
### a row written as text: grows
PETS
{% for pet in pets %}{{ pet }}{% endfor %}
### a query iterated in the template: grows
teams=session.query(Team)
{% for team in teams %}READ{% endfor %}
### one row: constant
team=session.query(Team).first()
{% for hero in team.heroes %}{{ hero.team.slug }}{% endfor %}
### rows of one parent: constant
heroes=session.query(Hero).filter_by(team_id=1).all()
{% for hero in heroes %}{{ hero.team.slug }}{% endfor %}
### rows with their parent given: constant
heroes=session.query(Hero).with_parent(session.get(Team, 1)).all()
{% for hero in heroes %}{{ hero.team.slug }}{% endfor %}
### rows compared with their parent: constant
heroes=session.query(Hero).filter(Hero.team == session.get(Team, 1)).all()
{% for hero in heroes %}{{ hero.team.slug }}{% endfor %}
### rows whose parents are held: constant
TEAMS, HEROES
{% for hero in heroes %}{{ hero.team.slug }}{% endfor %}{{ teams|length }}
### a part that is not rendered: constant
TEAMS
{{ teams|length }}
--- rows.html
{% for team in teams %}READ{% endfor %}
"""


class Case(NamedTuple):
    """A page with the templates that it needs, and whether it costs more statements for more rows.

    In `PAGES` each begins with ``### name: grows`` (or ``constant``), then what it is rendered with, then its text; a
    line ``--- NAME`` begins another template.
    """

    name: str
    grows: bool
    context: str
    templates: dict[str, str]

    def __str__(self) -> str:
        return self.name.replace(" ", "_")


def cases() -> list[Case]:
    found = []
    for part in PAGES.split("### ")[1:]:
        header, context, text = part.rstrip("\n").split("\n", 2)
        for short, full in ROWS.items():
            context, text = context.replace(short, full), text.replace(short, full)
        name, _, outcome = header.partition(": ")
        page, *others = text.split("--- ")
        named = (other.partition("\n") for other in others)
        templates = {file: other for file, _, other in named}
        found.append(Case(name, outcome == "grows", context, {"page.html": page, **templates}))
    return found


@pytest.mark.parametrize("case", cases(), ids=str)
def test_what_is_told_is_what_happens(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    templates = {f"templates/{name}": text for name, text in case.templates.items()}
    files = {"models.py": MODELS, "app.py": APP.replace("{context}", case.context), **templates}
    materialise(files, tmp_path)
    small, large = (len(run(tmp_path, files, size).statements) for size in (SMALL, LARGE))
    assert (large > small) == case.grows, f"{small} statements for {SMALL} teams, {large} for {LARGE}"
    (tmp_path / "pyproject.toml").write_text('[tool.nplus1-lint]\nselect = ["NP1"]\n', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    found = nplus1_lint.check(["."]).findings
    assert [one.code for one in found] == (["NP110"] if case.grows else []), found
