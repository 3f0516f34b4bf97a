"""NP104."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from nplus1_lint.findings import Severity, Suspect
from nplus1_lint.infer.effects import Effect, Kind
from nplus1_lint.rules.base import Example, Rule
from nplus1_lint.rules.options import lazy_reads, options_for, options_plan
from nplus1_lint.rules.repeated import per, repeated, what

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nplus1_lint.findings import OptionsPlan
    from nplus1_lint.infer.analysis import Analysis, Repetition


class LazyLoadInLoop(Rule):
    """A relationship or deferred column is loaded lazily once per row.

    What it does
        Flags a read, in a loop or in what the loop calls, of a relationship, deferred column, association proxy or
        property of a row when nothing on the way has loaded it: no loader option, no eager mapping, no earlier read.

    Why is this bad
        Eleven statements for ten rows; a deferred column costs as much: 51 for 50.

    Use instead
        ``selectinload`` for collections and ``joinedload`` for many-to-one, on the query that made the rows, chained
        for ``a.b.c``; ``hero.team_id`` instead of ``hero.team.id``.

    When it stays quiet
        One parent; stores; the way back from a loaded collection; rows of the target that are still held; a row whose
        making is unknown.

    Fix safety
        Safe where the query stands in the function of the loop and that function changes no rows: the same rows,
        loaded earlier. Unsafe where the query stands elsewhere, for its other callers load the relationship too, and
        where the function changes rows, for the read no longer sees that. Shown as a sentence where the query is not
        found, is fetched in parts or has an option that contradicts.
    """

    code: ClassVar[str] = "NP104"
    name: ClassVar[str] = "lazy-load-in-loop"
    severity: ClassVar[Severity] = Severity.ERROR
    summary: ClassVar[str] = "a relationship is loaded lazily once per row"

    INVALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "a collection per row",
            """\
# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Team


def run(session: Session):
    sizes = {}
    for team in session.scalars(select(Team)).all():
        sizes[team.slug] = len(team.heroes)  # expect: NP104
    return sizes
""",
        ),
        Example(
            "a many-to-one in a helper",
            """\
# file: app.py
from sqlalchemy.orm import Session

from models import Hero


def label(hero):
    return f"{hero.team.slug}/{hero.name}"


def run(session: Session):
    return [label(hero) for hero in session.query(Hero)]  # expect: NP104
""",
        ),
        Example(
            "a column that load_only leaves out",
            """\
# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session, load_only

from models import Hero


def run(session: Session):
    heroes = session.scalars(select(Hero).options(load_only(Hero.name))).all()
    return sum(hero.power for hero in heroes)  # expect: NP104
""",
        ),
    )
    VALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "loader options, chained",
            """\
# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from models import Hero, Team


def run(session: Session):
    teams = session.scalars(select(Team).options(selectinload(Team.heroes))).all()
    names = [hero.name for team in teams for hero in team.heroes]
    options = [joinedload(Hero.team).selectinload(Team.heroes)]
    for hero in session.scalars(select(Hero).options(*options)).all():
        names += [other.name for other in hero.team.heroes]
    return names
""",
        ),
        Example(
            "the way back to a parent that is held, and one parent",
            """\
# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from models import Team


def run(session: Session):
    names = []
    for team in session.scalars(select(Team).options(selectinload(Team.heroes))).all():
        for hero in team.heroes:
            names.append(hero.team.slug)
    session.expunge_all()
    first = session.scalars(select(Team).limit(1)).one()
    return names, [hero.name for hero in first.heroes]
""",
        ),
    )

    def suspects(self, analysis: Analysis) -> Iterable[Suspect]:
        """Yield one suspect per site whose lazy loads depend on the loop."""

        def message(repetition: Repetition, effects: tuple[Effect, ...]) -> str:
            named = ", ".join(dict.fromkeys(what(effect) for effect in effects[:3]))
            return f"one {named} {per(repetition)}"

        def advice(repetition: Repetition, effects: tuple[Effect, ...]) -> str:
            return f"Add .options({options_for(analysis, effects[:3])}) to the query that made the rows"

        def plan(repetition: Repetition, effects: tuple[Effect, ...]) -> OptionsPlan | None:
            return options_plan(analysis, repetition.loop.site.function, lazy_reads(effects))

        return repeated(self.code, analysis, self.severity, is_lazy_load, message, advice, once=_load, plan=plan)


def _load(effect: Effect) -> tuple[str, str]:
    """What is loaded: one option mends every read of it in a loop, so the first read alone is reported."""
    return (effect.subject, effect.attribute)


def is_lazy_load(effect: Effect) -> bool:
    """True for lazy loads of relationships and columns that code reads."""
    return effect.kind is Kind.LAZY_LOAD and effect.reader is None
