"""Where indexes are declared, and which searches need none."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pytest

import nplus1_lint
from nplus1_lint.link.ddl import ANY_TABLE, EXPRESSION, statements
from tests.executed import materialise

if TYPE_CHECKING:
    from pathlib import Path

MODELS = """\
from sqlalchemy import Column, Index, Integer, MetaData, String, Table, func, text
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column


class Base(DeclarativeBase):
    pass


class Hero(Base):
    __tablename__ = "heroes"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    city: Mapped[str]
    active: Mapped[bool]
"""
APP = """\
from sqlalchemy import and_, not_, or_, select
from sqlalchemy.orm import Session

from models import Hero


def run(session: Session, value: str):
    return session.scalars(select(Hero).where({condition})).all()
"""
BY_NAME = "Hero.name == value"


def messages(folder: Path, files: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What NP401 says of a program with the default configuration."""
    materialise({"pyproject.toml": "[tool.nplus1-lint]\n", "models.py": MODELS, **files}, folder)
    monkeypatch.chdir(folder)
    report = nplus1_lint.check(["."])
    assert report.errors == ()
    return [finding.message for finding in report.findings if finding.code == "NP401"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CREATE INDEX ix ON heroes (name, born DESC)", ("ix", "heroes", ("name", "born"))),
        (
            'create unique index concurrently if not exists "ix" on public."heroes" using btree (name)',
            ("ix", "heroes", ("name",)),
        ),
        ("CREATE INDEX ON heroes (lower(name), city COLLATE NOCASE)", ("", "heroes", (EXPRESSION, "city"))),
        ("CREATE INDEX ix_? ON ? (name)", ("ix_?", ANY_TABLE, ("name",))),
        ("ALTER TABLE heroes ADD CONSTRAINT uq UNIQUE (name, city)", ("uq", "heroes", ("name", "city"))),
        ("DROP INDEX IF EXISTS public.ix", ("ix", "", ())),
    ],
)  # fmt: skip
def test_sql_text(text: str, expected: tuple[str, str, tuple[str, ...]]) -> None:
    (one,) = statements(text)
    assert (one.name, one.table, one.columns) == expected


def test_a_partial_index_serves_the_columns_of_its_condition() -> None:
    found = list(statements("CREATE INDEX ix ON heroes (id) WHERE active = true"))
    assert ("active",) in [one.columns for one in found]


DECLARED = {
    "table argument of a method": (
        '    @declared_attr.directive\n    def __table_args__(cls):\n        return (Index("ix", cls.name),)\n'
    ),
    "partial": '    __table_args__ = (Index("ix", "id", sqlite_where=text("name = 1")),)\n',
    "beside the class": '\n\nIndex("ix", Hero.name.desc(), Hero.city)\n',
    "the same table once more": '\n\nTable("heroes", MetaData(), Column("name", String, unique=True))\n',
    "a flag that is no literal": "    name: Mapped[str] = mapped_column(index=bool(func))\n",
}  # fmt: skip


@pytest.mark.parametrize("name", DECLARED)
def test_declared_in_models(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = {"app.py": APP.format(condition=BY_NAME)}
    assert len(messages(tmp_path, app, monkeypatch)) == 1
    assert messages(tmp_path, {**app, "models.py": MODELS + DECLARED[name]}, monkeypatch) == []


NOT_DECLARED = {
    "second column": '    __table_args__ = (Index("ix", "city", "name"), {"comment": "all"})\n',
    "expression": '    __table_args__ = (Index("ix", func.lower("name")),)\n',
    "another column": '\n\nIndex("ix", Hero.city)\n',
}


@pytest.mark.parametrize("name", NOT_DECLARED)
def test_not_declared_in_models(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"app.py": APP.format(condition=BY_NAME), "models.py": MODELS + NOT_DECLARED[name]}
    assert len(messages(tmp_path, files, monkeypatch)) == 1


MIGRATION = """\
import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = {down!r}
TABLE = "heroes"


def upgrade():
{upgrade}


def downgrade():
    op.create_index("other", "heroes", ["name"])
"""


def migrations(*steps: str) -> dict[str, str]:
    """A chain of migrations, named against the order of the chain."""
    return {
        f"migrations/versions/{9 - n}.py": MIGRATION.format(
            revision=f"r{n}", down=f"r{n - 1}" if n else None, upgrade=textwrap.indent(step, "    ")
        )
        for n, step in enumerate(steps)
    }  # fmt: skip


CREATED = 'op.create_index(op.f("ix"), "heroes", ["name"])'
MIGRATED = {
    "create_index": ([CREATED], True),
    "a constant": (['op.create_index("ix", table_name=TABLE, columns=[sa.text("name DESC")])'], True),
    "batch": (['with op.batch_alter_table("heroes") as b:\n    b.create_unique_constraint("uq", ["name"])'], True),
    "create_table": (['op.create_table("heroes", sa.Column("name"), sa.UniqueConstraint("name"))'], True),
    "add_column": (['op.add_column("heroes", sa.Column("name", sa.String, index=True))'], True),
    "execute": (['op.execute("CREATE INDEX ix ON heroes (name)")'], True),
    "a name made at run time": (['for t in ("a", "heroes"):\n    op.create_index(f"ix_{t}", t, ["name"])'], True),
    "renamed table": ([CREATED.replace("heroes", "old"), 'op.rename_table("old", "heroes")'], True),
    "dropped and made again": ([CREATED, 'op.drop_index("ix")', CREATED], True),
    "dropped": ([CREATED, 'op.drop_index("ix", "heroes")'], False),
    "dropped in SQL": ([CREATED, 'op.execute("DROP INDEX ix")'], False),
    "dropped with its column": ([CREATED, 'op.drop_column("heroes", "name")'], False),
    "dropped with its table": ([CREATED, 'op.drop_table("heroes")'], False),
    "a loop over a literal": (
        ['for t, c in (("teams", ["name"]), ("heroes", ["name"])):\n    op.create_index("ix_" + t, t, c)'], True
    ),
    "a loop over a literal of others": (
        ['for t, c in [("teams", ["name"]), ("heroes", ["power"])]:\n    op.create_index("ix_" + t, t, c)'], False
    ),
    "a loop over what is not known": (["for t, c in made():\n    op.create_index('ix', t, c)"], True),
    "another table": (['op.create_index("ix", "teams", ["name"])'], False),
    "downgrade only": (["pass"], False),
}  # fmt: skip


@pytest.mark.parametrize("name", MIGRATED)
def test_migrations_that_nobody_imports_are_read(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps, indexed = MIGRATED[name]
    files = {"app.py": APP.format(condition=BY_NAME), **migrations(*steps)}
    assert (messages(tmp_path, files, monkeypatch) == []) is indexed


def test_an_index_in_sql_text_only_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    schema = 'SCHEMA = """\nCREATE TABLE heroes (name TEXT);\nCREATE INDEX heroes_name ON heroes(name);\n"""\n'
    (said,) = messages(tmp_path, {"app.py": APP.format(condition=BY_NAME), "schema.py": schema}, monkeypatch)
    assert "heroes_name is in the SQL text of schema.py only" in said


CONDITIONS = {
    "Hero.name == value": 1,
    "value == Hero.name": 1,
    "Hero.name.in_([value])": 1,
    "Hero.name > value": 1,
    'Hero.name.like("a%")': 1,
    "Hero.active.is_(True)": 1,
    "and_(Hero.name == value, Hero.city == value)": 1,
    "or_(Hero.name == value, Hero.city == value)": 2,
    "(Hero.name == value) | (Hero.id == 1)": 1,
    "and_(Hero.id == 1, Hero.name == value)": 0,
    "or_(Hero.name == value, Hero.city.contains(value))": 0,
    "or_(Hero.name == value, and_(Hero.city == value, Hero.active.is_(True)))": 0,
    "not_(Hero.name == value)": 0,
    "~(Hero.name == value)": 0,
    "Hero.name != value": 0,
    "Hero.name == None": 0,
    "Hero.name.is_(None)": 0,
    'Hero.name.like("%a")': 0,
    "Hero.name.ilike(value)": 0,
    "Hero.name.collate(value) == value": 0,
    "Hero.name.collate(value).in_([value])": 0,
    "Hero.name + Hero.city == value": 0,
}


@pytest.mark.parametrize("condition", CONDITIONS)
def test_conditions(condition: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = messages(tmp_path, {"app.py": APP.format(condition=condition)}, monkeypatch)
    assert len(found) == CONDITIONS[condition]


TYPED_KEYS = {
    "an alias of Annotated": "Key = Annotated[int, mapped_column(primary_key=True)]",
    "an alias of an alias": "Own = Annotated[int, mapped_column(primary_key=True)]\nKey = Own",
    "one of two columns": ("Key = Annotated[int, mapped_column(primary_key=True) if AUTO else mapped_column()]"),
}


@pytest.mark.parametrize("written", ["Key", "Key | None", "Optional[Key]", "kinds.Key"])
def test_a_key_by_its_type_as_written(written: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keyed = MODELS.replace("id: Mapped[int] = mapped_column(primary_key=True)", f"id: Mapped[{written}]")
    own = "from typing import Annotated\nfrom sqlalchemy.orm import mapped_column\n\n"
    files = {
        "kinds.py": own + TYPED_KEYS["an alias of Annotated"],
        "models.py": "from typing import Optional\nimport kinds\nfrom kinds import Key\n" + keyed,
        "app.py": APP.replace("{condition}", "Hero.id.in_([value])"),
    }
    assert messages(tmp_path, files, monkeypatch) == []


@pytest.mark.parametrize("name", TYPED_KEYS)
def test_a_key_by_its_type(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keyed = MODELS.replace("id: Mapped[int] = mapped_column(primary_key=True)", "id: Mapped[Key]")
    head = (
        f"from typing import Annotated\nfrom sqlalchemy.orm import mapped_column\n\nAUTO = False\n{TYPED_KEYS[name]}\n"
    )
    condition = APP.replace("{condition}", "Hero.id.in_([value])")
    assert messages(tmp_path, {"models.py": head + keyed, "app.py": condition}, monkeypatch) == []


def test_filter_by_means_the_class_joined_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = MODELS + (
        "\n\nclass Pet(Base):\n"
        '    __tablename__ = "pets"\n'
        "    id: Mapped[int] = mapped_column(primary_key=True)\n"
        "    hero_id: Mapped[int] = mapped_column(index=True)\n"
        "    name: Mapped[str]\n"
    )
    app = """\
from sqlalchemy.orm import Session

from models import Hero, Pet


def run(session: Session):
    return session.query(Hero).join(Pet, Pet.hero_id == Hero.id).filter_by(name="Rex").all()
"""
    (said,) = messages(tmp_path, {"models.py": models, "app.py": app}, monkeypatch)
    assert said.startswith("Pet.name is filtered on here")


def test_a_dynamic_relationship_finds_its_rows_by_the_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = """\
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Team(Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)
    heroes = relationship("Hero", lazy="dynamic")


class Hero(Base):
    __tablename__ = "heroes"
    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"), index=True)
    name: Mapped[str]
"""
    app = (
        "from models import Hero, Team\n\n\ndef run(team: Team, session):\n    return {}.filter(Hero.name == 'a').all()"
    )
    assert messages(tmp_path, {"models.py": models, "app.py": app.format("team.heroes")}, monkeypatch) == []
    found = messages(tmp_path, {"models.py": models, "app.py": app.format("session.query(Hero)")}, monkeypatch)
    assert len(found) == 1


@pytest.mark.parametrize("key", ['"teams.id"', "Team.id", "Team.__table__.c.id"])
def test_a_parent_is_found_by_its_foreign_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    models = """\
from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Team(Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)


class Hero(Base):
    __tablename__ = "heroes"
    __table_args__ = (UniqueConstraint("team_id", "name"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey(%s))
    name: Mapped[str]
    team: Mapped[Team] = relationship()
"""
    app = """\
from models import Hero, Team


def run(team: Team, session):
    return session.query(Hero).filter({}).filter(Hero.name == "a").all()
"""
    by_team = {"models.py": models % key, "app.py": app.format("Hero.team == team")}
    assert messages(tmp_path, by_team, monkeypatch) == []
    by_name_only = {"models.py": models % key, "app.py": app.format("Hero.id != 1")}
    assert len(messages(tmp_path, by_name_only, monkeypatch)) == 1


def test_rows_behind_an_indexed_join_are_a_hint_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = MODELS + (
        "\n\nclass Pet(Base):\n"
        '    __tablename__ = "pets"\n'
        "    id: Mapped[int] = mapped_column(primary_key=True)\n"
        '    hero_id: Mapped[int] = mapped_column(ForeignKey("heroes.id"), index=True)\n'
    )
    models = models.replace("import Column,", "import Column, ForeignKey,")
    app = """\
from sqlalchemy.orm import Session

from models import Hero, Pet


def run(session: Session, values: list[int]):
    for value in values:
        session.query({}).filter(Hero.name == value).all()
"""
    for asked, severity in (("Hero", "warning"), ("Hero).join(Pet", "info"), ("Pet).join(Hero", "info")):
        materialise({"models.py": models, "app.py": app.format(asked)}, tmp_path)
        monkeypatch.chdir(tmp_path)
        (finding,) = [one for one in nplus1_lint.check(["."]).findings if one.code == "NP401"]
        assert str(finding.severity) == severity


def test_one_finding_names_all_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"a.py": APP.format(condition=BY_NAME), "b.py": APP.format(condition=BY_NAME)}
    (said,) = messages(tmp_path, files, monkeypatch)
    assert said.startswith("Hero.name is filtered on here and in 1 more place,")
    (finding,) = nplus1_lint.check(["b.py"]).findings
    assert (finding.path, finding.also_in) == ("a.py", ("b.py",))


COLLECTION = """\
from sqlalchemy import Column, ForeignKey, Table
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship, selectinload


class Base(DeclarativeBase):
    pass


class Team(Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)
    city: Mapped[str] = mapped_column(index=True)
    mentor_id: Mapped[int | None] = mapped_column(ForeignKey("heroes.id"))
    {collection}


class Hero(Base):
    __tablename__ = "heroes"
    id: Mapped[int] = mapped_column(primary_key=True)
    {key}


{below}
"""
ONE_TO_MANY = {
    "collection": 'heroes: Mapped[list["Hero"]] = relationship(foreign_keys="Hero.team_id")',
    "key": 'team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))',
}
LAZY = 'for team in db.query(Team).filter(Team.city == "Rome"):\n        print({0})'
NO_INDEX = "no index, key or unique constraint begins with it"


def said_of_loads(
    folder: Path, monkeypatch: pytest.MonkeyPatch, body: str = "", above: str = "", below: str = "", **parts: str
) -> list[str]:
    """What NP401 says of a function over the collections of teams."""
    written = {**ONE_TO_MANY, "below": below, **parts}
    models = COLLECTION.format(**written)
    body = body or LAZY.format("team.heroes")
    app = f"from models import *\n{above}\ndef run(db: Session):\n    {body}\n"
    return messages(folder, {"models.py": models, "app.py": app}, monkeypatch)


WHERE_LOADED = {
    "lazily, per row": (LAZY.format("team.heroes"), "", 1),
    "lazily, once": ("print(db.get(Team, 1).heroes)", "", 0),
    "lazily, for a request": (
        "print(db.get(Team, 1).heroes)",
        "from fastapi import APIRouter\nrouter = APIRouter()\n@router.get('/')",
        1,
    ),
    "with all teams, for a request": (
        "return [len(t.heroes) for t in db.query(Team).options(selectinload(Team.heroes))]",
        "from fastapi import APIRouter\nrouter = APIRouter()\n@router.get('/')",
        0,
    ),
    "with some teams, for a request": (
        "return db.query(Team).options(selectinload(Team.heroes)).limit(5).all()",
        "from fastapi import APIRouter\nrouter = APIRouter()\n@router.get('/')",
        1,
    ),
    "the other way": ("for hero in db.query(Hero).limit(9):\n        print(hero.team)", "", 0),
}


@pytest.mark.parametrize("name", WHERE_LOADED)
def test_the_load_of_a_collection_searches_by_its_key(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body, above, count = WHERE_LOADED[name]
    expected = [f"Hero.team_id is searched by loads of Team.heroes, and {NO_INDEX}"] * count
    key = ONE_TO_MANY["key"] + "\n    team: Mapped[Team] = relationship(foreign_keys=team_id)"
    assert said_of_loads(tmp_path, monkeypatch, body, above, key=key) == expected


LINKS = (
    'links = Table("links", Base.metadata, Column("hero_id", ForeignKey("heroes.id"), primary_key=True),'
    ' Column("team_id", ForeignKey({0}), primary_key=True))'
)
MANY_TO_MANY = 'heroes = relationship("Hero", secondary={0})'
KEYS = {
    "indexed": ({"key": 'team_id = mapped_column(ForeignKey("teams.id"), index=True)'}, ""),
    "no foreign key": ({"key": "team_id: Mapped[int] = mapped_column()"}, ""),
    "a join that is written out": (
        {"collection": 'heroes = relationship("Hero", primaryjoin="Team.id == Hero.team_id")'}, ""
    ),
    "two keys, one named": (
        {"key": ONE_TO_MANY["key"] + '\n    rival_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))'},
        "Hero.team_id",
    ),
    "two keys, none named": (
        {
            "collection": 'heroes: Mapped[list["Hero"]] = relationship()',
            "key": ONE_TO_MANY["key"] + '\n    rival_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))',
        },
        "",
    ),
    "the column has another name": (
        {"key": 'team_id: Mapped[int] = mapped_column("team", ForeignKey("teams.id"))'}, "Hero.team_id"
    ),
    "association table": (
        {"collection": MANY_TO_MANY.format('"links"'), "below": LINKS.format('"teams.id"')}, "links.team_id"
    ),
    "association table, by attribute": (
        {"collection": MANY_TO_MANY.format("lambda: links"), "below": LINKS.format("Team.id")}, "links.team_id"
    ),
    "association table with the key in front": (
        {"collection": MANY_TO_MANY.format('"links"'), "below": LINKS.format('"teams.id"').replace("hero_id", "zero")},
        "links.team_id",
    ),
    "association class": (
        {
            "collection": MANY_TO_MANY.format('"links"'),
            "below": 'class Link(Base):\n    __tablename__ = "links"\n'
            '    hero_id = mapped_column(ForeignKey("heroes.id"), primary_key=True)\n'
            '    team_id = mapped_column(ForeignKey("teams.id"), primary_key=True)\n',
        },
        "Link.team_id",
    ),
    "a back-reference through an association table": (
        {
            "collection": "",
            "key": 'teams = relationship("Team", secondary=lambda: links, backref="heroes")',
            "below": LINKS.format('"teams.id"'),
        },
        "links.team_id",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", KEYS)
def test_which_column_a_collection_is_found_by(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts, column = KEYS[name]
    expected = [f"{column} is searched by loads of Team.heroes, and {NO_INDEX}"] if column else []
    assert said_of_loads(tmp_path, monkeypatch, **parts) == expected


DELETIONS = {
    "per row": ("for team in db.query(Team).limit(9):\n        db.delete(team)", "CASCADE", 1),
    "set to NULL": ("for team in db.query(Team).limit(9):\n        db.delete(team)", "set null", 1),
    "no action": ("for team in db.query(Team).limit(9):\n        db.delete(team)", "NO ACTION", 0),
    "one": ("db.delete(db.get(Team, 1))", "CASCADE", 0),
    "of others": ("for hero in db.query(Hero).limit(9):\n        db.delete(hero)", "CASCADE", 0),
}


@pytest.mark.parametrize("name", DELETIONS)
def test_deletions_search_by_the_keys_that_refer(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body, action, count = DELETIONS[name]
    key = f'team_id: Mapped[int] = mapped_column(ForeignKey("teams.id", ondelete="{action}"))'
    expected = [f"Hero.team_id is searched by deletions of Team rows, and {NO_INDEX}"] * count
    assert said_of_loads(tmp_path, monkeypatch, body, key=key, collection="") == expected


def test_loads_of_a_collection_stand_behind_the_filters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = LAZY.format("team.heroes") + "\n        db.query(Hero).filter(Hero.team_id == team.id).all()"
    (said,) = said_of_loads(tmp_path, monkeypatch, body)
    assert said == f"Hero.team_id is filtered on here and searched by loads of Team.heroes, and {NO_INDEX}"
