"""NP103."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from nplus1_lint.findings import Severity, Suspect
from nplus1_lint.infer.effects import Effect, Kind
from nplus1_lint.rules.base import Example, Rule
from nplus1_lint.rules.repeated import direct, is_aggregate, per

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nplus1_lint.infer.analysis import Analysis, Repetition


class QueryInLoop(Rule):
    """A SELECT runs once per iteration.

    What it does
        Flags any executed SELECT in a loop that depends on the loop's value and is neither an aggregate (NP101) nor a
        lookup by key (NP102).

    Why is this bad
        Each iteration is a round trip; the page's time grows with its rows.

    Use instead
        One query with ``IN`` before the loop, its rows grouped in a dictionary of lists; or a join. "The latest child
        per parent" needs ``row_number()`` over a partition, or a lateral join.

    When it stays quiet
        The query is what the loop iterates; paging until empty; chunks with ``IN``; a search that ends at the first
        hit; a statement that is only built; a level-wise search with ``IN``; SQL text that neither selects nor writes
        rows (``SET``, ``NOTIFY``, ``LOCK``, ``CALL``).

    Fix safety
        Unsafe: the rewrite reads all rows before the loop, so what the loop changes meanwhile is not seen; it sends
        all keys in one statement; and it looks them up as Python compares them, where a database may take ``a`` for
        ``A``. A missing row of ``one()`` raises ``KeyError``. Shown only where the loop makes or writes rows of the
        class that it asks for.
    """

    code: ClassVar[str] = "NP103"
    name: ClassVar[str] = "query-in-loop"
    severity: ClassVar[Severity] = Severity.ERROR
    summary: ClassVar[str] = "a SELECT runs once per iteration"

    INVALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "children per parent",
            """\
# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Hero, Team


def run(session: Session):
    names = []
    for team in session.scalars(select(Team)).all():
        heroes = session.scalars(select(Hero).where(Hero.team_id == team.id)).all()  # expect: NP103
        names += [hero.name for hero in heroes]
    return names
""",
        ),
        Example(
            "an inner loop's iterable",
            """\
# file: app.py
from sqlalchemy.orm import Session

from models import Hero, Team


def run(session: Session):
    return [
        hero.name
        for team in session.query(Team)
        for hero in session.query(Hero).filter_by(team_id=team.id)  # expect: NP103
    ]
""",
        ),
    )
    VALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "chunks with IN, paging, a search, a statement only built",
            """\
# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Hero, Team


def chunks(session: Session, ids):
    found = []
    for start in range(0, len(ids), 500):
        found += session.scalars(select(Hero).where(Hero.team_id.in_(ids[start : start + 500]))).all()
    return found


def pages(session: Session):
    last = 0
    while True:
        page = session.query(Hero).filter(Hero.id > last).order_by(Hero.id).limit(500).all()
        if not page:
            break
        last = page[-1].id


def search(session: Session, names):
    for name in names:
        hero = session.query(Hero).filter(Hero.name == name).first()
        if hero:
            return hero
    return None


def anyone(session: Session, names):
    return any(session.query(Hero).filter(Hero.name == name).first() for name in names)


def run(session: Session):
    ids = [team.id for team in session.query(Team)]
    pages(session)
    names = ["hero-0-0", *[str(i) for i in ids]]
    search(session, names)
    anyone(session, names)
    built = [select(Hero).where(Hero.team_id == i) for i in ids]
    return chunks(session, ids), len(built)
""",
        ),
        Example(
            "one query, grouped in Python",
            """\
# file: app.py
from collections import defaultdict

from sqlalchemy.orm import Session

from models import Hero, Team


def run(session: Session):
    teams = session.query(Team).all()
    by_team = defaultdict(list)
    for hero in session.query(Hero).filter(Hero.team_id.in_([team.id for team in teams])):
        by_team[hero.team_id].append(hero.name)
    return {team.slug: by_team[team.id] for team in teams}
""",
        ),
    )

    def suspects(self, analysis: Analysis) -> Iterable[Suspect]:
        """Yield one suspect per other SELECT that depends on its loop."""

        def message(repetition: Repetition, effect: Effect) -> str:
            subject = effect.subject.rpartition(":")[2] or "rows"
            return f"one SELECT of {subject} {per(repetition)}"

        return direct(self.code, analysis, self.severity, is_select, message)


def is_select(effect: Effect) -> bool:
    """True for SELECTs of rows by anything but a key."""
    return effect.kind is Kind.SELECT and not is_aggregate(effect)
