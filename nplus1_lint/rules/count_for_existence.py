"""NP302."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from nplus1_lint.findings import Severity, Suspect
from nplus1_lint.infer.purposes import Shape
from nplus1_lint.rules.base import Example, Proof, Rule
from nplus1_lint.rules.fetched import Verdict, fetch_plan, is_one, of_verdict, rows_of, suspect

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nplus1_lint.infer.analysis import Analysis
    from nplus1_lint.infer.consumers import Fetched


class CountForExistence(Rule):
    """Rows are fetched, or counted, only to learn whether there are any.

    What it does
        Flags ``count() > 0``, ``if query.all():``, ``len(rows) == 0`` and ``first() is not None`` of whole rows when
        nothing else is done with what they give. A warning where all rows are fetched, else an info.

    Why is this bad
        A count visits every row that matches, where the first would do; a row that is fetched becomes an object, with
        all that its mapping loads eagerly.

    Use instead
        ``session.scalar(select(exists().where(…)))``, or a column with ``limit(1)``.

    When it stays quiet
        The number or the row is used in any other way; a single column is fetched; locking reads; ``session.get``,
        which the identity map may answer.

    Fix safety
        Safe where it is code: a key is fetched in the place of the row, of which only the truth is used. A sentence
        where the query stands elsewhere, joins, limits, locks or carries loader options.
    """

    code: ClassVar[str] = "NP302"
    name: ClassVar[str] = "count-for-existence"
    severity: ClassVar[Severity] = Severity.WARNING
    summary: ClassVar[str] = "rows are fetched or counted only to learn whether there are any"

    INVALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "all rows, to see whether there are any",
            """\
# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Hero


def run(session: Session):
    strong = session.scalars(select(Hero).where(Hero.power > 0)).all()  # expect: NP302
    return len(strong) > 0
""",
            Proof.ROWS,
        ),
        Example(
            "a count that is compared with zero",
            """\
# file: app.py
from sqlalchemy.orm import Session

from models import Hero


def run(session: Session):
    if session.query(Hero).filter(Hero.power > 0).count() > 0:  # expect: NP302
        return "some are strong"
    return "none is"
""",
            Proof.STEPS,
        ),
        Example(
            "a row with its children, to see whether it is there",
            """\
# file: models.py
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Team(Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    heroes: Mapped[list["Hero"]] = relationship(lazy="selectin")


class Hero(Base):
    __tablename__ = "heroes"
    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))


def seed(session, n):
    session.add(Team(name="first", heroes=[Hero() for _ in range(n)]))
    session.commit()
    session.expunge_all()

# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Team


def run(session: Session):
    existing = session.scalars(select(Team).where(Team.name == "first")).first()  # expect: NP302
    if existing is not None:
        return "taken"
    return "free"
""",
            Proof.ROWS,
        ),
    )
    VALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "the database says whether there is one",
            """\
# file: app.py
from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from models import Hero


def run(session: Session):
    one = session.query(Hero.id).filter(Hero.power > 0).limit(1).first()
    return session.scalar(select(exists().where(Hero.power > 0))), one is not None
""",
            Proof.STEPS,
        ),
        Example(
            "the row is used",
            """\
# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Team


def run(session: Session):
    team = session.scalars(select(Team).where(Team.slug == "team-0")).first()
    if team is None:
        return "nobody"
    return team.id
""",
            Proof.ROWS,
        ),
    )

    def suspects(self, analysis: Analysis) -> Iterable[Suspect]:
        """Yield one suspect per expression of which only the truth is used."""
        for found, _ in of_verdict(analysis, Verdict.EXISTENCE):
            if is_one(found) and not found.models:
                continue  # a single column is light
            severity = Severity.INFO if is_one(found) or found.shape is Shape.COUNT else self.severity
            advice = "Ask the database: select(exists().where(…)), or one column with limit(1)"
            plan = fetch_plan(analysis, found, "existence")
            yield suspect(self.code, analysis, found, _message(analysis, found), severity, advice, plan)


def _message(analysis: Analysis, found: Fetched) -> str:
    rows = rows_of(analysis, found)
    if found.shape is Shape.COUNT:
        return f"{rows} are counted only to learn whether there are any"
    if is_one(found):
        return f"a whole row of {rows.removesuffix(' rows')} is fetched only to learn whether there is one"
    return f"{rows} are fetched only to learn whether there are any"
