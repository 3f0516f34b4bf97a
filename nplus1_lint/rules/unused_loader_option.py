"""NP202."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple

from nplus1_lint.findings import Confidence, NodeKind, Pos, Severity, Step, StrategyPlan, Suspect
from nplus1_lint.infer.library import LOADING_OPTIONS
from nplus1_lint.infer.loading import follow
from nplus1_lint.infer.uses import Fate
from nplus1_lint.rules.base import Example, Proof, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nplus1_lint.infer.analysis import Analysis
    from nplus1_lint.infer.effects import Execution
    from nplus1_lint.infer.injected import Injected
    from nplus1_lint.infer.loaders import Loader
    from nplus1_lint.infer.values import Site
    from nplus1_lint.link.models import Relationship

_CONFIDENCE = {Fate.UNREAD: Confidence.HIGH, Fate.UNNAMED: Confidence.MEDIUM, Fate.ESCAPED: Confidence.LOW}


_READ = (Fate.READ, Fate.ESCAPED)
_MANY_ROUTERS = 5
_MOST_READS = 6


class Unused(NamedTuple):
    """An option that a query does not need.

    Attributes:
        readers: how many other queries share the option and are read for it.
    """

    loader: Loader
    relationship: Relationship
    name: str
    readers: int


class UnusedLoaderOption(Rule):
    """A loader option loads a relationship that nobody reads.

    What it does
        Flags the execution of a query whose ``selectinload``, ``joinedload``, ``subqueryload`` or ``immediateload``
        loads a relationship that no code in the project reads on the query's rows, through any number of calls. Of a
        chain such as ``selectinload(Team.heroes).joinedload(Hero.powers)`` the last part alone may be unused. An option
        that a caller gives to a helper's query is judged by what becomes of the rows that this caller gets.

    Why is this bad
        Each option costs a statement or a join, and rows that are built for nothing.

    Use instead
        The query without the option; ``lazyload`` where the mapping would load the relationship, too. An option that
        several queries share, and that one of them needs, is reported as information: give that one its own. An option
        of a query that a framework runs for the handlers of five routers or more, and that at most a quarter of them
        read, is reported with its readers: load the relationship there.

    When it stays quiet
        One caller reads the relationship. The rows go to callers outside of the project, to a framework that builds
        the response from them, or to other code that cannot be followed: nothing is said, or with low confidence.
        The rows are deleted, and the relationship with them. Nothing of the rows is read at all: they are loaded for
        the identity map. Such rows are asked for by key near by. ``contains_eager`` costs no statement of its own.

    Fix safety
        Unsafe: a read that the analysis has not seen queries, and raises on a row that no session holds any more. A
        sentence where another query needs the option, or it stands in no call of ``options()``.
    """

    code: ClassVar[str] = "NP202"
    name: ClassVar[str] = "unused-loader-option"
    severity: ClassVar[Severity] = Severity.WARNING
    summary: ClassVar[str] = "a loader option loads what nobody reads on the query's rows"

    INVALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "an option for names",
            """\
# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from models import Team


def run(session: Session):
    teams = session.scalars(select(Team).options(selectinload(Team.heroes))).all()  # expect: NP202
    return [team.slug for team in teams]
""",
            Proof.OPTIONS,
        ),
        Example(
            "the end of a chain, behind a repository",
            """\
# file: repository.py
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from models import Hero, Team


class Heroes:
    def __init__(self, session: Session):
        self.session = session

    def strong(self):
        query = select(Hero).options(joinedload(Hero.team).selectinload(Team.heroes)).where(Hero.power > 0)
        return self.session.scalars(query).all()  # expect: NP202

# file: app.py
from sqlalchemy.orm import Session

from repository import Heroes


def run(session: Session):
    return [(hero.name, hero.team.slug) for hero in Heroes(session).strong()]
""",
            Proof.OPTIONS,
        ),
        Example(
            "options of two callers, of which one reads",
            """\
# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from models import Team


def teams(session: Session, options):
    return session.scalars(select(Team).options(*options)).all()


def names(session: Session):
    return [team.slug for team in teams(session, [selectinload(Team.heroes)])]  # expect: NP202


def run(session: Session):
    found = [hero.name for team in teams(session, [selectinload(Team.heroes)]) for hero in team.heroes]
    return found + names(session)
""",
            Proof.OPTIONS,
        ),
        Example(
            "a flag that asks for too much",
            """\
# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from models import Team


def teams(session: Session, with_heroes: bool = False):
    query = select(Team)
    if with_heroes:
        query = query.options(selectinload(Team.heroes))
    return session.scalars(query).all()  # expect: NP202


def run(session: Session):
    return [team.slug for team in teams(session, True)]
""",
            Proof.OPTIONS,
        ),
    )
    VALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "one of two callers reads it",
            """\
# file: app.py
from sqlalchemy.orm import Session, selectinload

from models import Team


def teams(session: Session):
    return session.query(Team).options(selectinload(Team.heroes)).all()


def sizes(session: Session):
    return {team.slug: len(team.heroes) for team in teams(session)}


def run(session: Session):
    return sizes(session), [team.slug for team in teams(session)]
""",
            Proof.OPTIONS,
        ),
        Example(
            "read by a property of the row",
            """\
# file: models.py
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Team(Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)
    heroes: Mapped[list["Hero"]] = relationship(back_populates="team")

    @property
    def size(self):
        return len(self.heroes)


class Hero(Base):
    __tablename__ = "heroes"
    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))
    team: Mapped["Team"] = relationship(back_populates="heroes")


def seed(session, n):
    for number in range(n):
        session.add(Team(heroes=[Hero(), Hero()]))
    session.commit()
    session.expunge_all()

# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session, subqueryload

from models import Team


def run(session: Session):
    return [team.size for team in session.scalars(select(Team).options(subqueryload(Team.heroes)))]
""",
            Proof.OPTIONS,
        ),
        Example(
            "read by a name that is not known before",
            """\
# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from models import Team

FIELDS = ["slug", "heroes"]


def run(session: Session):
    teams = session.scalars(select(Team).options(selectinload(Team.heroes))).all()
    return [{field: getattr(team, field) for field in FIELDS} for team in teams]
""",
            Proof.OPTIONS,
        ),
        Example(
            "rows for the identity map",
            """\
# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from models import Hero, Team


def run(session: Session):
    held = session.scalars(select(Team).options(selectinload(Team.heroes))).all()
    return len(session.get(Hero, 1).team.heroes), bool(held)
""",
            Proof.OPTIONS,
        ),
        Example(
            "needed by a deletion",
            """\
# file: models.py
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Team(Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    heroes: Mapped[list["Hero"]] = relationship()


class Hero(Base):
    __tablename__ = "heroes"
    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id"))


def seed(session, n):
    for number in range(n):
        session.add(Team(name=f"team-{number}", heroes=[Hero(), Hero()]))
    session.commit()
    session.expunge_all()

# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from models import Team


def run(session: Session):
    team = session.scalars(select(Team).options(selectinload(Team.heroes))).first()
    session.delete(team)
    session.flush()
    return team.name
""",
            Proof.OPTIONS,
        ),
    )

    def suspects(self, analysis: Analysis) -> Iterable[Suspect]:
        """Yield one suspect per query with the options that it does not need, for each way of not needing them."""
        fates = {
            (execution, loader): analysis.uses.fate(execution, loader)
            for execution in analysis.uses.executions
            for loader in execution.loaders
            if loader.strategy in LOADING_OPTIONS
        }
        readers: dict[Loader, dict[str, None]] = {}
        for (execution, loader), fate in fates.items():
            if fate is Fate.READ:
                readers.setdefault(loader, {})[execution.site.function] = None
        groups: dict[tuple[Site, str, Confidence, bool], dict[tuple[str, ...], Unused]] = {}
        for (execution, loader), fate in fates.items():
            confidence = _CONFIDENCE.get(fate)
            relationship = follow(analysis.project.models, execution.models[0], loader.path)
            others = readers.get(loader, {})
            if confidence is None or relationship is None or execution.site.function in others:
                continue
            if any(fate_of in _CONFIDENCE for fate_of in _fates_before(fates, execution, loader)):
                continue
            name = named(analysis, execution, loader)
            giver = loader.site.function if loader.is_attribute and analysis.uses.is_given(execution, loader) else ""
            group = groups.setdefault((execution.site, giver, confidence, bool(others)), {})
            group.setdefault(loader.path, Unused(loader, relationship, name, len(others)))
        for (site, giver, confidence, shared), unused in groups.items():
            if not (shared and confidence is Confidence.LOW):
                yield self._suspect(analysis, site, list(unused.values()), confidence, given=bool(giver))
        for one in analysis.injected:
            if fates.get((one.execution, one.loader)) in _READ and _seldom(one):
                yield self._seldom_read(analysis, one)

    def _seldom_read(self, analysis: Analysis, one: Injected) -> Suspect:
        site, loader = one.execution.site, one.loader
        name = named(analysis, one.execution, loader)
        places = dict.fromkeys((analysis.path_of(read.place), read.place.place[0]) for read in one.reads)
        asked = Step(analysis.path_of(loader.site), loader.site.place[0], f"{name} is asked for here")
        reads = [Step(path, line, "what it loads is read here") for path, line in places]
        return Suspect(
            code=self.code,
            path=analysis.path_of(site),
            pos=Pos(*site.place),
            node=analysis.node_at(site),
            scope=Pos(*site.place),
            function=analysis.function_name(site.function),
            message=f"{name} loads for each request to {len(one.routers)} routers what {len(one.readers)} of them read",
            severity=self.severity,
            confidence=Confidence.MEDIUM,
            evidence=(asked, *reads[:_MOST_READS]),
            advice=f"Drop {name} here, and load the relationship where it is read",
            discriminator=".".join(loader.path),
        )

    def _suspect(
        self, analysis: Analysis, query: Site, unused: list[Unused], confidence: Confidence, *, given: bool
    ) -> Suspect:
        site = unused[0].loader.site if given else query
        several = len(unused) > 1
        names = " and ".join(filter(None, [", ".join(one.name for one in unused[:-1]), unused[-1].name]))
        where = "nobody reads" if confidence > Confidence.LOW else "nobody is seen to read"
        shared = any(one.readers for one in unused)
        return Suspect(
            code=self.code,
            path=analysis.path_of(site),
            pos=Pos(*site.place),
            node=NodeKind.ATTRIBUTE if given else analysis.node_at(site),
            scope=Pos(*site.place),
            function=analysis.function_name(site.function),
            message=f"{names} {'load' if several else 'loads'} for this query what {where} on its rows",
            severity=Severity.INFO if shared else self.severity,
            confidence=confidence,
            evidence=tuple(_steps(analysis, unused, query if given else None)),
            plan=_plan(analysis, unused, shared),
            advice=_advice(names, unused, shared),
            discriminator=",".join(".".join(one.loader.path) for one in unused),
        )


def named(analysis: Analysis, execution: Execution, loader: Loader) -> str:
    """Write an option: ``selectinload(Team.heroes)``."""
    relationship = follow(analysis.project.models, execution.models[0], loader.path)
    owner = analysis.project.models[relationship.owner].name if relationship is not None else ""
    return f"{loader.strategy}({owner}.{loader.path[-1]})"


def _seldom(one: Injected) -> bool:
    """True if one router in four at most reads what a dependency of many loads, or may do so."""
    return bool(one.readers) and len(one.routers) >= max(_MANY_ROUTERS, 4 * (len(one.readers) + len(one.losers)))


def _fates_before(fates: dict[tuple[Execution, Loader], Fate], execution: Execution, loader: Loader) -> Iterator[Fate]:
    """What becomes of the options on the way to one: where an outer one is not needed, the inner ones are not."""
    for other in execution.loaders:
        if len(other.path) < len(loader.path) and loader.path[: len(other.path)] == other.path:
            fate = fates.get((execution, other))
            if fate is not None:
                yield fate


def _steps(analysis: Analysis, unused: list[Unused], query: Site | None) -> Iterator[Step]:
    for one in unused:
        site = one.loader.site
        if query is None:
            yield Step(analysis.path_of(site), site.place[0], f"{one.name} is asked for here")
        if one.readers:
            readers = "another function reads" if one.readers == 1 else f"{one.readers} other functions read"
            yield Step(analysis.path_of(site), site.place[0], f"{readers} what it loads for a query of its own")
        if one.relationship.eager:
            yield Step(
                one.relationship.declared_in, one.relationship.place[0],
                f'the mapping loads {one.relationship.name} in any case: lazy="{one.relationship.lazy}"',
            )  # fmt: skip
    if query is not None:
        yield Step(analysis.path_of(query), query.place[0], "the query that is given the option runs here")


def _plan(analysis: Analysis, unused: list[Unused], shared: bool) -> StrategyPlan | None:
    """Return what the rewriter needs; None for an option that another query needs, or that no attribute names."""
    eager = {one.relationship.eager for one in unused}
    if shared or len(eager) > 1 or not all(one.loader.is_attribute for one in unused):
        return None
    places = tuple((analysis.path_of(one.loader.site), Pos(*one.loader.site.place)) for one in unused)
    return StrategyPlan("lazyload" if eager == {True} else "drop", places, _UNSEEN if eager == {True} else "")


_UNSEEN = "a read of what the option loads that was not seen queries, or raises on a row without a session"


def _advice(names: str, unused: list[Unused], shared: bool) -> str:
    if any(one.relationship.eager for one in unused):
        return f"Replace {names} by lazyload: without an option the mapping loads it, too"
    if shared:
        return f"Give this query a statement of its own without {names}"
    return f"Drop {names}"
