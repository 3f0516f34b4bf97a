"""NP301."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from nplus1_lint.findings import Severity, Suspect
from nplus1_lint.rules.base import Example, Proof, Rule
from nplus1_lint.rules.fetched import Verdict, fetch_plan, of_verdict, rows_of, suspect

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nplus1_lint.infer.analysis import Analysis


class LenOfAll(Rule):
    """Rows are fetched only to be counted.

    What it does
        Flags an expression that fetches rows, or calls a function that returns them, when all that its function does
        with them is ``len()``, and perhaps to ask whether there are any.

    Why is this bad
        Every row crosses the wire and becomes an object, with all that its mapping loads eagerly, for one number.

    Use instead
        ``session.scalar(select(func.count()).select_from(Team))``, with the conditions of the query.

    When it stays quiet
        The rows are used in any other way, returned or passed on, or held so that the identity map answers; queries
        with a limit; locking reads; functions whose results are cached.

    Fix safety
        Safe for ``len()`` around a query of one class that neither joins, limits nor locks. A sentence for rows that
        have a name, and for a query that joins, which must count distinct rows.
    """

    code: ClassVar[str] = "NP301"
    name: ClassVar[str] = "len-of-all"
    severity: ClassVar[Severity] = Severity.WARNING
    summary: ClassVar[str] = "rows are fetched only to be counted"

    INVALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "the number of all rows",
            """\
# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Team


def run(session: Session):
    teams = session.scalars(select(Team)).all()  # expect: NP301
    return f"{len(teams)} teams"
""",
            Proof.ROWS,
        ),
        Example(
            "a helper's rows, only counted here",
            """\
# file: app.py
from sqlalchemy.orm import Session

from models import Hero


def heroes_above(session, power):
    return session.query(Hero).filter(Hero.power > power).all()


def run(session: Session):
    strong = heroes_above(session, 0)  # expect: NP301
    if not strong:
        return "no hero"
    return {"strong": len(strong)}
""",
            Proof.ROWS,
        ),
    )
    VALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "the database counts",
            """\
# file: app.py
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import Team


def run(session: Session):
    return session.scalar(select(func.count()).select_from(Team))
""",
            Proof.ROWS,
        ),
        Example(
            "the rows are used as well, or are few by a limit",
            """\
# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Hero, Team


def page(session):
    heroes = session.scalars(select(Hero).order_by(Hero.id).limit(2)).all()
    return len(heroes), [hero.name for hero in heroes]


def run(session: Session):
    probe = session.scalars(select(Team).limit(2)).all()
    return page(session), len(probe) == 2
""",
            Proof.ROWS,
        ),
    )

    def suspects(self, analysis: Analysis) -> Iterable[Suspect]:
        """Yield one suspect per expression whose rows are only counted."""
        for found, _ in of_verdict(analysis, Verdict.NUMBER):
            message = f"{rows_of(analysis, found)} are fetched, and only their number is used"
            advice = "Let the database count: select(func.count()), or .count() of the query, with the same conditions"
            plan = fetch_plan(analysis, found, "number")
            yield suspect(self.code, analysis, found, message, self.severity, advice, plan)
