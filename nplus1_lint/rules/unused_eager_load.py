"""NP201."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple

from nplus1_lint.findings import Confidence, LoaderPlan, LoadingQuery, NodeKind, Pos, Severity, Step, Suspect
from nplus1_lint.infer.loading import declaration_of
from nplus1_lint.infer.unseen import is_read_unseen
from nplus1_lint.rules.base import Example, Proof, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nplus1_lint.infer.analysis import Analysis, Reach
    from nplus1_lint.infer.eager import Load
    from nplus1_lint.infer.loading import Declaration
    from nplus1_lint.infer.values import Site

_MAX_STEPS = 20


class _Everywhere(NamedTuple):
    """What becomes of a relationship in all routers that load it.

    Attributes:
        routers: how many there are.
        read: how many of them read it.
        escaped: in how many of the others rows that carry it go where reads cannot be followed.
        readers: the queries whose rows are read for it, by any router.
        unsure: the queries of which only that can be said that their rows go there.
        needed: the sites of both.
    """

    routers: int
    read: int
    escaped: int
    readers: tuple[LoadingQuery, ...]
    unsure: tuple[LoadingQuery, ...]
    needed: frozenset[Site]

    @classmethod
    def of(cls, analysis: Analysis, loads: list[Load]) -> _Everywhere:
        """Sort the queries of all routers by what becomes of what they load."""
        loadings = [loading for load in loads for loading in load.loadings]
        reading = frozenset(loading.execution.site for loading in loadings if loading.read)
        escaping = frozenset(loading.execution.site for loading in loadings if loading.escaped) - reading
        return cls(
            len(loads),
            sum(bool(load.read) for load in loads),
            sum(bool(load.escaped) and not load.read for load in loads),
            analysis.loading_queries(loading for loading in loadings if loading.read),
            analysis.loading_queries(one for one in loadings if one.escaped and one.execution.site in escaping),
            reading | escaping,
        )

    @property
    def perhaps(self) -> str:
        """The end of a sentence about those that read it."""
        return f", perhaps by {self.escaped} more" if self.escaped else ""


class UnusedEagerLoad(Rule):
    """A relationship is loaded eagerly by its mapping, and a router never reads it.

    What it does
        For each router (a module with route handlers, with everything that they reach) and each relationship with
        ``lazy="selectin"``, ``"joined"``, ``"subquery"`` or ``"immediate"``: flags it when the router's queries load
        it, also through another eager relationship, and none of the rows loaded there is read for it. A query that
        no router reaches counts for its own module.

    Why is this bad
        Each query pays one more statement per relationship, and again for everything that the loaded rows load.

    Use instead
        ``lazy="select"`` (or ``"raise"``) on the mapping and ``selectinload`` where it is read; or ``lazyload`` in the
        one router that does not need it. Never ``noload``: it silently returns nothing.

    When it stays quiet
        Column-only selects, counts, bulk updates and deletes; queries with ``lazyload``, ``raiseload`` or ``noload``;
        relationships that a file which cannot be parsed names, or that the library whose class the model extends reads.
        Rows that go where they cannot be followed lower the confidence.

    Fix safety
        Unsafe: a read that the analysis does not see loads the rows then, with one statement per row, and raises
        ``MissingGreenlet`` in asynchronous code. The queries whose rows are read for the relationship, or go where they
        cannot be followed, get its option in the same change, behind ``defaultload`` where another class leads to it.
        Shown only where one of them takes no option, or asks for other classes at times; a row that is
        refreshed needs none unless that is awaited.
    """

    code: ClassVar[str] = "NP201"
    name: ClassVar[str] = "unused-eager-load"
    severity: ClassVar[Severity] = Severity.WARNING
    summary: ClassVar[str] = "a router never reads what the mapping loads eagerly for it"

    INVALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "children loaded for a list of names",
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
    heroes: Mapped[list["Hero"]] = relationship(lazy="selectin")  # expect: NP201


class Hero(Base):
    __tablename__ = "heroes"
    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))


def seed(session, n):
    for number in range(n):
        session.add(Team(name=f"team-{number}", heroes=[Hero(), Hero()]))
    session.commit()
    session.expunge_all()

# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Team


def run(session: Session):
    return [team.name for team in session.scalars(select(Team))]
""",
            Proof.WASTE,
        ),
        Example(
            "rows behind another relationship, read by one module of two",
            """\
# file: models.py
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class League(Base):
    __tablename__ = "leagues"
    id: Mapped[int] = mapped_column(primary_key=True)
    teams: Mapped[list["Team"]] = relationship()


class Team(Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    league_id: Mapped[int] = mapped_column(ForeignKey("leagues.id"))
    heroes: Mapped[list["Hero"]] = relationship(lazy="selectin")  # expect: NP201[overview.py]


class Hero(Base):
    __tablename__ = "heroes"
    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))


def seed(session, n):
    for number in range(n):
        session.add(League(teams=[Team(name=f"team-{number}", heroes=[Hero(), Hero()])]))
    session.commit()
    session.expunge_all()

# file: overview.py
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from models import League, Team


def names(session: Session):
    query = select(League).options(selectinload(League.teams))
    leagues = [[team.name for team in league.teams] for league in session.scalars(query)]
    return leagues, session.scalars(select(Team.name)).all(), [team.name for team in session.query(Team)]

# file: roster.py
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from models import League


def roster(session: Session, key=1):
    league = session.scalars(select(League).where(League.id == key).options(selectinload(League.teams))).one()
    return [hero.id for team in league.teams for hero in team.heroes]

# file: app.py
from overview import names
from roster import roster


def run(session):
    overview = names(session)
    session.expunge_all()
    return overview, roster(session)
""",
            Proof.WASTE,
        ),
    )
    VALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "the children are read, and columns alone load nothing",
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
    heroes: Mapped[list["Hero"]] = relationship(lazy="selectin")


class Hero(Base):
    __tablename__ = "heroes"
    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))


def seed(session, n):
    for number in range(n):
        session.add(Team(name=f"team-{number}", heroes=[Hero(), Hero()]))
    session.commit()
    session.expunge_all()

# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Team


def run(session: Session):
    names = session.execute(select(Team.id, Team.name)).all()
    return names, [hero.id for team in session.scalars(select(Team)) for hero in team.heroes]
""",
            Proof.WASTE,
        ),
    )

    def suspects(self, analysis: Analysis) -> Iterable[Suspect]:
        """Yield one suspect per relationship and router that loads it for nothing."""
        loads: dict[Declaration, list[Load]] = {}
        for _, load in analysis.eager:
            loads.setdefault(declaration_of(load.relationship), []).append(load)
        everywhere: dict[Declaration, _Everywhere] = {}
        routers = {reach.path for reach, _ in analysis.eager if reach.is_router}
        for reach, load in analysis.eager:
            if load.read or not load.relationship.lazy_written:
                continue
            if is_read_unseen(analysis.project, load.relationship):
                continue
            declaration = declaration_of(load.relationship)
            if declaration not in everywhere:
                everywhere[declaration] = _Everywhere.of(analysis, loads[declaration])
            rest = not reach.is_router and reach.path in routers
            where = f"{reach.path} outside of what its routes reach" if rest else reach.path
            yield self._suspect(analysis, reach, load, everywhere[declaration], where)

    def _suspect(self, analysis: Analysis, reach: Reach, load: Load, everywhere: _Everywhere, where: str) -> Suspect:
        relationship = load.relationship
        owner = analysis.project.models[relationship.owner]
        name = f"{owner.name}.{relationship.name}"
        what = "router" if reach.is_router else "module"
        wasters = tuple(_query_steps(analysis, load, f"loads {name} for nothing in {reach.path}"))
        message = (
            f'{name} is loaded by lazy="{relationship.lazy}" in {where} and never read there: '
            f"{len(load.executions)} {'query loads' if len(load.executions) == 1 else 'queries load'} it for nothing; "
            f"read by {everywhere.read} of {everywhere.routers} {what}s that load it{everywhere.perhaps}"
        )
        return Suspect(
            code=self.code,
            path=relationship.declared_in,
            pos=Pos(*relationship.place),
            node=NodeKind.CALL,
            scope=Pos(*relationship.place),
            function=owner.name,
            message=message,
            severity=self.severity,
            confidence=_confidence(load),
            evidence=wasters[:_MAX_STEPS],
            plan=LoaderPlan(
                owner.name,
                relationship.name,
                relationship.lazy_written or relationship.lazy,
                reach.path,
                everywhere.readers,
                analysis.loading_queries(one for one in load.loadings if one.execution.site not in everywhere.needed),
                everywhere.unsure,
            ),
            also_in=(reach.path,),
            discriminator=reach.path,
        )


def _confidence(load: Load) -> Confidence:
    """Rows that escape may be read where the analysis does not see."""
    if not load.escaped:
        return Confidence.HIGH
    return Confidence.LOW


def _query_steps(analysis: Analysis, load: Load, message: str) -> Iterator[Step]:
    seen: set[tuple[str, int]] = set()
    for execution, path in load.executions:
        where = (analysis.path_of(execution.site), execution.site.place[0])
        if where in seen:
            continue
        seen.add(where)
        way = f" by way of {'.'.join(path[:-1])}" if len(path) > 1 else ""
        yield Step(*where, f"{message}{way}")
