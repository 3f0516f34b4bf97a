"""Programs with queries in loops, drawn at random: what they ask, by which key, over what they loop and how."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Any, Final

from hypothesis import strategies as st

MODELS: Final = '''\
from __future__ import annotations

from typing import Optional

from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Team(Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    rank: Mapped[Optional[int]]
    heroes: Mapped[list["Hero"]] = relationship(back_populates="team", order_by="Hero.id")


class Hero(Base):
    __tablename__ = "heroes"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[Optional[str]]
    power: Mapped[Optional[int]]
    level: Mapped[int]
    team_id: Mapped[Optional[int]] = mapped_column(ForeignKey("teams.id"))
    team: Mapped[Optional["Team"]] = relationship(back_populates="heroes")


def seed(session, n):
    """n teams; heroes with and without a team, a name, a power, some of them alike."""
    for number in range(1, n + 1):
        session.add(Team(id=number, slug=f"team-{number}", rank=None if number % 3 == 0 else number % 4))
    session.flush()
    for number in range(1, 3 * n + 1):
        session.add(
            Hero(
                id=number,
                name=None if number % 5 == 0 else f"hero-{number % 7}",
                power=None if number % 4 == 0 else number % 6,
                level=number % 3,
                team_id=None if number % 7 == 0 or number % (n + 1) == n else 1 + number % (n + 1),
            )
        )
    session.commit()
    session.expunge_all()
'''

HEAD: Final = '''\
"""A drawn program."""

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from models import Hero, Team


def show(value):
    """Rows by their keys, all else as it is."""
    if isinstance(value, (Hero, Team)):
        return type(value).__name__, value.id
    return [show(one) for one in value] if isinstance(value, list) else value


def run(session: Session):
    out = []
'''

ROWS: Final = {
    "Team": ("id", "rank", "slug"),
    "Hero": ("id", "power", "level", "team_id", "name"),
}
NUMBERS: Final = {"Team": ("id", "rank"), "Hero": ("id", "power", "level", "team_id")}
WORDS: Final = {"Team": ("slug",), "Hero": ("name",)}
UNIQUE: Final = {("Team", "id"), ("Team", "slug"), ("Hero", "id")}
FILTERS: Final = {
    "Team": ("", "Team.rank > 1", "Team.slug != 'team-2'", "Team.rank.is_(None)"),
    "Hero": ("", "Hero.power > 1", "Hero.name != 'hero-1'", "Hero.level == 1", "Hero.power.is_(None)", "Hero.id < 0"),
}
COMMENTS: Final = ("", "", "  # why", "  # it's", '  # """ not a string', "  # é, ü", "  # (", "  # noqa: E501")


@dataclass(frozen=True)
class Program:
    """A drawn program.

    Attributes:
        text: ``app.py``.
        loops: how many loops with queries it has.
    """

    text: str
    loops: int


def _comment(draw: Any) -> str:
    return str(draw(st.sampled_from(COMMENTS)))


def _iterable(draw: Any, model: str) -> str:
    where = draw(st.sampled_from(["", f".filter({model}.id < 0)", f".filter({model}.id > 2)"]))
    query = f"session.query({model}){where}.order_by({model}.id)"
    select = f"session.scalars(select({model}){where.replace('filter', 'where')}.order_by({model}.id))"
    return str(
        draw(
            st.sampled_from(
                [
                    *(query, f"{query}.all()", select, f"{select}.all()", f"list({query})", f"reversed({query}.all())"),
                    *(f"[row for row in {query} if row.id != 4]", f"({query}.all() + {query}.limit(2).all())"),
                ]
            )
        )
    )


def _conditions(draw: Any, model: str, column: str, value: str, *, filter_by: bool) -> str:
    extra = draw(st.sampled_from(FILTERS[model]))
    if filter_by and draw(st.booleans()):
        return f".filter_by({column}={value})" + (f".filter({extra})" if extra else "")
    compared = f"{value} == {model}.{column}" if draw(st.booleans()) else f"{model}.{column} == {value}"
    parts = [compared, extra] if draw(st.booleans()) else [extra, compared]
    return f".filter({', '.join(filter(None, parts))})"


def _query(draw: Any, model: str, column: str, value: str) -> str:
    """An expression that queries, and gives plain data, a row, None or a list of rows."""
    old = _conditions(draw, model, column, value, filter_by=True)
    new = _conditions(draw, model, column, value, filter_by=False).replace(".filter(", ".where(")
    number = draw(st.sampled_from(NUMBERS[model]))
    kinds = [
        f"session.query({model}){old}.count()",
        f"session.scalar(select(func.count()).select_from({model}){new})",
        f"session.execute(select(func.count({model}.id)){new}).scalar_one()",
        f"len(session.query({model}){old}.all())",
        f"session.query(func.sum({model}.{number})){old.replace('.filter_by', '.filter_by')}.scalar()",
        f"session.scalar(select(func.coalesce(func.max({model}.{number}), -1)){new})",
        f"session.query({model}){old}.first() is not None",
        f"session.query(session.query({model}){old}.exists()).scalar()",
        f"session.scalar(select(exists(){new}))",
        f"session.query({model}){old}.count() > 0",
        f"session.query({model}){old}.order_by({model}.id).all()",
        f"session.scalars(select({model}){new}.order_by({model}.id.desc())).all()",
        f"session.query({model}){old}.order_by({model}.id).limit(2).all()",
        f"session.query({model}){old}.order_by({model}.id.desc()).first()",
        f"session.scalars(select({model}){new}.order_by({model}.id)).first()",
        f"session.query({model}.{number}){old}.order_by({model}.id).first() is None",
    ]
    if (model, column) in UNIQUE:
        kinds += [
            f"session.query({model}){old}.one_or_none()",
            f"session.scalar(select({model}){new})",
            f"session.query({model}.{number}){old}.scalar()",
        ]
    if column == "id":
        kinds += [f"session.get({model}, {value})", f"session.query({model}).get({value})"]
    return str(draw(st.sampled_from(kinds)))


def _asked(draw: Any, source: str, key: str) -> tuple[str, str]:
    """A class and a column of it that holds what a key holds."""
    model = draw(st.sampled_from(["Hero", "Team"]))
    words = key in WORDS[source]
    return model, draw(st.sampled_from((WORDS if words else NUMBERS)[model]))


def _spread(draw: Any, query: str) -> str:
    """The query, perhaps over several lines with comments between them."""
    if ".filter" not in query or query.startswith("len(") or draw(st.booleans()):
        return query
    head, dot, tail = query.partition(".filter")
    return f"({_comment(draw)}\n    {head}{_comment(draw)}\n    {dot}{tail}\n)" if " is " not in query else query


def _loop(draw: Any, number: int) -> str:
    source = draw(st.sampled_from(["Team", "Hero"]))
    key = draw(st.sampled_from(ROWS[source]))
    model, column = _asked(draw, source, key)
    item = draw(st.sampled_from(["row", "item", "counts", "key"]))
    iterable = _iterable(draw, source)
    value = f"{item}.{key}"
    if draw(st.integers(0, 3)) == 0:
        iterable, value = f"[each.{key} for each in {iterable}]", item
    shape = draw(st.sampled_from(SHAPES))
    query = _spread(draw, _query(draw, model, column, "wanted" if "wanted" in shape else value))
    text = shape.replace("VALUE", value).replace("ITEM", item).replace("NUMBER", str(number)).replace("ROWS", iterable)
    lines = []
    for line in text.splitlines():
        before, mark, after = line.partition("QUERY")
        indent = " " * (len(line) - len(line.lstrip()))
        placed = query.replace("\n", f"\n{indent}") if "for " not in line and "if" not in line else _flat(query)
        lines.append(f"{before}{placed}{after}" if mark else line + _comment(draw))
    return "\n".join(lines)


def _flat(query: str) -> str:
    return "".join(line.partition("  #")[0].strip() for line in query.split("\n"))


SHAPES: Final = [
    "for ITEM in ROWS:\n    found = QUERY\n    out.append(show(found))",
    "for ITEM in ROWS:\n    out.append((NUMBER, show(QUERY)))",
    "rows_NUMBER = ROWS\nfor ITEM in rows_NUMBER:\n    out.append(show(QUERY))",
    "out += [show(QUERY) for ITEM in ROWS]",
    "out.append([show(QUERY) for ITEM in ROWS if VALUE])",
    "out.append({NUMBER: [show(QUERY) for ITEM in ROWS]})",
    "for ITEM in ROWS:\n    if VALUE is None:\n        continue\n    out.append(show(QUERY))",
    "for ITEM in ROWS:\n    if VALUE:\n        out.append(show(QUERY))\n    else:\n        out.append('none')",
    "for ITEM in ROWS:\n    try:\n        out.append(show(QUERY))\n    except ValueError:\n        out.append('wrong')",
    "for ITEM in ROWS:\n    wanted = VALUE\n    out.append(show(QUERY))",
    "for at, ITEM in enumerate(ROWS):\n    out.append((at, show(QUERY)))",
    "for ITEM in ROWS:\n    found = QUERY\n    if found:\n        out.append(show(found))\n        break",
    "def inner_NUMBER(rows):\n    kept = []\n    for ITEM in rows:\n        kept.append(show(QUERY))\n"
    "    return kept\n\nout.append(inner_NUMBER(list(ROWS)))",
    "def of_NUMBER():\n    return [show(QUERY) for ITEM in ROWS]\n\nout.append(of_NUMBER())",
    "for step in range(2):\n    for ITEM in ROWS:\n        out.append((step, show(QUERY)))",
    "for ITEM in ROWS:\n    wanted = VALUE\n    if wanted is not None:\n        out.append(show(QUERY))",
    "waiting_NUMBER = list(ROWS)\nfor ITEM in waiting_NUMBER:\n    out.append(show(QUERY))\n"
    "    if len(waiting_NUMBER) < 9:\n        waiting_NUMBER.append(ITEM)",
    "for ITEM in ROWS:\n    found = QUERY\n    if not found:\n        session.add(Hero(name='new', level=9))\n"
    "    out.append(show(found))",
]


def program(*loops: str) -> Program:
    """A program with given loops."""
    body = textwrap.indent("\n\n".join(loops), "    ")
    return Program(f"{HEAD}{body}\n    return out\n", len(loops))


@st.composite
def programs(draw: Any) -> Program:
    """Draw a program with one to three loops."""
    return program(*(_loop(draw, number) for number in range(draw(st.integers(1, 3)))))
