"""NP105."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from nplus1_lint.findings import Severity, Suspect
from nplus1_lint.rules.base import Example, Rule
from nplus1_lint.rules.callees import callee_plan
from nplus1_lint.rules.repeated import dependent_reads, per, suspect, what, where

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nplus1_lint.infer.analysis import Analysis, Repetition
    from nplus1_lint.infer.effects import Effect

_NAMED = 3


class QueryInCallee(Rule):
    """A loop calls a function of the project that runs a query.

    What it does
        Flags a call in a loop or comprehension whose callee (at any depth, through methods, interfaces, callbacks and
        context managers) runs a SELECT, a COUNT or a get that depends on the loop.

    Why is this bad
        It is an N+1 that no reader of the loop can see. In the repository that this linter was first written for,
        31 of 42 queries in loops hide behind a call.

    Use instead
        A batch variant of the callee that takes all keys and is called once before the loop.

    When it stays quiet
        The callee is cached or asks a memo first, or is marked ``# nplus1: no-query``, or it is a worker that takes its
        work from a queue until it is stopped; a literal argument turns the query off; the receiver cannot be resolved.

    Fix safety
        Unsafe: the rows are read once before the loop, not anew in each iteration, and an exception for one key is
        raised before the first; a callee that commits changes all rows in one transaction. The batch variant is a
        new function, made from the callee's own text. Shown only where the loop changes rows of a class that the callee
        queries. A sentence where the callee is overridden or decorated, several of its arguments vary, or its
        queries need each other.
    """

    code: ClassVar[str] = "NP105"
    name: ClassVar[str] = "query-in-callee"
    severity: ClassVar[Severity] = Severity.ERROR
    summary: ClassVar[str] = "a loop calls a function that runs a query"

    INVALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "a helper in a comprehension",
            """\
# file: app.py
from sqlalchemy.orm import Session

from models import Hero, Team


def describe(team, session):
    return {"slug": team.slug, "size": session.query(Hero).filter_by(team_id=team.id).count()}


def run(session: Session):
    return [describe(team, session) for team in session.query(Team)]  # expect: NP105
""",
        ),
        Example(
            "a repository behind an interface",
            """\
# file: interfaces.py
import abc


class Teams(abc.ABC):
    @abc.abstractmethod
    def by_id(self, team_id): ...

# file: repositories.py
from sqlalchemy.orm import Session

from interfaces import Teams
from models import Team


class SqlTeams(Teams):
    def __init__(self, session: Session):
        self.session = session

    def by_id(self, team_id):
        return self.session.get(Team, team_id)

# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session

from interfaces import Teams
from models import Hero
from repositories import SqlTeams


class Roster:
    def __init__(self, teams: Teams):
        self.teams = teams

    def slugs(self, team_ids: list[int]):
        return [self.teams.by_id(team_id).slug for team_id in team_ids]  # expect: NP105


def run(session: Session):
    ids = session.scalars(select(Hero.team_id).distinct()).all()
    return Roster(SqlTeams(session)).slugs(ids)
""",
        ),
        Example(
            "a callback in a looping helper",
            """\
# file: app.py
from sqlalchemy.orm import Session

from models import Hero, Team


def run(session: Session):
    def size(team):
        return session.query(Hero).filter(Hero.team_id == team.id).count()

    teams = session.query(Team).all()
    return list(map(size, teams))  # expect: NP105
""",
        ),
        Example(
            "a function handed to a helper of the project",
            """\
# file: paging.py
def page_of(query, number, serializer):
    found = query.limit(100).offset(100 * number).all()
    return [serializer(row) for row in found]

# file: app.py
from sqlalchemy.orm import Session, object_session

from models import Hero, Team
from paging import page_of


def describe(team):
    return object_session(team).query(Hero).filter_by(team_id=team.id).count()


def name(team):
    return team.slug


def run(session: Session):
    names = page_of(session.query(Team), 0, name)
    return names, page_of(session.query(Team), number=0, serializer=describe)  # expect: NP105
""",
        ),
    )
    VALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "a memo is asked first",
            """\
# file: app.py
from sqlalchemy.orm import Session

from models import Hero, Team


class Names:
    def __init__(self, session: Session):
        self.session = session
        self.known = {}

    def slug(self, team_id):
        if team_id in self.known:
            return self.known[team_id]
        team = self.session.query(Team).filter_by(id=team_id).one()
        self.known[team_id] = team.slug
        return team.slug


def run(session: Session):
    names = Names(session)
    first = session.query(Team.id).order_by(Team.id).limit(1).scalar()
    return [names.slug(first) for hero in session.query(Hero)]
""",
        ),
        Example(
            "the row that gives the key holds what is asked for",
            """\
# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from models import Hero, Team


class Store:
    def __init__(self, session: Session):
        self.session = session

    def by_key(self, model, key):
        return self.session.get(model, key)


def run(session: Session):
    store = Store(session)
    heroes = session.scalars(select(Hero).options(joinedload(Hero.team))).all()
    return [store.by_key(Team, hero.team_id).slug for hero in heroes]
""",
        ),
        Example(
            "a literal argument turns the query off",
            """\
# file: app.py
from sqlalchemy.orm import Session

from models import Hero, Team


def describe(team, session, with_size=True):
    size = None
    if with_size:
        size = session.query(Hero).filter_by(team_id=team.id).count()
    return {"slug": team.slug, "size": size}


def run(session: Session):
    return [describe(team, session, with_size=False) for team in session.query(Team)]
""",
        ),
    )

    def suspects(self, analysis: Analysis) -> Iterable[Suspect]:
        """Yield one suspect per call whose callee queries, dependent on the loop."""
        for repetition, effects in dependent_reads(analysis):
            behind = tuple(effect for effect in effects if effect.chain)
            if behind:
                yield suspect(
                    self.code, analysis, repetition, behind, message(analysis, repetition, behind), self.severity,
                    plan=callee_plan(analysis, repetition, behind), advice=advice(analysis, repetition, behind),
                )  # fmt: skip


def message(analysis: Analysis, repetition: Repetition, effects: tuple[Effect, ...]) -> str:
    """Name the callee and each query that it runs per iteration."""
    callee = callee_name(analysis, repetition, effects[0])
    named = ", ".join(f"{what(effect)} ({where(analysis, effect)})" for effect in effects[:_NAMED])
    more = f" and {len(effects) - _NAMED} more" if len(effects) > _NAMED else ""
    return f"{callee}() queries once {per(repetition)}: {named}{more}"


def callee_name(analysis: Analysis, repetition: Repetition, effect: Effect) -> str:
    """Return the name of the function that the loop calls, or that the called helper is given."""
    sites = (*effect.chain, effect.site)
    step = 2 if repetition.loop.kind == "callback" and len(sites) > 2 else 1
    entered = [site.function for site in sites[step:]] or [effect.site.function]
    if _passes_on(repetition, entered[0]):
        entered = [one for one in entered if not _passes_on(repetition, one)] or entered
    return analysis.function_name(entered[0])


def _passes_on(repetition: Repetition, function: str) -> bool:
    """True for a lambda, and for what a decorator has put around a function: the function behind is meant."""
    head, nested, _ = function.rpartition("@")
    around = head.rpartition(".")[0]
    return bool(nested) and (head.endswith("<lambda>") or not repetition.loop.site.function.startswith(around))


def advice(analysis: Analysis, repetition: Repetition, effects: tuple[Effect, ...]) -> str:
    """Say what a batch variant would take."""
    callee = callee_name(analysis, repetition, effects[0]).rpartition(".")[2]
    subjects = list(dict.fromkeys(e.subject.rpartition(":")[2] for e in effects if e.subject))
    rows = " and ".join(subjects[:2]) or "the rows"
    return f"Give {callee}() a batch variant that fetches {rows} for all keys with one IN query, called before the loop"
