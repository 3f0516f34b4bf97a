"""Loader options and queries that no edit can reach: named by strings or variables, or in a template."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.executed import shared_models
from tests.rewriting import findings

if TYPE_CHECKING:
    from pathlib import Path

APP = """\
from flask import render_template
from models import Hero, Team
from sqlalchemy.orm import Session, joinedload, selectinload

{top}

def run(session: Session):
    {query}
    return [team.slug for team in teams]
"""


@pytest.mark.parametrize(
    ("top", "query", "line"),
    [
        ("", "teams = session.query(Team).options(selectinload('heroes')).all()", 8),
        ("OPTIONS = (joinedload('heroes'),)", "teams = session.query(Team).options(*OPTIONS).all()", 5),
        ("", "read = Team.heroes; teams = session.query(Team).options(selectinload(read)).all()", 8),
    ],
    ids=["a string", "a string at the top level", "a variable"],
)
def test_an_option_that_no_attribute_names_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, top: str, query: str, line: int
) -> None:
    (tmp_path / "models.py").write_text(shared_models())
    (tmp_path / "app.py").write_text(APP.format(top=top, query=query))
    (finding,) = findings(tmp_path, "NP202", monkeypatch)
    assert finding.evidence[-1].line == line
    assert finding.suggestion is not None
    assert not finding.suggestion.changes


MODELS = """\
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, relationship, mapped_column


class Base(DeclarativeBase):
    pass


class Hero(Base):
    __tablename__ = "heroes"
    id = mapped_column(ForeignKey("teams.id"), primary_key=True)
    powers = relationship("Power", lazy="selectin")


class Power(Base):
    __tablename__ = "powers"
    id = mapped_column(primary_key=True)
    hero_id = mapped_column(ForeignKey("heroes.id"))


class Team(Base):
    __tablename__ = "teams"
    id = mapped_column(primary_key=True)
    heroes = relationship(Hero, lazy="dynamic")
"""

PAGE = "{% for hero in team.heroes.all() %}{{ hero.powers|length }}{% endfor %}"

VIEWS = """\
from flask import Blueprint, render_template
from models import Hero, Team
from sqlalchemy.orm import Session

{name} = Blueprint("{name}", __name__)


@{name}.route("/")
def {name}_view(session: Session):
    {body}
"""


def test_a_query_in_a_template_takes_no_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models.py").write_text(MODELS)
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "team.html").write_text(PAGE)
    reads = "return render_template('team.html', team=session.get(Team, 1))"
    (tmp_path / "reading.py").write_text(VIEWS.format(name="reading", body=reads))
    wastes = "return {'ids': [hero.id for hero in session.query(Hero).all()]}"
    (tmp_path / "wasting.py").write_text(VIEWS.format(name="wasting", body=wastes))
    (finding,) = findings(tmp_path, "NP201", monkeypatch)
    assert finding.suggestion is not None
    assert "# templates/team.html:1: takes no option: Hero.powers is loaded when read" in finding.suggestion.code
    assert not finding.suggestion.changes
