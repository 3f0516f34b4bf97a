"""NP303."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from nplus1_lint.findings import Confidence, FetchPlan, Pos, Severity, Suspect
from nplus1_lint.infer.purposes import How
from nplus1_lint.rules.base import Example, Proof, Rule
from nplus1_lint.rules.fetched import Verdict, of_verdict, rows_of, suspect

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nplus1_lint.infer.analysis import Analysis
    from nplus1_lint.infer.trails import RowQuery
    from nplus1_lint.infer.values import Site

_SAID = {
    Verdict.FILTER: ("a condition on their columns then chooses among them", "Filter in the query: .where(…)"),
    Verdict.AGGREGATE: (
        "only what is computed from their columns is used",
        "Let the database compute it: func.sum(…), func.min(…), func.max(…), or order_by(…).limit(1) for the row",
    ),
    Verdict.PART: (
        "only a part of them is used",
        "Fetch that part: order_by(…) with limit(…) and offset(…), or a condition on the key of the last row; "
        "count with select(func.count())",
    ),
    Verdict.ONE: ("only one of them is used", "Fetch one: order_by(…).limit(1), or .first()"),
    Verdict.ORDER: ("they are sorted by their columns", "Sort in the query: .order_by(…)"),
}
_COMPUTED = {
    "any": "Ask the database: select(exists().where(…))",
    "all": "Ask the database for a row of which it does not hold: select(~exists().where(…))",
    "len": "Count in the database: select(func.count()) with where(…)",
}
"""What the database does in the place of a built-in function that no SQL function is called like."""

_LIMITING = frozenset({"query", "flask-query"})
"""Styles of statements that limit themselves to the one row that is asked for."""
_EXECUTES = frozenset({"execute", "scalars", "exec"})
_ON_THE_WAY = frozenset({"scalars", "unique", "mappings", "tuples"})
_BOUND = frozenset({"limit", "paged", "single", "for_update", "subquery", "from_statement", "yield_per"})


class FilterInPython(Rule):
    """Rows are fetched to be filtered, summed, sorted or cut in Python.

    What it does
        Flags an expression that fetches rows, or calls a function that returns them, when its function does nothing
        with them but one of these: a condition on plain columns chooses among them; a sum, minimum, maximum or number
        is computed from plain columns; a slice or ``[0]`` is taken; they are sorted by plain columns (an info). Also a
        ``select()`` with ``order_by()`` of whose result only the ``first()`` or ``scalar()`` is taken: other than
        ``Query.first()``, these add no ``LIMIT``.

    Why is this bad
        All rows cross the wire and become objects, and most of them are thrown away.

    Use instead
        ``where``, ``func.sum``, ``order_by``, ``limit``.

    When it stays quiet
        The rows are used in any other way, also by a second filter; the condition asks for a property, a relationship
        or a method, only whether a value is there, or whether it is in a collection; the use stands in a loop around it
        (a join in memory, batches); queries with a limit, by a unique key, or with ``contains_eager``; locking reads.

    Fix safety
        Safe for ``limit(1)`` where the first row of a result is taken. All else is prose: NULL, the order of
        strings and their truth differ between Python and the database.
    """

    code: ClassVar[str] = "NP303"
    name: ClassVar[str] = "filter-in-python"
    severity: ClassVar[Severity] = Severity.WARNING
    summary: ClassVar[str] = "rows are fetched to be filtered, summed, sorted or cut in Python"

    INVALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "a filter in a comprehension",
            """\
# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Hero


def run(session: Session):
    heroes = session.scalars(select(Hero)).all()  # expect: NP303
    return [hero.name for hero in heroes if hero.team_id == 1]
""",
            Proof.ROWS,
        ),
        Example(
            "a sum over a column",
            """\
# file: app.py
from sqlalchemy.orm import Session

from models import Hero


def run(session: Session):
    heroes = session.query(Hero).all()  # expect: NP303
    return sum(hero.power for hero in heroes), max(heroes, key=lambda hero: hero.power).name
""",
            Proof.ROWS,
        ),
        Example(
            "a page cut out of all rows",
            """\
# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Hero


def run(session: Session, start=0, size=2):
    heroes = session.scalars(select(Hero).order_by(Hero.id)).all()  # expect: NP303
    page = heroes[start : start + size]
    return {"total": len(heroes), "names": [hero.name for hero in page]}
""",
            Proof.ROWS,
        ),
        Example(
            "the first of all rows",
            """\
# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Team


def run(session: Session):
    teams = session.scalars(select(Team).order_by(Team.slug)).all()  # expect: NP303
    return teams[0].slug if teams else None
""",
            Proof.ROWS,
        ),
        Example(
            "the first of a result",
            """\
# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Hero


def run(session: Session):
    strongest = session.scalars(select(Hero).order_by(Hero.power.desc(), Hero.id)).first()  # expect: NP303
    return strongest.name if strongest is not None else None
""",
            Proof.ROWS,
        ),
        Example(
            "sorted after the fact",
            """\
# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Hero


def run(session: Session):
    heroes = session.scalars(select(Hero)).all()  # expect: NP303
    return [hero.name for hero in sorted(heroes, key=lambda hero: (hero.power, hero.name))]
""",
            Proof.ROWS,
        ),
    )
    VALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "the database filters, sums and cuts",
            """\
# file: app.py
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import Hero


def run(session: Session):
    first = session.scalars(select(Hero).order_by(Hero.id).limit(1)).first()
    named = session.scalars(select(Hero.name).where(Hero.team_id == 1)).all()
    last = session.query(Hero).order_by(Hero.id.desc()).first()
    return first.name, last.name, named, session.scalar(select(func.sum(Hero.power)))
""",
            Proof.ROWS,
        ),
        Example(
            "every row is used, one way or another",
            """\
# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Hero, Team


def run(session: Session):
    heroes = session.scalars(select(Hero)).all()
    weak = [hero.name for hero in heroes if hero.power < 1]
    strong = [hero.name for hero in heroes if hero.power >= 1]
    rows = session.scalars(select(Hero)).all()
    teams = session.execute(select(Team.id, Team.slug)).all()
    by_team = {slug: [row.name for row in rows if row.team_id == key] for key, slug in teams}
    return weak, strong, by_team
""",
        ),
    )

    def suspects(self, analysis: Analysis) -> Iterable[Suspect]:
        """Yield one suspect per expression whose rows Python filters, sums, sorts or cuts."""
        for found, verdict in of_verdict(analysis, *_SAID):
            what, advice = _SAID[verdict]
            computed = {use.detail for use in found.uses if use.how is How.AGGREGATE}
            if verdict is Verdict.AGGREGATE and len(computed) == 1:
                advice = _COMPUTED.get(computed.pop(), advice)
            severity = Severity.INFO if verdict is Verdict.ORDER else self.severity
            message = f"{rows_of(analysis, found)} are fetched, and {what}"
            yield suspect(self.code, analysis, found, message, severity, advice)
        for fetch in _first_of_ordered(analysis):
            yield self._first(analysis, fetch)

    def _first(self, analysis: Analysis, fetch: RowQuery) -> Suspect:
        site = fetch.site
        model = analysis.project.models[fetch.model]
        return Suspect(
            code=self.code,
            path=analysis.path_of(site),
            pos=Pos(*site.place),
            node=analysis.node_at(site),
            scope=Pos(*site.place),
            function=analysis.function_name(site.function),
            message=f"{model.name} rows are fetched, and only the first in their order is used: a result adds no LIMIT",
            severity=self.severity,
            confidence=Confidence.HIGH,
            evidence=(),
            plan=FetchPlan("first", model.primary_key[0] if model.primary_key else ""),
            advice="Fetch one: .limit(1) behind order_by(…)",
        )


def _first_of_ordered(analysis: Analysis) -> Iterator[RowQuery]:
    """Queries in an order of whose rows only the first is taken from the result, each place once.

    ``Query.first()`` limits the query to one row, ``Result.first()`` builds all of them (measured; SQLAlchemy,
    ``Query.first`` and ``Result.first``).
    """
    told = {site for found, _ in of_verdict(analysis, *Verdict) for site in found.sites}
    repeated = {(one.path, one.place) for one in analysis.repetitions}
    by_site: dict[Site, list[RowQuery]] = {}
    for fetch in analysis.uses.fetches:
        by_site.setdefault(fetch.site, []).append(fetch)
    for site, fetches in by_site.items():
        if all(_takes_first(analysis, fetch) for fetch in fetches) and site not in told:
            if (analysis.path_of(site), site.place) not in repeated:
                yield fetches[0]


def _takes_first(analysis: Analysis, fetch: RowQuery) -> bool:
    if fetch.unique or fetch.style in _LIMITING or "ordered" not in fetch.flags or not _BOUND.isdisjoint(fetch.flags):
        return False
    if any(loader.strategy == "contains_eager" for loader in fetch.loaders):
        return False  # its rows are those of a join: a limit would cut the collection
    taken = analysis.uses.taken.get(fetch.site, set()) - _ON_THE_WAY
    return taken == {"first"} if fetch.method in _EXECUTES else fetch.method == "scalar" and not taken
