"""NP401."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from nplus1_lint.findings import Confidence, NodeKind, Pos, Severity, Suspect
from nplus1_lint.infer.effects import BY_MAPPING, LOAD
from nplus1_lint.infer.index_use import judge
from nplus1_lint.rules.base import Example, Proof, Rule
from nplus1_lint.rules.searches import (
    Places,
    advice,
    column_of,
    evidence,
    first_of,
    keep,
    matters,
    message,
    message_of_loads,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nplus1_lint.infer.analysis import Analysis
    from nplus1_lint.link.indexes import Index


class MissingIndex(Rule):
    """Rows are searched by a column that no index begins with.

    What it does
        Flags a column on which executed queries filter, join or group and with which no index, key or unique
        constraint of the models or of the Alembic migrations begins: at the query that most routers reach. The other
        places are evidence, as are the indexes of the table that serve other queries. The load of a collection, lazy or
        eager, is a query by its foreign key, or by one of the association table; a column by which nothing else
        searches is told of where it is declared, if a router or a loop loads the collection, or if a loop deletes rows
        to which it refers with ``ON DELETE``.

    Why is this bad
        The database reads the whole table for each such query.

    Use instead
        ``Index("ix_heroes_name", "name")`` in ``__table_args__`` (or ``index=True``) and a migration with
        ``op.create_index``. Of columns that are filtered together, those compared with ``==`` go first.

    When it stays quiet
        Another criterion of the query, or the parent of a dynamic relationship, finds the rows by an index;
        ``LIKE '%x%'``, ``!=``, ``IS NULL``, functions of the
        column, an ``OR`` with a part that no index serves; tables whose name is made at run time; collections loaded
        along with all rows of their table. A foreign key
        by itself is no index on SQLite and PostgreSQL; MySQL makes one for it. An index in SQL text that no
        migration runs does not count, and is named. Columns with few values (booleans, enumerations), queries that
        neither a router nor a loop runs, rows that a joined table leads to, and deletions are reported as info.

    Fix safety
        Shown only: an index costs on every write, and the table may be small.
    """

    code: ClassVar[str] = "NP401"
    name: ClassVar[str] = "missing-index"
    severity: ClassVar[Severity] = Severity.WARNING
    summary: ClassVar[str] = "rows are searched by a column that no index begins with"

    INVALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "a filter",
            """\
# file: app.py
from sqlalchemy.orm import Session

from models import Hero


def run(session: Session):
    return session.query(Hero).filter(Hero.power == 7).all()  # expect: NP401
""",
            Proof.SCAN,
        ),
        Example(
            "two columns, one index",
            """\
# file: models.py
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Hero(Base):
    __tablename__ = "heroes"
    id: Mapped[int] = mapped_column(primary_key=True)
    born: Mapped[int]
    city: Mapped[str]


def seed(session, n):
    session.add_all(Hero(born=number, city="Rome") for number in range(n))
    session.commit()
# file: app.py
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import Hero


def run(session: Session):
    old = select(func.count()).select_from(Hero).where(Hero.born < 3, Hero.city == "Rome")  # expect: NP401
    return session.scalar(old)
""",
            Proof.SCAN,
        ),
        Example(
            "the second column of an index, and an index that a migration has dropped",
            """\
# file: models.py
from sqlalchemy import Index, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Hero(Base):
    __tablename__ = "heroes"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))
    power: Mapped[int] = mapped_column(default=0)
    __table_args__ = (Index("ix_heroes_power_name", "power", "name"),)


def seed(session, n):
    session.add_all(Hero(name=f"hero-{number}") for number in range(n))
    session.commit()
# file: versions/b.py
from alembic import op

revision = "b"
down_revision = None


def upgrade():
    op.create_index("ix_heroes_name", "heroes", ["name"])


def downgrade():
    op.drop_index("ix_heroes_name")
# file: versions/a.py
from alembic import op

revision = "a"
down_revision = "b"


def upgrade():
    op.drop_index("ix_heroes_name")


def downgrade():
    op.create_index("ix_heroes_name", "heroes", ["name"])
# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Hero


def run(session: Session):
    found = session.scalars(select(Hero).filter_by(name="hero-1")).all()  # expect: NP401
    return found, session.scalars(select(Hero).where(Hero.power == 5)).all()
""",
            Proof.SCAN,
        ),
        Example(
            "the foreign keys of collections",
            """\
# file: models.py
from sqlalchemy import Column, ForeignKey, String, Table
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


links = Table(
    "links",
    Base.metadata,
    Column("tag_id", ForeignKey("tags.id"), primary_key=True),
    Column("team_id", ForeignKey("teams.id"), primary_key=True),  # expect: NP401
)


class Tag(Base):
    __tablename__ = "tags"
    id: Mapped[int] = mapped_column(primary_key=True)


class Team(Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(50), unique=True)
    heroes: Mapped[list["Hero"]] = relationship()
    tags: Mapped[list[Tag]] = relationship(secondary=links, lazy="selectin")


class Hero(Base):
    __tablename__ = "heroes"
    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))  # expect: NP401


def seed(session, n):
    tag = Tag()
    session.add_all(Team(slug=f"team-{number}", heroes=[Hero(), Hero()], tags=[tag]) for number in range(n))
    session.commit()
    session.expunge_all()
# file: app.py
from sqlalchemy.orm import Session

from models import Team


def run(session: Session):
    found = []
    for team in session.query(Team).filter(Team.slug.in_(["team-0", "team-1"])).all():
        found += [hero.id for hero in team.heroes] + [tag.id for tag in team.tags]
    for slug in [team.slug for team in session.query(Team).filter(Team.id < 3)]:
        found += [tag.id for tag in session.query(Team).filter(Team.slug == slug).one().tags]
    return found
""",
            Proof.SCAN,
        ),
        Example(
            "a foreign key from which rows are joined",
            """\
# file: models.py
from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Team(Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(50), unique=True)
    heroes: Mapped[list["Hero"]] = relationship()


class Hero(Base):
    __tablename__ = "heroes"
    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))


def seed(session, n):
    session.add_all(Team(id=number + 1, slug=f"team-{number}", heroes=[Hero(), Hero()]) for number in range(n))
    session.commit()
# file: app.py
from sqlalchemy.orm import Session

from models import Hero, Team


def run(session: Session):
    members = session.query(Hero.id).join(Team, Team.id == Hero.team_id)  # expect: NP401
    return members.filter(Team.slug == "team-1").all()
""",
            Proof.SCAN,
        ),
    )
    VALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "served by a key, by an index, or by no index at all",
            """\
# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Hero, Team


def run(session: Session):
    by_key = session.query(Hero).filter(Hero.id == 1, Hero.name == "hero-0-0").all()
    by_index = session.scalars(select(Hero).where(Hero.team_id == 1).where(Hero.power > 0)).all()
    by_unique = session.query(Team).filter_by(slug="team-1").one()
    by_join = session.query(Hero).join(Team).filter(Team.slug == "team-1").all()
    return by_key, by_index, by_unique, by_join
""",
            Proof.SCAN,
        ),
        Example(
            "declared in a table argument, beside the class, and in migrations",
            """\
# file: models.py
from sqlalchemy import Column, Index, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.sql import text


class Base(DeclarativeBase):
    pass


class Named:
    name: Mapped[str] = mapped_column("hero_name", String(50), index=True)


class Hero(Named, Base):
    __tablename__ = "heroes"
    id: Mapped[int] = mapped_column(primary_key=True)
    power: Mapped[int] = mapped_column(default=0)
    city: Mapped[str] = mapped_column(default="")
    email: Mapped[str] = mapped_column(default="")
    born: Mapped[int] = mapped_column(default=0)
    rank: Mapped[int] = mapped_column(default=0)
    __table_args__ = (Index("ix_heroes_power", "power", "city"), UniqueConstraint("email", "id"), {"comment": "all"})


Index("ix_heroes_city", Hero.city.desc())


def seed(session, n):
    session.add_all(Hero(name=f"hero-{number}", email=f"{number}") for number in range(n))
    session.execute(text("CREATE INDEX heroes_born ON heroes (born, rank)"))
    session.execute(text("CREATE INDEX heroes_rank ON heroes (rank)"))
    session.commit()
# file: migrations/versions/0001_more.py
import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade():
    with op.batch_alter_table("heroes") as batch_op:
        batch_op.create_index(batch_op.f("heroes_rank"), ["rank"])
    op.execute(sa.text("CREATE INDEX IF NOT EXISTS heroes_born ON heroes (born DESC, rank)"))
# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Hero


def run(session: Session):
    named = session.scalars(select(Hero).where(Hero.name == "hero-1")).all()
    strong = session.scalars(select(Hero).where(Hero.power == 3)).all()
    local = session.scalars(select(Hero).where(Hero.city.in_(["Rome"]))).all()
    mail = session.query(Hero).filter_by(email="1").first()
    old = session.query(Hero).filter(Hero.born < 3).all()
    return named, strong, local, mail, old, session.query(Hero).filter(Hero.rank == 2).all()
""",
            Proof.SCAN,
        ),
        Example(
            "collections of all teams, and those that a key or an index serves",
            """\
# file: models.py
from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Team(Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(50), unique=True)
    heroes: Mapped[list["Hero"]] = relationship()
    pets: Mapped[list["Pet"]] = relationship(lazy="selectin")


class Hero(Base):
    __tablename__ = "heroes"
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)


class Pet(Base):
    __tablename__ = "pets"
    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))


def seed(session, n):
    session.add_all(Team(slug=f"team-{number}", heroes=[Hero(number=1)], pets=[Pet()]) for number in range(n))
    session.commit()
    session.expunge_all()
# file: app.py
from sqlalchemy.orm import Session, lazyload, selectinload

from models import Team


def run(session: Session):
    found = [pet.id for team in session.query(Team) for pet in team.pets]
    for slug in ("team-0", "team-1"):
        query = session.query(Team).options(lazyload(Team.pets), selectinload(Team.heroes))
        team = query.filter(Team.slug == slug).one()
        found += [hero.number for hero in team.heroes]
    return found
""",
        ),
        Example(
            "what no index serves",
            """\
# file: app.py
from sqlalchemy import func, or_
from sqlalchemy.orm import Session

from models import Hero


def run(session: Session):
    query = session.query(Hero)
    found = query.filter(Hero.name.contains("1")).all() + query.filter(Hero.name != "x").all()
    found += query.filter(func.lower(Hero.name) == "hero-1-1", Hero.name.is_not(None)).all()
    return found + query.filter(or_(Hero.name == "x", Hero.name.like("%y"))).all()
""",
        ),
    )

    def suspects(self, analysis: Analysis) -> Iterable[Suspect]:
        """Yield one suspect per column of a table."""
        schema = analysis.project.schema
        found: dict[tuple[str, str], Places] = {}
        used: dict[Index, int] = {}
        for query in analysis.filters:
            verdict = judge(schema, query.filter)
            for index in dict.fromkeys(verdict.used):
                used[index] = used.get(index, 0) + 1
            for need in verdict.needs:
                column = (need.storage.table, need.storage.column)
                keep(found.setdefault(column, {}), analysis, need, query)
        for places in found.values():
            if all(need.lookup.op in BY_MAPPING for need, _ in places.values()):
                yield from self._loaded(analysis, places, used)
            else:
                yield self._suspect(analysis, places, used)

    def _suspect(self, analysis: Analysis, places: Places, used: dict[Index, int]) -> Suspect:
        first = first_of(places)
        need, _ = places[first]
        lookup = need.lookup
        model = analysis.project.models[lookup.model].name
        return Suspect(
            code=self.code,
            path=first[0],
            pos=Pos(*lookup.place),
            node=lookup.node,
            scope=Pos(*lookup.place),
            function=analysis.function_name(lookup.function),
            message=message(analysis, model, places),
            severity=self.severity if any(map(matters, places.values())) else Severity.INFO,
            confidence=Confidence.MEDIUM,
            evidence=tuple(evidence(analysis, places, used)),
            advice=advice(model, (one for one, _ in places.values())),
            also_in=tuple(sorted({path for path, _ in places} - {first[0]})),
            discriminator=f"{need.storage.table}.{need.storage.column}",
        )

    def _loaded(self, analysis: Analysis, places: Places, used: dict[Index, int]) -> Iterator[Suspect]:
        """A column by which nothing but loads of relationships finds rows: told of where it is declared."""
        places = {where: one for where, one in places.items() if matters(one)}
        loaded = any(need.lookup.op == LOAD for need, _ in places.values())
        storage, call = None, None
        if places:
            need, _ = places[first_of(places)]
            storage, call = need.storage, need.storage.call
        if storage is None or call is None:
            return
        owner, column = column_of(analysis, need)
        model = analysis.project.models.get(owner)
        name = model.name if model is not None else storage.table
        yield Suspect(
            code=self.code,
            path=storage.path,
            pos=Pos(*call),
            node=NodeKind.CALL,
            scope=Pos(*call),
            function=name,
            message=message_of_loads(analysis, f"{name}.{column}", places),
            severity=self.severity if loaded else Severity.INFO,
            confidence=Confidence.MEDIUM,
            evidence=tuple(evidence(analysis, places, used)),
            advice=advice(name, (one for one, _ in places.values())),
            also_in=tuple(sorted({path for path, _ in places} - {storage.path})),
            discriminator=f"{storage.table}.{storage.column}",
        )
