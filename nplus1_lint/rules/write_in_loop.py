"""NP107."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from nplus1_lint.findings import Severity, Suspect
from nplus1_lint.infer.effects import Effect, Kind
from nplus1_lint.rules.base import Example, Rule
from nplus1_lint.rules.repeated import loop_plan, per, repeated, what

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nplus1_lint.findings import LoopPlan
    from nplus1_lint.infer.analysis import Analysis, Repetition


_ALIKE = {"assign": "an UPDATE of", "delete": "a DELETE from"}


class WriteInLoop(Rule):
    """An INSERT, UPDATE or DELETE statement runs once per iteration.

    What it does
        Flags ``execute(insert/update/delete)``, ``query.update`` and ``query.delete`` per item, also behind a call;
        and, for information, rows that are loaded only to delete each or to give each the same value.

    Why is this bad
        Each is a round trip. The unit of work and ``executemany`` send all of them in one.

    Use instead
        ``execute(insert(M), [dicts])``; an UPDATE or DELETE with ``IN``; ``add_all`` and one flush.

    When it stays quiet
        ORM ``add()`` with one commit after the loop; attribute writes that differ per row; chunks; rows whose deletion
        deletes or detaches others by the mapping; attributes that change more than their column when set.

    Fix safety
        Unsafe: an error then concerns all rows at once. Shown only where the loop sends other statements as well. A
        sentence where the write stands in a condition or a ``try``, its result is used, or its values differ by row.
    """

    code: ClassVar[str] = "NP107"
    name: ClassVar[str] = "write-in-loop"
    severity: ClassVar[Severity] = Severity.WARNING
    summary: ClassVar[str] = "a write runs once per iteration"

    INVALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "an update per row",
            """\
# file: app.py
from sqlalchemy import update
from sqlalchemy.orm import Session

from models import Hero, Team


def run(session: Session):
    for (team_id,) in session.query(Team.id).all():
        session.execute(update(Hero).where(Hero.team_id == team_id).values(power=team_id))  # expect: NP107
    session.commit()
""",
        ),
        Example(
            "a delete behind a call",
            """\
# file: app.py
from sqlalchemy.orm import Session

from models import Hero, Team


def clear(session: Session, team_id: int):
    session.query(Hero).filter(Hero.team_id == team_id).delete()


def run(session: Session):
    for (team_id,) in session.query(Team.id).all():
        clear(session, team_id)  # expect: NP107
    session.commit()
""",
        ),
    )
    VALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "one statement with IN, and the unit of work",
            """\
# file: app.py
from sqlalchemy import update
from sqlalchemy.orm import Session

from models import Hero, Team


def run(session: Session):
    ids = [team_id for (team_id,) in session.query(Team.id)]
    session.execute(update(Hero).where(Hero.team_id.in_(ids)).values(power=1))
    for team_id in ids:
        session.add(Hero(id=1000 + team_id, name="new", team_id=team_id))
    session.commit()
""",
        ),
    )

    def suspects(self, analysis: Analysis) -> Iterable[Suspect]:
        """Yield one suspect per site whose writes depend on the loop."""

        def message(repetition: Repetition, effects: tuple[Effect, ...]) -> str:
            if effects[0].attribute:
                done = {"assign": "given the same value", "delete": "deleted"}[effects[0].attribute]
                subject = effects[0].subject.rpartition(":")[2]
                return f"rows of {subject} are loaded only to be {done} one by one in `{repetition.loop.text}`"
            return f"one {what(effects[0])} {per(repetition)}"

        def advice(repetition: Repetition, effects: tuple[Effect, ...]) -> str:
            return _advice(effects)

        def plan(repetition: Repetition, effects: tuple[Effect, ...]) -> LoopPlan | None:
            return loop_plan(analysis, repetition, effects, "write")

        yield from repeated(self.code, analysis, self.severity, is_write, message, advice, plan=plan)
        yield from repeated(self.code, analysis, Severity.INFO, is_alike, message, advice)


def _advice(effects: tuple[Effect, ...]) -> str:
    """Word the one statement, by what the statements in the loop are."""
    subject = effects[0].subject.rpartition(":")[2] or "M"
    if effects[0].attribute:
        return f"Write once: {_ALIKE[effects[0].attribute]} {subject} with the criteria of the query"
    queries = [effect.query for effect in effects]
    kinds = {one and (one.style if one.style in ("insert", "update", "delete") else one.method) for one in queries}
    if kinds <= {"insert"}:
        return f"Write once: execute(insert({subject}), [dicts])"
    if kinds <= {"delete"}:
        return f"Delete once: one DELETE of {subject} with IN"
    if kinds <= {"update"}:
        apart = f"update({subject}), [dicts]) with a primary key in each"
        if not effects[0].subject:
            apart = "statement, [dicts]) with bindparam() in the statement"  # a table: it has no update by key
        return f"Write once: one UPDATE of {subject} with IN where all rows get the same values, else execute({apart}"
    return f"Write once: execute(insert({subject}), [dicts]), or an UPDATE or DELETE of {subject} with IN"


def is_write(effect: Effect) -> bool:
    """True for statements that write."""
    return effect.kind is Kind.WRITE and not effect.attribute


def is_alike(effect: Effect) -> bool:
    """True for rows written alike, in the loop's own function."""
    return effect.kind is Kind.WRITE and bool(effect.attribute) and not effect.chain
