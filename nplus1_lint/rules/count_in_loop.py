"""NP101."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from nplus1_lint.findings import Severity, Suspect
from nplus1_lint.rules.base import Example, Rule
from nplus1_lint.rules.repeated import direct, is_aggregate, per

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nplus1_lint.infer.analysis import Analysis, Repetition
    from nplus1_lint.infer.effects import Effect


class CountInLoop(Rule):
    """A COUNT (or sum, min, max, avg, exists) runs once per iteration.

    What it does
        Flags ``count()``, ``scalar(select(func.count()…))``, ``len(q.all())``, other aggregates and existence
        checks whose filter uses the loop's value.

    Why is this bad
        Ten rows cost eleven statements instead of two; a page of fifty artifacts in two collections each costs a
        hundred round trips. The database can count all groups in one statement.

    Use instead
        One ``GROUP BY`` with ``IN`` before the loop, then ``counts.get(key, 0)``: a missing key means zero. Over an
        outer join count a column of the child, never ``*``. For existence, one ``IN`` query into a set.

    When it stays quiet
        Loops over literals and constants, polling, retries and searches; a query that does not use the loop's value.

    Fix safety
        Unsafe: the rewrite reads all counts before the loop, so what the loop changes meanwhile is not seen; it sends
        all keys in one statement; and it looks them up as Python compares them, where a database may take ``a`` for
        ``A``. Shown only where the loop makes or writes rows of the counted class.
    """

    code: ClassVar[str] = "NP101"
    name: ClassVar[str] = "count-in-loop"
    severity: ClassVar[Severity] = Severity.ERROR
    summary: ClassVar[str] = "a COUNT runs once per iteration"

    INVALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "a count per row",
            """\
# file: app.py
from sqlalchemy.orm import Session

from models import Hero, Team


def run(session: Session):
    sizes = {}
    for team in session.query(Team).all():
        sizes[team.slug] = session.query(Hero).filter_by(team_id=team.id).count()  # expect: NP101
    return sizes
""",
        ),
        Example(
            "a scalar subselect in a comprehension, 2.0 style",
            """\
# file: app.py
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import Hero, Team


def run(session: Session):
    ids = session.scalars(select(Team.id)).all()
    return [
        session.scalar(select(func.count()).select_from(Hero).where(Hero.team_id == team_id))  # expect: NP101
        for team_id in ids
    ]
""",
        ),
        Example(
            "the length of fetched rows, and a sum",
            """\
# file: app.py
from sqlalchemy import func
from sqlalchemy.orm import Session

from models import Hero, Team


def run(session: Session):
    report = []
    for team in session.query(Team):
        size = len(session.query(Hero).filter(Hero.team_id == team.id).all())  # expect: NP101
        power = session.query(func.sum(Hero.power)).filter(Hero.team_id == team.id).scalar()  # expect: NP101
        report.append((size, power))
    return report
""",
        ),
        Example(
            "asynchronous, the statement built first",
            """\
# file: app.py
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from models import Hero, Team


async def run(session: AsyncSession):
    sizes = {}
    for team in (await session.scalars(select(Team))).all():
        statement = select(func.count(Hero.id)).where(Hero.team_id == team.id)
        sizes[team.id] = await session.scalar(statement)  # expect: NP101
    return sizes
""",
        ),
    )
    VALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "one GROUP BY, then a dictionary",
            """\
# file: app.py
from sqlalchemy import func
from sqlalchemy.orm import Session

from models import Hero, Team


def run(session: Session):
    teams = session.query(Team).all()
    counts = dict(
        session.query(Hero.team_id, func.count(Hero.id))
        .filter(Hero.team_id.in_([team.id for team in teams]))
        .group_by(Hero.team_id)
        .all()
    )
    return {team.slug: counts.get(team.id, 0) for team in teams}
""",
        ),
        Example(
            "counts of strings, lists and a fixed set of names",
            """\
# file: app.py
from sqlalchemy.orm import Session

from models import Hero, Team


def run(session: Session):
    words = [team.slug.count("-") for team in session.query(Team)]
    totals = [words.count(word) for word in set(words)]
    sizes = {}
    for name in ("hero-0-0", "hero-1-0"):
        sizes[name] = session.query(Hero).filter_by(name=name).count()
    return totals, sizes
""",
        ),
    )

    def suspects(self, analysis: Analysis) -> Iterable[Suspect]:
        """Yield one suspect per aggregate query that depends on its loop."""

        def message(repetition: Repetition, effect: Effect) -> str:
            name = effect.query.aggregate if effect.query and effect.query.aggregate else "count"
            subject = effect.subject.rpartition(":")[2]
            return f"one {name.upper()} of {subject or 'rows'} {per(repetition)}"

        return direct(self.code, analysis, self.severity, is_aggregate, message)
