"""What statements do of which only the text, or the names of the methods that build them, is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import nplus1_lint
from nplus1_lint.infer.effects import Kind
from nplus1_lint.infer.verbs import of_text
from nplus1_lint.rules.example_models import SOURCE
from tests.test_trace_form import schema

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """\
import textwrap

from sqlalchemy import text
from sqlalchemy.orm import Session

import elsewhere
from models import Hero, Team

PRAGMA = "PRAGMA foreign_keys"


def notify(s: Session, i: int):
    s.execute(text(f"NOTIFY heroes, '{i}'"))


def remove(s: Session, i: int):
    s.execute(text("DELETE FROM heroes WHERE id = :i"), {"i": i})


def run(s: Session, ids: list[int]):
    table = elsewhere.table("heroes")
    for i in ids:
        {line}
"""


@pytest.mark.parametrize(
    ("line", "codes"),
    [
        ("s.execute(text('SELECT * FROM heroes WHERE id = :i'), {'i': i})", ["NP103"]),
        ("s.execute(f'SELECT * FROM heroes WHERE id = {i}')", ["NP103"]),
        ("s.execute(elsewhere.statement(i))", ["NP103"]),
        ("s.execute(text('WITH x AS (SELECT 1) SELECT * FROM x WHERE id = :i'), {'i': i})", ["NP103"]),
        ("s.execute(text('  insert into heroes (id) values (:i)'), {'i': i})", ["NP107"]),
        ("s.execute(f'UPDATE heroes SET power = 1 WHERE id = {i}')", ["NP107"]),
        ("s.execute('DELETE FROM heroes WHERE id = %s' % i)", ["NP107"]),
        ("s.execute('DELETE FROM heroes WHERE id = {}'.format(i))", ["NP107"]),
        ("s.execute(text(textwrap.dedent('DELETE FROM heroes WHERE id = :i')), {'i': i})", ["NP107"]),
        ("sql = f'DELETE FROM heroes WHERE id = {i}'; s.execute(sql)", ["NP107"]),
        ("s.execute(table.insert().values(id=i))", ["NP107"]),
        ("s.execute(table.update().where(table.c.id == i).values(power=1))", ["NP107"]),
        ("statement = table.delete(); statement = statement.where(table.c.id == i); s.execute(statement)", ["NP107"]),
        ("s.execute(table.select().where(table.c.id == i))", ["NP103"]),
        ("remove(s, i)", ["NP107"]),
        ("notify(s, i)", []),
        ("s.execute(f'NOTIFY heroes, {i}')", []),
        ("s.execute(text('SET LOCAL app.user = :i'), {'i': i})", []),
        ("s.execute(PRAGMA + '=' + str(i))", []),
        ("s.execute(text('-- why\\n/* how */ LOCK TABLE heroes'), {'i': i})", []),
    ],
)
def test_the_text_or_the_builder_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, codes: list[str]
) -> None:
    (tmp_path / "models.py").write_text(SOURCE)
    (tmp_path / "app.py").write_text(PROGRAM.replace("{line}", line))
    monkeypatch.chdir(tmp_path)
    assert [finding.code for finding in nplus1_lint.check(["."]).findings] == codes


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("(select 1)", Kind.SELECT),
        ("VALUES (1)", Kind.SELECT),
        ("with gone as (select 1) delete from heroes", Kind.WRITE),
        ("replace into heroes values (1)", Kind.WRITE),
        ("VACUUM;", Kind.COMMAND),
        ("setting", None),
        ("get_heroes", None),
        ("", None),
    ],
)
def test_the_first_word_of_sql_text_says_what_it_does(text: str, kind: Kind | None) -> None:
    assert of_text(text) is kind


HOLDER = """\
from flask import g
from sqlalchemy.orm import Session

from models import Hero, Team


def first(s: Session, team: Team):
    {line}


def run(s: Session):
    for team in s.query(Team).all():
        first(s, team)
"""


@pytest.mark.parametrize(
    ("line", "codes"),
    [
        ("if not g.get('h'): g.h = s.query(Hero).filter_by(team_id=team.id).all()", []),
        ("if 'h' not in g: g.h = s.query(Hero).filter_by(team_id=team.id).all()", []),
        ("if not hasattr(g, 'h'): setattr(g, 'h', s.query(Hero).filter_by(team_id=team.id).all())", []),
        ("if getattr(g, 'h', None) is None: g.h = s.query(Hero).filter_by(team_id=team.id).all()", []),
        ("if not g.get('h'): g.other = s.query(Hero).filter_by(team_id=team.id).all()", ["NP105"]),
        ("if g.get('h'): g.h = s.query(Hero).filter_by(team_id=team.id).all()", ["NP105"]),
        ("if not hasattr(team, 'h'): team.h = s.query(Hero).filter_by(team_id=team.id).all()", ["NP105"]),
    ],
)
def test_what_a_request_global_keeps_is_asked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, codes: list[str]
) -> None:
    (tmp_path / "models.py").write_text(SOURCE)
    (tmp_path / "app.py").write_text(HOLDER.format(line=line))
    monkeypatch.chdir(tmp_path)
    assert [finding.code for finding in nplus1_lint.check(["."]).findings] == codes


SCHEMA = """\
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import MetaData
from sqlalchemy.orm import Session, declarative_base

import elsewhere
from models import Base, Hero

Old = declarative_base()
db = SQLAlchemy()


def empty(s: Session, table):
    s.execute(table.delete())


def run(s: Session):
    for table in {tables}:
        empty(s, table)
"""


@pytest.mark.parametrize(
    ("tables", "codes"),
    [
        ("MetaData().sorted_tables", []),
        ("Base.metadata.tables.values()", []),
        ("reversed(Base.metadata.sorted_tables)", []),
        ("list(Hero.metadata.sorted_tables)", []),
        ("Old.metadata.tables.values()", []),
        ("db.metadata.sorted_tables", []),
        ("db.Model.metadata.tables.values()", []),
        ("elsewhere.tables()", ["NP107"]),
        ("elsewhere.Base.metadata_of(s).tables", ["NP107"]),
    ],
)
def test_a_schema_has_as_many_tables_as_the_source_declares(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tables: str, codes: list[str]
) -> None:
    (tmp_path / "models.py").write_text(SOURCE)
    (tmp_path / "app.py").write_text(SCHEMA.format(tables=tables))
    monkeypatch.chdir(tmp_path)
    assert [finding.code for finding in nplus1_lint.check(["."]).findings] == codes


def test_the_schema_of_a_trace_has_every_kind_of_effect() -> None:
    kinds = schema()["$defs"]["effect"]["properties"]["kind"]["enum"]
    assert sorted(kinds) == sorted({kind.value for kind in Kind} - {Kind.OPAQUE.value})
