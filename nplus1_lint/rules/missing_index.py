"""NP401."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from nplus1_lint.findings import Confidence, Pos, Severity, Step, Suspect
from nplus1_lint.infer.index_use import judge
from nplus1_lint.infer.values import Site
from nplus1_lint.link.indexes import SQL
from nplus1_lint.rules.base import Example, Proof, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nplus1_lint.infer.analysis import Analysis
    from nplus1_lint.infer.filters import Filtered
    from nplus1_lint.infer.index_use import Need
    from nplus1_lint.link.indexes import Index, Schema, Storage

_MAX_PLACES = 8
_MAX_INDEXES = 4
_MAX_COLUMNS = 3
_WORDS = {"Join": "joined on", "Group": "grouped on"}

_Places = dict[tuple[str, int], tuple["Need", "Filtered"]]
"""Each place (file, line) that searches by a column, and the query."""


class MissingIndex(Rule):
    """Rows are searched by a column that no index begins with.

    What it does
        Flags a column on which executed queries filter, join or group and with which no index, key or unique
        constraint of the models or of the Alembic migrations begins: at the query that most routers reach. The other
        places are evidence, as are the indexes of the table that serve other queries.

    Why is this bad
        The database reads the whole table for each such query.

    Use instead
        ``Index("ix_heroes_name", "name")`` in ``__table_args__`` (or ``index=True``) and a migration with
        ``op.create_index``. Of columns that are filtered together, those compared with ``==`` go first.

    When it stays quiet
        Another criterion of the query, or the parent of a dynamic relationship, finds the rows by an index;
        ``LIKE '%x%'``, ``!=``, ``IS NULL``, functions of the
        column, an ``OR`` with a part that no index serves; tables whose name is made at run time. A foreign key
        by itself is no index on SQLite and PostgreSQL; MySQL makes one for it. An index in SQL text that no
        migration runs does not count, and is named. Columns with few values (booleans, enumerations), queries that
        neither a router nor a loop runs, and rows that a joined table leads to are reported as info.

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
        found: dict[tuple[str, str], _Places] = {}
        used: dict[Index, int] = {}
        for query in analysis.filters:
            verdict = judge(schema, query.filter)
            for index in dict.fromkeys(verdict.used):
                used[index] = used.get(index, 0) + 1
            for need in verdict.needs:
                column = (need.storage.table, need.storage.column)
                _keep(found.setdefault(column, {}), analysis, need, query)
        for places in found.values():
            yield self._suspect(analysis, places, used)

    def _suspect(self, analysis: Analysis, places: _Places, used: dict[Index, int]) -> Suspect:
        first = min(places, key=lambda where: (*_weight(*places[where]), where))
        need, _ = places[first]
        storage, lookup = need.storage, need.lookup
        matters = any(not one.minor and (query.routers or query.repeated) for one, query in places.values())
        model = analysis.project.models[lookup.model].name
        also = tuple(sorted({path for path, _ in places} - {first[0]}))
        return Suspect(
            code=self.code,
            path=first[0],
            pos=Pos(*lookup.place),
            node=lookup.node,
            scope=Pos(*lookup.place),
            function=analysis.function_name(lookup.function),
            message=_message(analysis.project.schema, model, need, len(places) - 1),
            severity=Severity.WARNING if matters else Severity.INFO,
            confidence=Confidence.MEDIUM,
            evidence=tuple(_evidence(analysis, model, places, first, used)),
            advice=_advice(model, [one for one, _ in places.values()]),
            also_in=also,
            discriminator=f"{storage.table}.{storage.column}",
        )


def _keep(places: _Places, analysis: Analysis, need: Need, query: Filtered) -> None:
    path = analysis.path_of(Site(need.lookup.function, need.lookup.place))
    where = (path, need.lookup.place[0])
    present = places.get(where)
    if present is None or _weight(*present) > _weight(need, query):
        places[where] = (need, query)


def _weight(need: Need, query: Filtered) -> tuple[bool, int, bool]:
    """What sorts the places where an index is worth most to the front."""
    return need.minor, -query.routers, not query.repeated


def _message(schema: Schema, model: str, need: Need, others: int) -> str:
    storage = need.storage
    doing = _WORDS.get(need.lookup.op, "filtered on")
    more = f" and in {others} more place{'s' if others > 1 else ''}" if others else ""
    said = f"{model}.{need.lookup.column} is {doing} here{more}, and no index, key or unique constraint begins with it"
    unsure = [i for i in schema.of(storage.table) if i.source == SQL and i.columns[0] == storage.column]
    if unsure:
        said += f"; {unsure[0].name or 'an index'} is in the SQL text of {unsure[0].path} only, which no migration runs"
    if storage.few:
        said += "; it has few values"
    return said


def _evidence(
    analysis: Analysis, model: str, places: _Places, first: tuple[str, int], used: dict[Index, int]
) -> Iterator[Step]:
    ordered = [first, *sorted(set(places) - {first})]
    for where in ordered[:_MAX_PLACES]:
        need, _ = places[where]
        yield Step(*where, f"{_WORDS.get(need.lookup.op, 'filtered on')} {model}.{need.lookup.column}")
    storage = places[ordered[0]][0].storage
    yield Step(storage.path, storage.line, f"{storage.table}.{storage.column} is declared without an index")
    for index in _good(analysis.project.schema, storage, used)[:_MAX_INDEXES]:
        count = used[index]
        name = index.name or "an index"
        serves = f"serves {count} other quer{'ies' if count > 1 else 'y'}"
        yield Step(
            index.path, index.line, f"{name} on ({', '.join(c or '…' for c in index.columns)}) is good: {serves}"
        )


def _good(schema: Schema, storage: Storage, used: dict[Index, int]) -> list[Index]:
    """The indexes of the table that serve queries, each once however often it is declared."""
    seen: dict[tuple[str, ...], Index] = {}
    for index in schema.of(storage.table):
        if index in used:
            seen.setdefault(index.columns, index)
    return list(seen.values())


def _advice(model: str, needs: list[Need]) -> str:
    """One index for what is always filtered together, else for the column alone."""
    storage = needs[0].storage
    common = [c for c in needs[0].partners if all(c in need.partners for need in needs)]
    behind = all(need.lookup.op in ("Eq", "In") for need in needs)
    columns = ([storage.column, *common] if behind else [*common, storage.column])[:_MAX_COLUMNS]
    name = f"ix_{storage.table}_{'_'.join(columns)}"
    declared = ", ".join(f'"{column}"' for column in columns)
    title = f"Declare the index in __table_args__ of {model} and create it in a migration"
    if storage.few and not common:
        title = f"Declare the index, better with a column of many values in front, in {model} and in a migration"
    return f'{title}\nIndex("{name}", {declared})\nop.create_index("{name}", "{storage.table}", [{declared}])'
