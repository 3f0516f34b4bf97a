"""NP305."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from nplus1_lint.findings import Severity, Suspect
from nplus1_lint.infer.effects import READS, Effect
from nplus1_lint.rules.answers import may_change
from nplus1_lint.rules.base import Example, Rule
from nplus1_lint.rules.repeated import loop_plan, quiet, suspect, what, where

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nplus1_lint.infer.analysis import Analysis, Repetition


class LoopInvariantQuery(Rule):
    """A query in a loop does not depend on the loop: every iteration asks the same.

    What it does
        Flags a SELECT, COUNT or existence check that runs once per iteration, in the open or behind a call, though
        neither its statement nor its session uses anything that the loop changes.

    Why is this bad
        Eleven statements for ten rows, ten of them with the answer of the first.

    Use instead
        Run the query before the loop and keep its result.

    When it stays quiet
        The loop writes to a table that the query reads, or hands its session or rows to unknown code, so that the
        answer may change, or commits, so that the rows expire; what triggers write is not seen;
        it stores something in an object that the query is built from;
        ``while`` loops; loops that wait; locking reads; raw SQL; ``session.get``, which the identity map answers.

    Fix safety
        Unsafe: a loop that never runs would run the query once. A sentence where the query stands behind a call or in a
        condition, or gives a result that can be iterated only once.
    """

    code: ClassVar[str] = "NP305"
    name: ClassVar[str] = "loop-invariant-query"
    severity: ClassVar[Severity] = Severity.WARNING
    summary: ClassVar[str] = "a query in a loop does not depend on the loop"

    INVALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "the same count for every row",
            """\
# file: app.py
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import Hero, Team


def run(session: Session):
    shares = {}
    for team in session.scalars(select(Team)).all():
        total = session.scalar(select(func.count(Hero.id)))  # expect: NP305
        shares[team.slug] = 1 / total
    return shares
""",
        ),
        Example(
            "behind a call",
            """\
# file: app.py
from sqlalchemy.orm import Session

from models import Hero, Team


def strongest(session):
    return session.query(Hero).order_by(Hero.power.desc()).first()


def run(session: Session):
    return [(team.slug, strongest(session).name) for team in session.query(Team)]  # expect: NP305
""",
        ),
        Example(
            "beside a change of another table",
            """\
# file: app.py
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import Hero, Team


def run(session: Session):
    for hero in session.scalars(select(Hero)).all():
        teams = session.scalar(select(func.count(Team.id)))  # expect: NP305
        hero.power = teams
""",
        ),
    )
    VALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "once before the loop, or at the first iteration",
            """\
# file: app.py
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import Hero, Team


def run(session: Session):
    total = session.scalar(select(func.count(Hero.id)))
    first = None
    shares = {}
    for team in session.scalars(select(Team)).all():
        if first is None:
            first = session.query(Hero).order_by(Hero.id).first()
        shares[team.slug] = (1 / total, first.name)
    return shares
""",
        ),
        Example(
            "a search over fixed names",
            """\
# file: app.py
from sqlalchemy.orm import Session

from models import Hero


def run(session: Session):
    found = {}
    for name in ("a", "b"):
        found[name] = session.query(Hero).count()
    return found
""",
        ),
    )

    def suspects(self, analysis: Analysis) -> Iterable[Suspect]:
        """Yield one suspect per site that queries without regard to the loop."""
        for repetition in analysis.repetitions:
            if repetition.loop.kind == "while" or repetition.loop.waiting:
                continue
            changes = analysis.loop_changes.get(repetition.loop.site, {})
            effects = tuple(
                e for e in repetition.effects if is_invariant(repetition, e) and not may_change(analysis, e, changes)
            )
            if effects:
                text = message(analysis, repetition, effects)
                plan = loop_plan(analysis, repetition, effects, "query")
                yield suspect(self.code, analysis, repetition, effects, text, self.severity, plan, ADVICE)


ADVICE = "Run the query once before the loop and keep its result"


def is_invariant(repetition: Repetition, effect: Effect) -> bool:
    """True for a query that every iteration runs alike."""
    query = effect.query
    if (
        effect.kind not in READS
        or query is None
        or effect.handed
        or repetition.may_depend(effect)
        or quiet(repetition, effect)
    ):
        return False
    on_purpose = query.flags & {"for_update", "populate_existing"}
    return query.style != "text" and query.method not in ("get", "get_one") and not on_purpose


def message(analysis: Analysis, repetition: Repetition, effects: tuple[Effect, ...]) -> str:
    """Name the query and the loop that it ignores."""
    first = effects[0]
    behind = f" ({where(analysis, first)})" if first.chain else ""
    return f"{what(first)}{behind} runs alike in every iteration of `{repetition.loop.text}`"
