"""NP106."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from nplus1_lint.findings import LoopPlan, Pos, Severity, Suspect
from nplus1_lint.infer.effects import Effect, Kind
from nplus1_lint.rules.base import Example, Rule
from nplus1_lint.rules.repeated import per, repeated

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nplus1_lint.infer.analysis import Analysis, Repetition


class ReloadInLoop(Rule):
    """A row is loaded again once per iteration.

    What it does
        Flags ``refresh`` and ``merge`` (without ``load=False``) per item, and the first read of each row after a
        ``commit()`` or ``rollback()`` has expired it, in the loop's function or behind a call.

    Why is this bad
        Each reload is a SELECT for one row (eleven statements for ten rows, nineteen where a relationship is eager),
        mostly for values that the program has just written.

    Use instead
        Select the rows once more with ``populate_existing``; or commit after the loop; or keep rows over a commit with
        ``expire_on_commit=False``.

    When it stays quiet
        The session's factory says ``expire_on_commit=False``; a refresh that locks (``with_for_update``).

    Fix safety
        Unsafe: the query that made the rows runs once more, so that rows which no longer match it are left out. A
        sentence where no single query in the function made them, the loop commits, or ``merge()`` reads them.
    """

    code: ClassVar[str] = "NP106"
    name: ClassVar[str] = "reload-in-loop"
    severity: ClassVar[Severity] = Severity.WARNING
    summary: ClassVar[str] = "a row is loaded again once per iteration"

    INVALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "refresh per row",
            """\
# file: app.py
from sqlalchemy.orm import Session

from models import Team


def run(session: Session):
    teams = session.query(Team).all()
    for team in teams:
        session.refresh(team)  # expect: NP106
    return [team.slug for team in teams]
""",
        ),
        Example(
            "rows that a commit has expired",
            """\
# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Hero


def run(session: Session):
    heroes = session.scalars(select(Hero)).all()
    heroes[0].power = 9
    session.commit()
    names = []
    for hero in heroes:
        names.append(hero.name)  # expect: NP106
    return names
""",
        ),
        Example(
            "merge per detached row",
            """\
# file: app.py
from sqlalchemy.orm import Session

from models import Hero, Team


def run(session: Session):
    for (team_id,) in session.query(Team.id).all():
        session.merge(Hero(id=team_id, name="merged", team_id=team_id))  # expect: NP106
    session.commit()
""",
        ),
    )
    VALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "one select that populates existing rows",
            """\
# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Hero


def run(session: Session):
    heroes = session.scalars(select(Hero)).all()
    session.commit()
    heroes = session.scalars(select(Hero).execution_options(populate_existing=True)).all()
    return [hero.name for hero in heroes]
""",
        ),
        Example(
            "a factory that keeps rows at commit",
            """\
# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import sessionmaker

from models import Hero

Factory = sessionmaker(expire_on_commit=False)


def run(session):
    with Factory(bind=session.get_bind()) as own:
        heroes = own.scalars(select(Hero)).all()
        own.commit()
        return [hero.name for hero in heroes]
""",
        ),
        Example(
            "one row that a commit before the loop has expired, read in some of the iterations",
            """\
# file: app.py
from sqlalchemy.orm import Session

from models import Hero, Team


def run(session: Session):
    names = [hero.name for hero in session.query(Hero).all()]
    team = session.query(Team).order_by(Team.id).first()
    session.commit()
    found = []
    for name in names:
        if name.endswith("0"):
            found.append(team.slug)
        else:
            found.append(team.id)
    return found
""",
        ),
    )

    def suspects(self, analysis: Analysis) -> Iterable[Suspect]:
        """Yield one suspect per site whose reloads depend on the loop."""

        def message(repetition: Repetition, effects: tuple[Effect, ...]) -> str:
            first = effects[0]
            subject = first.subject.rpartition(":")[2] or "a row"
            way = {"expired": "a commit has expired it", "merge": "merge() reads it first"}.get(
                first.attribute, "refresh()"
            )
            return f"one reload of {subject} {per(repetition)}: {way}"

        def plan(repetition: Repetition, effects: tuple[Effect, ...]) -> LoopPlan | None:
            what = effects[0].attribute or "refresh"
            ends = any(
                effect.kind is Kind.COMMIT
                for other in analysis.repetitions
                if other.loop.site == repetition.loop.site
                for effect in other.effects
            )
            direct = what in ("refresh", "expired") and not ends and not any(effect.chain for effect in effects)
            return LoopPlan(Pos(*repetition.loop.site.place), what, False) if direct else None

        return repeated(self.code, analysis, self.severity, is_reload, message, advice, plan=plan)


def is_reload(effect: Effect) -> bool:
    """True for reloads that do not lock."""
    locks = effect.query is not None and "for_update" in effect.query.flags
    return effect.kind is Kind.REFRESH and not locks


def advice(repetition: Repetition, effects: tuple[Effect, ...]) -> str:
    """Say what to do instead."""
    if effects[0].attribute == "expired":
        return "Commit after the loop, or select the rows once more with populate_existing before it"
    if effects[0].attribute == "merge":
        return "Select the existing rows once with IN before the loop, and add what is missing with add_all()"
    return "Select the rows once more with populate_existing after the loop instead of refreshing each"
