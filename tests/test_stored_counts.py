"""What NP402 suggests, carried out: the property, the cache, and the migration on SQLite and on PostgreSQL."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import create_engine, event, inspect, text
from sqlalchemy.orm import Session

import nplus1_lint
from tests.executed import importable, materialise
from tests.postgresql import Missing, server

command = pytest.importorskip("alembic.command", reason="Alembic is not installed")
alembic_config = pytest.importorskip("alembic.config", reason="Alembic is not installed")

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Connection, Engine

MODELS = """\
from sqlalchemy import Column, ForeignKey, Integer
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Team(Base):
    __tablename__ = "order"  # a word of SQL
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    club_id: Mapped[int | None] = mapped_column(ForeignKey("clubs.id"))
    heroes: Mapped[list["Hero"]] = relationship(back_populates="team", cascade="all, delete-orphan")


class Hero(Base):
    __tablename__ = "heroes"
    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int | None] = mapped_column(ForeignKey("order.id", ondelete="SET NULL", onupdate="CASCADE"))
    alive: Mapped[bool] = mapped_column(default=True)
    kind: Mapped[str] = mapped_column(default="it's")
    left: Mapped[int | None] = mapped_column("left_in")
    team: Mapped["Team"] = relationship(back_populates="heroes")


class Club(Base):
    __tablename__ = "clubs"
    id: Mapped[int] = mapped_column(primary_key=True)


class Seat(Base):
    __tablename__ = "seats"
    hero_id: Mapped[int] = mapped_column(ForeignKey("heroes.id", ondelete="CASCADE"), primary_key=True)
    club_id: Mapped[int] = mapped_column(ForeignKey("clubs.id"), primary_key=True)
"""
APP = """\
from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.orm import Session

from models import Club, Hero, Seat, Team


def card(session: Session, team: Team):
    return session.query(Hero).filter_by(team_id=team.id).count()


def size(session: Session, team_id: int):
    return session.scalar(select(func.count(Hero.id)).where(Hero.team_id == team_id))


def pilots(session: Session, team_id: int):
    found = select(func.count()).where(Hero.team_id == team_id, Hero.alive == True, Hero.kind == "pilot")
    return session.scalar(found.where(Hero.left.is_(None)))


def crew(session: Session, team: Team):
    mine = session.query(Hero).filter(Hero.team_id == team.id, Hero.kind == "pilot")
    return mine.filter_by(alive=True, left=None).count()


def seats(session: Session, club_id: int):
    return session.query(Seat).filter(Seat.club_id == club_id).count()


def taken(session: Session, club: Club):
    return session.query(func.count(Seat.hero_id)).filter_by(club_id=club.id).scalar()


def hire(session: Session, team: Team):
    session.add(Hero(team_id=team.id))  # adds Hero rows
    team.heroes.append(Hero())  # changes Team.heroes
    session.commit()


def move(session: Session, hero_id: int, team: Team):
    hero = session.get(Hero, hero_id)
    hero.team_id = team.id  # sets Hero.team_id
    hero.kind = "cook"
    session.execute(update(Hero).where(Hero.id == hero_id).values(team_id=None))  # updates Hero rows
    session.execute(text("UPDATE heroes SET team_id = NULL"))  # writes Hero rows in SQL text
    session.commit()


def fire(session: Session, hero_id: int, team_id: int):
    session.delete(session.get(Hero, hero_id))  # deletes Hero rows
    session.query(Hero).filter(Hero.id == 3).delete()  # deletes Hero rows
    session.execute(delete(Hero).where(Hero.id == 4))  # deletes Hero rows
    session.execute(insert(Hero), [{"team_id": team_id}])  # adds Hero rows
    session.delete(session.get(Team, team_id))  # deletes Team rows, and with them Hero rows
    session.commit()


def enlist(session: Session, team_id: int):
    session.add(Hero(team_id=team_id))  # adds Hero rows


def keep(session: Session, hero):
    session.add(hero)  # adds Hero rows


def enlist_cook(session: Session, team_id: int):
    keep(session, Hero(team_id=team_id, kind="cook"))  # makes a Hero, which a session may take along


def dismiss(session: Session, hero: Hero):
    session.delete(hero)  # deletes Hero rows


def lend(hero: "Hero | None", team_id: int):
    hero.team_id = team_id  # sets Hero.team_id
"""
BASE = """\
import sqlalchemy as sa
from alembic import op

from models import Base

revision = "first"
down_revision = None


def upgrade():
    Base.metadata.create_all(op.get_bind())


def downgrade():
    Base.metadata.drop_all(op.get_bind())
"""
ENV = """\
from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
"""
COUNTS = {
    "hero_count": (
        "order",
        'SELECT o.id, o.hero_count, (SELECT count(*) FROM heroes h WHERE h.team_id = o.id) FROM "order" o',
    ),
    "alive_kind_left_hero_count": (
        "order",
        "SELECT o.id, o.alive_kind_left_hero_count, (SELECT count(*) FROM heroes h WHERE h.team_id = o.id AND h.alive "
        "IS TRUE AND h.kind = 'pilot' AND h.left_in IS NULL) FROM \"order\" o",
    ),
    "seat_count": (
        "clubs",
        "SELECT c.id, c.seat_count, (SELECT count(*) FROM seats s WHERE s.club_id = c.id) FROM clubs c",
    ),
}
STEPS = 150


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    files = {"pyproject.toml": "[tool.nplus1-lint]\n", "models.py": MODELS, "app.py": APP}
    materialise({**files, "migrations/versions/base.py": BASE, "migrations/env.py": ENV}, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def suggested(name: str) -> list[str]:
    """The parts of what is suggested for a count, in order of effort; each is Python by itself."""
    report = nplus1_lint.check(["."])
    assert report.errors == ()
    found = [one for one in report.findings if one.code == "NP402"]
    assert len(found) == len(COUNTS)
    codes = [one.suggestion.code for one in found if one.suggestion is not None]
    (code,) = [one for one in codes if f".{name} = column_property" in one]
    parts = code.split("\n\n\n# --- ")
    for part in parts:
        compile(f"# {part}", name, "exec")
    return [f"# {part}" for part in parts]


# -- the property and the cache --------------------------------------------------------------------------------------


@pytest.fixture
def sqlite() -> Iterator[Engine]:
    engine = create_engine("sqlite://")
    event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA foreign_keys = ON"))
    yield engine
    engine.dispose()


def statements_of(engine: Engine) -> list[str]:
    sent: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *args: sent.append(args[2]))
    return sent


def seeded(engine: Engine, models: Any, teams: int) -> None:
    models.Base.metadata.create_all(engine)
    with Session(engine) as session:
        for number in range(1, teams + 1):
            heroes = [models.Hero(alive=k != 1, kind="pilot") for k in range(number)]
            session.add(models.Team(id=number, heroes=heroes))
        session.commit()


@pytest.mark.parametrize(("name", "less"), [("hero_count", 0), ("alive_kind_left_hero_count", 1)])
def test_the_property_counts_in_the_statement_of_its_rows(project: Path, sqlite: Engine, name: str, less: int) -> None:
    code = suggested(name)[0]
    with importable(project):
        import app  # type: ignore[import-not-found]
        import models  # type: ignore[import-not-found]

        exec(code, vars(models))
        seeded(sqlite, models, 4)
        with Session(sqlite) as session:
            sent = statements_of(sqlite)
            counted = [app.crew(session, t) if less else app.card(session, t) for t in session.query(models.Team)]
            before = len(sent)
            session.expunge_all()
            sent.clear()
            assert [getattr(team, name) for team in session.query(models.Team)] == counted
            assert (before, len(sent)) == (5, 1)
            assert counted == [max(n - less * (n > 1), 0) for n in (1, 2, 3, 4)]


def test_the_cache_asks_once_until_it_is_told_to_forget(project: Path, sqlite: Engine) -> None:
    (project / "cached.py").write_text(suggested("hero_count")[1], encoding="utf-8")
    with importable(project):
        import cached  # type: ignore[import-not-found]
        import models

        seeded(sqlite, models, 3)
        with Session(sqlite) as session:
            sent = statements_of(sqlite)
            assert [cached.hero_count(session, 3) for _ in range(4)] == [3] * 4
            assert len(sent) == 1
            session.add(models.Hero(team_id=3))
            session.commit()
            assert cached.hero_count(session, 3) == 3
            cached.forget_hero_count(3)
            assert cached.hero_count(session, 3) == 4


def test_every_write_of_the_table_is_named(project: Path) -> None:
    """The comments of the program say what the cache must be told."""
    written = [(number, line.partition("  # ")[2]) for number, line in enumerate(APP.splitlines(), 1) if "  # " in line]
    named = [line for line in suggested("hero_count")[1].splitlines() if line.startswith("# app.py:")]
    assert named == [f"# app.py:{number}: {said}" for number, said in written]


# -- the migration ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def postgresql_url() -> Iterator[str]:
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    try:
        with server() as url:
            yield url
    except Missing as reason:
        pytest.skip(str(reason))


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite")
        return
    made = create_engine(request.getfixturevalue("postgresql_url"))
    yield made
    with made.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    made.dispose()


def migrate(project: Path, engine: Engine, target: str, down: bool = False) -> None:
    config = alembic_config.Config()
    config.set_main_option("script_location", str(project / "migrations"))
    config.set_main_option("path_separator", "os")
    with importable(project), engine.begin() as connection:
        config.attributes["connection"] = connection
        (command.downgrade if down else command.upgrade)(config, target)


def saved(project: Path) -> None:
    """Save each suggested migration as it was printed."""
    texts = {name: suggested(name)[2] for name in COUNTS}
    for name, migration in texts.items():
        (project / "migrations/versions" / f"{name}.py").write_text(migration, encoding="utf-8")


def assert_equal(connection: Connection, said: str) -> int:
    total = 0
    for name, (_, query) in COUNTS.items():
        for key, stored, counted in connection.execute(text(query)):
            assert stored == counted, f"{name} of row {key} is {stored}, counted {counted}, after {said}"
            total += counted
    return total


def a_step(chance: random.Random, postgresql: bool) -> str:
    """A random statement; many meet nothing."""
    team, other = (chance.choice(["NULL", *map(str, range(1, 6))]) for _ in range(2))
    hero, club = chance.randint(1, 12), chance.randint(1, 3)
    alive = chance.choice(["TRUE", "FALSE"])
    kind, left = chance.choice(["'pilot'", "'it''s'"]), chance.choice(["NULL", "NULL", "1999"])
    values = f"{alive}, {kind}, {left}"
    held = f'(SELECT id FROM "order" WHERE id = {team})'
    moved = f'UPDATE "order" SET id = {other} WHERE id = {team} AND {other} NOT IN (SELECT id FROM "order")'
    unless = "ON CONFLICT DO NOTHING"
    choices = [
        f'INSERT INTO "order" (id) VALUES ({chance.randint(1, 5)}) {unless}',
        f'INSERT INTO "order" (id, hero_count) VALUES ({chance.randint(1, 5)}, 77) {unless}',
        *[f"INSERT INTO heroes (id, team_id, alive, kind, left_in) VALUES ({hero}, {held}, {values}) {unless}"] * 6,
        f"INSERT INTO heroes (id, team_id, alive, kind) VALUES ({hero}, {held}, TRUE, 'pilot') "
        "ON CONFLICT (id) DO UPDATE SET team_id = excluded.team_id",
        f"UPDATE heroes SET team_id = {held} WHERE id = {hero}",
        f"UPDATE heroes SET team_id = {held}, kind = {kind} WHERE id > {hero}",
        f"UPDATE heroes SET alive = {alive}, left_in = {left} WHERE id < {hero}",
        f"UPDATE heroes SET kind = {kind} WHERE team_id = {team}",
        f"UPDATE heroes SET id = id + 100 WHERE id = {hero} AND id NOT IN (SELECT hero_id FROM seats) "
        f"AND {hero + 100} NOT IN (SELECT id FROM heroes)",
        f"DELETE FROM heroes WHERE id = {hero}",
        f"DELETE FROM heroes WHERE team_id = {team}",
        f'DELETE FROM "order" WHERE id = {team}',
        *[moved] * 4,
        *[f"INSERT INTO seats (hero_id, club_id) SELECT id, {club} FROM heroes WHERE id > {hero} {unless}"] * 2,
        f"DELETE FROM seats WHERE club_id = {club} AND hero_id > {hero}",
        f"UPDATE seats SET club_id = {club} WHERE hero_id = {hero} AND 1 = "
        "(SELECT count(*) FROM seats s WHERE s.hero_id = seats.hero_id)",
    ]
    if postgresql:
        choices += ["TRUNCATE heroes CASCADE", "TRUNCATE seats"] * (chance.random() < 0.2)
    return chance.choice(choices)


@pytest.mark.parametrize("seed", range(3))
def test_the_migration_keeps_the_count(project: Path, engine: Engine, seed: int) -> None:
    saved(project)
    migrate(project, engine, "first")
    chance = random.Random(seed)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO clubs (id) VALUES (1), (2), (3)"))
        connection.execute(text('INSERT INTO "order" (id) VALUES (1), (2)'))
        connection.execute(
            text("INSERT INTO heroes (id, team_id, alive, kind) VALUES (1, 1, TRUE, 'pilot'), (2, NULL, TRUE, 'pilot')")
        )
        connection.execute(text("INSERT INTO seats (hero_id, club_id) VALUES (1, 1), (2, 1)"))
    migrate(project, engine, "heads")
    most = 0
    with engine.connect() as connection:
        assert assert_equal(connection, "the backfill") == 4
        for _ in range(STEPS):
            step = a_step(chance, engine.dialect.name == "postgresql")
            connection.exec_driver_sql(step)
            most = max(most, assert_equal(connection, step))
            if chance.random() < 0.1:
                connection.rollback()
                assert_equal(connection, "a rollback")
            elif chance.random() < 0.5:
                connection.commit()
        connection.rollback()
    assert most > 10
    migrate(project, engine, "first", down=True)
    with engine.begin() as connection:
        for name, (table, _) in COUNTS.items():
            assert name not in {column["name"] for column in inspect(connection).get_columns(table)}
        connection.execute(text("INSERT INTO heroes (id, team_id, alive, kind) VALUES (500, NULL, TRUE, 'x')"))


def test_two_transactions_that_add_rows_at_once(project: Path, postgresql_url: str) -> None:
    saved(project)
    engine = create_engine(postgresql_url)
    try:
        migrate(project, engine, "heads")
        with engine.begin() as connection:
            connection.execute(text('INSERT INTO "order" (id) VALUES (1)'))

        def add(first: int) -> None:
            for number in range(first, first + 20):
                with engine.begin() as connection:
                    values = {"id": number}
                    connection.execute(
                        text("INSERT INTO heroes (id, team_id, alive, kind) VALUES (:id, 1, TRUE, 'pilot')"), values
                    )

        threads = [threading.Thread(target=add, args=(first,)) for first in (0, 100, 200)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with engine.connect() as connection:
            assert assert_equal(connection, "sixty rows by three threads") == 120
    finally:
        with engine.begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
        engine.dispose()


def test_several_newest_migrations_leave_the_revision_open(project: Path) -> None:
    text_of = (project / "migrations/versions/base.py").read_text(encoding="utf-8")
    other = text_of.replace('revision = "first"', 'revision = "other"', 1)
    (project / "migrations/versions/other.py").write_text(other, encoding="utf-8")
    assert 'down_revision = "several migrations are the newest: ' in suggested("hero_count")[2]
    for path in (project / "migrations/versions").iterdir():
        path.unlink()
    assert "\ndown_revision = None\n" in suggested("hero_count")[2]
