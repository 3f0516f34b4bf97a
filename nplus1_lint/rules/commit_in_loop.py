"""NP108."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from nplus1_lint.findings import Confidence, Severity, Suspect
from nplus1_lint.infer.effects import ISOLATED, Effect, Kind
from nplus1_lint.rules.base import Example, Rule
from nplus1_lint.rules.repeated import loop_plan, per, quiet, suspect

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nplus1_lint.infer.analysis import Analysis, Repetition
    from nplus1_lint.infer.values import Site


_TOGETHER = "Move it behind the loop, or run it once per batch of a few hundred items"
_APART = (
    "A failing item is rolled back alone: keep that with a savepoint per item (`with session.begin_nested():`), and "
    "commit behind the loop"
)


class CommitInLoop(Rule):
    """A commit or flush runs once per iteration.

    What it does
        Flags ``commit()`` and ``flush()`` per item, also behind a call, in a loop that changes something.

    Why is this bad
        The unit of work cannot batch: twenty statements for ten rows, and a transaction for each.

    Use instead
        Commit after the loop, or after each batch of a few hundred.

    When it stays quiet
        Every k-th item and full batches; ``while`` loops (queue workers); one session per iteration, also where
        a callee opens it; a session without changes; savepoints. Low confidence where a handler in the loop rolls
        back a failing item alone and goes on.

    Fix safety
        Unsafe: after an error, items before it are rolled back too. Shown only where the loop sends other statements.
        A sentence where it stands in a condition or a ``try``, or behind a call.
    """

    code: ClassVar[str] = "NP108"
    name: ClassVar[str] = "commit-in-loop"
    severity: ClassVar[Severity] = Severity.WARNING
    summary: ClassVar[str] = "a commit runs once per iteration"

    INVALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "a commit per row",
            """\
# file: app.py
from sqlalchemy.orm import Session

from models import Hero


def run(session: Session):
    ids = [hero_id for (hero_id,) in session.query(Hero.id).all()]
    for hero_id in ids:
        session.add(Hero(id=1000 + hero_id, name="copy", team_id=1))
        session.commit()  # expect: NP108
""",
        ),
        Example(
            "a flush behind a call",
            """\
# file: app.py
from sqlalchemy.orm import Session

from models import Hero


def save(session: Session, hero_id: int):
    session.add(Hero(id=1000 + hero_id, name="copy", team_id=1))
    session.flush()


def run(session: Session):
    ids = [hero_id for (hero_id,) in session.query(Hero.id).all()]
    for hero_id in ids:
        save(session, hero_id)  # expect: NP108
    session.commit()
""",
        ),
    )
    VALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "one commit, every hundredth row, and nothing to commit",
            """\
# file: app.py
from sqlalchemy.orm import Session

from models import Hero


def run(session: Session):
    ids = [hero_id for (hero_id,) in session.query(Hero.id).all()]
    for position, hero_id in enumerate(ids):
        session.add(Hero(id=1000 + hero_id, name="copy", team_id=1))
        if position % 100 == 99:
            session.commit()
    session.commit()
    for _ in ids:
        session.commit()
""",
        ),
    )

    def suspects(self, analysis: Analysis) -> Iterable[Suspect]:
        """Yield one suspect per site that commits or flushes in a loop with changes."""
        pending, written = loops_with(analysis, {Kind.CHANGE}), loops_with(analysis, {Kind.CHANGE, Kind.WRITE})
        for repetition in analysis.repetitions:
            loop = repetition.loop
            # A flush with nothing pending sends nothing: what execute() writes is already sent.
            effects = tuple(
                effect
                for effect in repetition.effects
                if is_commit(effect)
                and not quiet(repetition, effect)
                and loop.site in (pending if effect.kind is Kind.FLUSH else written)
            )
            # The workers of a pool share no transaction that could be committed once.
            if effects and loop.kind not in ("while", "pool"):
                apart = any(effect.attribute == ISOLATED for effect in effects)
                made = suspect(
                    self.code,
                    analysis,
                    repetition,
                    effects,
                    message(repetition, effects),
                    self.severity,
                    None if apart else loop_plan(analysis, repetition, effects, "commit"),
                    advice=_APART if apart else _TOGETHER,
                )
                yield replace(made, confidence=Confidence.LOW) if apart else made


def loops_with(analysis: Analysis, kinds: set[Kind]) -> frozenset[Site]:
    """Return the loops in which something of these kinds happens."""
    return frozenset(r.loop.site for r in analysis.repetitions if any(e.kind in kinds for e in r.effects))


def is_commit(effect: Effect) -> bool:
    """True for commits and flushes."""
    return effect.kind in (Kind.COMMIT, Kind.FLUSH)


def message(repetition: Repetition, effects: tuple[Effect, ...]) -> str:
    """Say what runs per iteration."""
    return f"one {effects[0].kind.value} {per(repetition)}"
