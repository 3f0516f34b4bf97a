"""NP104."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from nplus1_lint.findings import ForeignKeyPlan, Pos, Severity, Suspect
from nplus1_lint.infer.effects import Effect, Kind
from nplus1_lint.infer.loading import below, column_deferred, follow
from nplus1_lint.link.foreign_keys import foreign_key
from nplus1_lint.rules.base import Example, Rule
from nplus1_lint.rules.options import lazy_reads, made_in_loop, options_by_query, options_for, options_plan
from nplus1_lint.rules.repeated import named, per, repeated

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nplus1_lint.findings import OptionsPlan
    from nplus1_lint.infer.analysis import Analysis, Repetition
    from nplus1_lint.infer.origins import Load
    from nplus1_lint.link.models import Model


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

        ``hero.team_id`` where nothing but ``hero.team.id`` is read of the team: safe where the column holds no NULL,
        the query stands in the function of the loop and that function changes no rows. Else unsafe: a row without a
        team gives None where it raised ``AttributeError``, and a team that is set is not seen before it is flushed.
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
            return f"one {named(effects)} {per(repetition)}"

        def advice(repetition: Repetition, effects: tuple[Effect, ...]) -> str:
            if made_in_loop(analysis, repetition, effects):
                needed = options_for(analysis, effects)
                return f"Fetch the rows before the loop with one query, and add .options({needed}) to that"
            return f"Add {options_by_query(analysis, effects)}"

        def plan(repetition: Repetition, effects: tuple[Effect, ...]) -> OptionsPlan | ForeignKeyPlan | None:
            mended = not made_in_loop(analysis, repetition, effects)
            options = options_plan(analysis, repetition.loop.site.function, lazy_reads(effects)) if mended else None
            return _foreign_key_plan(analysis, repetition, effects, options) or options

        return repeated(self.code, analysis, self.severity, is_lazy_load, message, advice, once=_load, plan=plan)


def _load(effect: Effect) -> tuple[str, str]:
    """What is loaded: one option mends every read of it in a loop, so the first read alone is reported."""
    return (effect.subject, effect.attribute)


def is_lazy_load(effect: Effect) -> bool:
    """True for lazy loads of relationships and columns that code reads."""
    return effect.kind is Kind.LAZY_LOAD and effect.reader is None


def _foreign_key_plan(
    analysis: Analysis, repetition: Repetition, effects: tuple[Effect, ...], options: OptionsPlan | None
) -> ForeignKeyPlan | None:
    """What it takes to read the row's own foreign key; None where the read is no many-to-one, or one of several."""
    effect = effects[0]
    model = analysis.project.models[effect.subject]
    relationship = model.relationships.get(effect.attribute)
    if relationship is None or {_load(one) for one in effects} != {_load(effect)} or effect.chain:
        return None
    key = foreign_key(analysis.project, model, relationship)
    function = repetition.loop.site.function
    loads = analysis.origins.behind(function).of(effect.site, effect.attribute)
    if key is None or not loads or any(_leaves_out(analysis, load, model, key.column) for load in loads):
        return None
    reads = analysis.origins.read_of(loads)
    if any(read.function != effect.site.function for read in reads):
        return None
    behaviour = []
    if not key.required:
        behaviour.append(f"a row without {effect.attribute} gives None where it raised AttributeError")
    if function in analysis.changing_functions or any(load.query.function != function for load in loads):
        behaviour.append(f"a {effect.attribute} that is set on a row is not seen before it is flushed")
    places = tuple(dict.fromkeys(Pos(*read.place) for read in reads))
    loop = Pos(*repetition.loop.site.place)
    return ForeignKeyPlan(loop, places, key.referred, key.column, " and ".join(behaviour), options)


def _leaves_out(analysis: Analysis, load: Load, model: Model, column: str) -> bool:
    """True if a query does not load the column with its rows, or if the way to these rows is not known."""
    models = analysis.project.models
    owners = [load.models[0]] if len(load.path) == 1 and load.models else []
    if len(load.path) > 1:
        last = next((one for root in load.models if (one := follow(models, root, load.path[:-1])) is not None), None)
        owners = [last.target] if last is not None and last.target else []
    for execution in analysis.origins.executions(load.query):
        loads = execution.loads
        for name in load.path[:-1]:
            loads = below(loads, name) or frozenset()
        if column_deferred(loads, model, column):
            return True
    return not owners
