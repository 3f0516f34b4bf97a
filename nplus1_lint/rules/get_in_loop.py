"""NP102."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from nplus1_lint.findings import Severity, Suspect
from nplus1_lint.infer.effects import Effect, Kind
from nplus1_lint.rules.base import Example, Rule
from nplus1_lint.rules.repeated import direct, is_aggregate, per

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nplus1_lint.infer.analysis import Analysis, Repetition


class GetInLoop(Rule):
    """A row is fetched by its key once per iteration.

    What it does
        Flags ``session.get``, ``query.get`` and selects on the primary key or a unique key equal to the loop's value.

    Why is this bad
        Each iteration is a round trip for one row: 51 statements for 50 keys where two would do.

    Use instead
        One ``IN`` select into a dictionary by key before the loop. Keep the order of the loop and what a missing row
        does: ``.get(key)`` where the code allowed None, ``[key]`` where it raised. Chunk very long lists of keys.

    When it stays quiet
        The rows were loaded just before and are still held, so that the identity map answers (it is weak: 11
        statements when the rows are held, 51 when they were dropped), also where another row holds them, as an option
        has loaded them; ``with_for_update``; one session per iteration.

    Fix safety
        Unsafe: the rewrite reads all rows before the loop, so what the loop changes meanwhile is not seen; it sends
        all keys in one statement; and it looks them up as Python compares them, where a database may take ``a`` for
        ``A``. A missing row of ``one()`` raises ``KeyError``. Shown only where the loop makes or writes rows of the
        class that it asks for.
    """

    code: ClassVar[str] = "NP102"
    name: ClassVar[str] = "get-in-loop"
    severity: ClassVar[Severity] = Severity.ERROR
    summary: ClassVar[str] = "a row is fetched by its key once per iteration"

    INVALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "session.get per id",
            """\
# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Hero, Team


def run(session: Session):
    names = []
    for team_id in session.scalars(select(Hero.team_id).distinct()):
        team = session.get(Team, team_id)  # expect: NP102
        names.append(team.slug)
    return names
""",
        ),
        Example(
            "a filter on the primary key",
            """\
# file: app.py
from sqlalchemy.orm import Session

from models import Hero, Team


def run(session: Session):
    heroes = session.query(Hero.name, Hero.team_id).all()
    return {
        name: session.query(Team).filter(Team.id == team_id).first()  # expect: NP102
        for name, team_id in heroes
    }
""",
        ),
        Example(
            "a select on a unique key",
            """\
# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Team


def run(session: Session):
    slugs = [slug for (slug,) in session.execute(select(Team.slug)).all()]
    found = []
    for slug in slugs:
        found.append(session.execute(select(Team).where(Team.slug == slug)).scalar_one())  # expect: NP102
    return found
""",
        ),
    )
    VALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "one IN select into a dictionary",
            """\
# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Hero, Team


def run(session: Session):
    heroes = session.query(Hero).all()
    teams = {t.id: t for t in session.scalars(select(Team).where(Team.id.in_({h.team_id for h in heroes})))}
    return {hero.name: teams.get(hero.team_id) for hero in heroes}
""",
        ),
        Example(
            "rows that are held answer from the identity map",
            """\
# file: app.py
from sqlalchemy.orm import Session

from models import Hero, Team


def run(session: Session):
    teams = session.query(Team).all()
    owners = [session.get(Team, team_id) for (team_id,) in session.query(Hero.team_id)]
    return len(teams), owners
""",
        ),
        Example(
            "a row holds what an option has loaded",
            """\
# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from models import Hero, Team


def run(session: Session):
    heroes = session.scalars(select(Hero).options(joinedload(Hero.team))).all()
    return [session.get(Team, hero.team_id).slug for hero in heroes]
""",
        ),
    )

    def suspects(self, analysis: Analysis) -> Iterable[Suspect]:
        """Yield one suspect per lookup by key that depends on its loop."""

        def message(repetition: Repetition, effect: Effect) -> str:
            subject = effect.subject.rpartition(":")[2] or "row"
            return f"one SELECT of a {subject} by its key {per(repetition)}"

        return direct(self.code, analysis, self.severity, is_get, message)


def is_get(effect: Effect) -> bool:
    """True for lookups of one row by a key that do not lock it."""
    locks = effect.query is not None and "for_update" in effect.query.flags
    return effect.kind is Kind.GET and not is_aggregate(effect) and not locks
