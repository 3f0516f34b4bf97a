"""NP206."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from nplus1_lint.findings import Confidence, NodeKind, Pos, Severity, Step, Suspect
from nplus1_lint.infer.loading import cascade, declaration_of, follow
from nplus1_lint.infer.multiplicity import is_collection
from nplus1_lint.infer.values import NO_LOADS
from nplus1_lint.rules.base import Example, Proof, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nplus1_lint.infer.analysis import Analysis
    from nplus1_lint.infer.loading import Declaration
    from nplus1_lint.infer.trails import RowQuery
    from nplus1_lint.link.models import Relationship

Path = tuple[str, ...]

_JOINS = frozenset({"joinedload", "contains_eager", "eagerload"})
_MAX_STEPS = 20


class EagerRowExplosion(Rule):
    """A joined collection repeats the rows that it belongs to.

    What it does
        Flags a collection with ``lazy="joined"`` on the mapping that some query loads; a query with ``joinedload`` of
        two collections of one class; a query with ``joinedload`` of a collection and a limit.

    Why is this bad
        The database sends every row once per row of its collection, with all columns. Two collections multiply: ten
        teams with five heroes and three sponsors each are 150 rows. Around a limit SQLAlchemy has to put a subquery.

    Use instead
        ``selectinload``: one more statement, and every row comes once.

    When it stays quiet
        Joined single rows, and one joined collection that a query without a limit asks for.

    Fix safety
        Shown only.
    """

    code: ClassVar[str] = "NP206"
    name: ClassVar[str] = "eager-row-explosion"
    severity: ClassVar[Severity] = Severity.WARNING
    summary: ClassVar[str] = "joined collections repeat the rows that they belong to"

    INVALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "a collection joined by the mapping",
            """\
# file: models.py
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Team(Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)
    heroes: Mapped[list["Hero"]] = relationship(lazy="joined")  # expect: NP206


class Hero(Base):
    __tablename__ = "heroes"
    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))


def seed(session, n):
    for number in range(n):
        session.add(Team(heroes=[Hero(), Hero(), Hero()]))
    session.commit()
    session.expunge_all()

# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Team


def run(session: Session):
    return [len(team.heroes) for team in session.scalars(select(Team)).unique()]
""",
            Proof.EXPLOSION,
        ),
        Example(
            "two collections that multiply",
            """\
# file: models.py
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Team(Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)
    heroes: Mapped[list["Hero"]] = relationship()
    sponsors: Mapped[list["Sponsor"]] = relationship()


class Hero(Base):
    __tablename__ = "heroes"
    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))


class Sponsor(Base):
    __tablename__ = "sponsors"
    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))


def seed(session, n):
    for number in range(n):
        session.add(Team(heroes=[Hero() for _ in range(5)], sponsors=[Sponsor() for _ in range(3)]))
    session.commit()
    session.expunge_all()

# file: app.py
from sqlalchemy.orm import Session, joinedload

from models import Team


def run(session: Session):
    teams = session.query(Team).options(joinedload(Team.heroes), joinedload(Team.sponsors)).all()  # expect: NP206
    return [(len(team.heroes), len(team.sponsors)) for team in teams]
""",
            Proof.EXPLOSION,
        ),
        Example(
            "a limit",
            """\
# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from models import Team


def run(session: Session):
    query = select(Team).options(joinedload(Team.heroes)).order_by(Team.id).limit(3)
    return [len(team.heroes) for team in session.scalars(query).unique()]  # expect: NP206
""",
            Proof.EXPLOSION,
        ),
    )
    VALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "single rows, on the mapping and by option",
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


class Badge(Base):
    __tablename__ = "badges"
    id: Mapped[int] = mapped_column(primary_key=True)


class Hero(Base):
    __tablename__ = "heroes"
    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))
    badge_id: Mapped[int] = mapped_column(ForeignKey("badges.id"))
    team: Mapped["Team"] = relationship(lazy="joined", back_populates="heroes")
    badge: Mapped["Badge"] = relationship()


def seed(session, n):
    for number in range(n):
        session.add(Team(heroes=[Hero(badge=Badge()), Hero(badge=Badge())]))
    session.commit()
    session.expunge_all()

# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from models import Hero


def run(session: Session):
    query = select(Hero).options(joinedload(Hero.badge)).order_by(Hero.id).limit(5)
    return [(hero.team.id, hero.badge.id) for hero in session.scalars(query)]
""",
            Proof.EXPLOSION,
        ),
        Example(
            "one collection, and one below it",
            """\
# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from models import Hero, Team


def run(session: Session):
    teams = session.scalars(select(Team).options(joinedload(Team.heroes))).unique().all()
    chained = select(Hero).options(joinedload(Hero.team).joinedload(Team.heroes))
    return [len(team.heroes) for team in teams], [len(hero.team.heroes) for hero in session.scalars(chained).unique()]
""",
        ),
    )

    def suspects(self, analysis: Analysis) -> Iterable[Suspect]:
        """Yield one suspect per declared collection that joins, and one per query that multiplies or limits."""
        yield from self._declared(analysis)
        seen: dict[tuple[object, ...], Suspect] = {}
        for fetch in analysis.uses.fetches:
            found = self._multiplied(analysis, fetch) or self._limited(analysis, fetch)
            if found is not None:
                seen.setdefault((fetch.site, found.discriminator), found)
        yield from seen.values()

    def _declared(self, analysis: Analysis) -> Iterator[Suspect]:
        queries: dict[Declaration, tuple[Relationship, dict[Step, None]]] = {}
        for _, load in analysis.eager:
            relationship = load.relationship
            if relationship.lazy != "joined" or relationship.lazy_written is None:
                continue
            if not is_collection(analysis.project, relationship):
                continue
            steps = queries.setdefault(declaration_of(relationship), (relationship, {}))[1]
            for execution, path in load.executions:
                way = f" by way of {'.'.join(path[:-1])}" if len(path) > 1 else ""
                place = (analysis.path_of(execution.site), execution.site.place[0])
                steps[Step(*place, f"this query joins {path[-1]}{way}")] = None
        for relationship, steps in queries.values():
            owner = analysis.project.models[relationship.owner].name
            name = f"{owner}.{relationship.name}"
            count = len(steps)
            yield Suspect(
                code=self.code,
                path=relationship.declared_in,
                pos=Pos(*relationship.place),
                node=NodeKind.CALL,
                scope=Pos(*relationship.place),
                function=owner,
                message=(
                    f'lazy="joined" on the collection {name} repeats each {owner} for every one of its rows, in '
                    f"{count} quer{'ies' if count > 1 else 'y'}"
                ),
                severity=self.severity,
                confidence=Confidence.HIGH,
                evidence=tuple(steps)[:_MAX_STEPS],
                advice=f'{name}: lazy="selectin", or lazy="select" and selectinload({name}) where it is read',
                discriminator=relationship.name,
            )

    def _multiplied(self, analysis: Analysis, fetch: RowQuery) -> Suspect | None:
        joined = _joined_collections(analysis, fetch)
        asked = {loader.path for loader in fetch.loaders if loader.strategy == "joinedload"}
        # Of collections that hang on different single rows, one may always be empty: those of one row do multiply.
        together = [path for path in joined if any(path[:-1] == other[:-1] and path != other for other in joined)]
        if not any(path in asked for path in together):
            return None
        names = [_name(analysis, fetch, path) for path in together]
        root = analysis.project.models[fetch.model].name
        message = f"the joined collections {' and '.join(names)} multiply: each {root} comes once for every combination"
        others = [name for path, name in zip(together, names, strict=True) if path in asked]
        loads = " and ".join(f"selectinload({name})" for name in (others[1:] or others))
        return self._at(analysis, fetch, together, message, f"Load with {loads}: every row comes once")

    def _limited(self, analysis: Analysis, fetch: RowQuery) -> Suspect | None:
        if fetch.unique or "single" in fetch.flags or not fetch.flags & {"limit", "paged"}:
            return None
        asked = {loader.path for loader in fetch.loaders if loader.strategy == "joinedload"}
        joined = [path for path in _joined_collections(analysis, fetch) if path in asked]
        if not joined:
            return None
        name = _name(analysis, fetch, joined[0])
        root = analysis.project.models[fetch.model].name
        message = (
            f"joinedload({name}) with a limit: SQLAlchemy puts the query into a subquery, and each {root} comes once "
            f"for every row of {joined[0][-1]}"
        )
        return self._at(analysis, fetch, joined, message, f"Load with selectinload({name}): every row comes once")

    def _at(self, analysis: Analysis, fetch: RowQuery, paths: list[Path], message: str, advice: str) -> Suspect:
        site = fetch.site
        return Suspect(
            code=self.code,
            path=analysis.path_of(site),
            pos=Pos(*site.place),
            node=analysis.node_at(site),
            scope=Pos(*site.place),
            function=analysis.function_name(site.function),
            message=message,
            severity=self.severity,
            confidence=Confidence.HIGH,
            evidence=tuple(_steps(analysis, fetch, paths)),
            advice=advice,
            discriminator=",".join(".".join(path) for path in paths),
        )


def _joined_collections(analysis: Analysis, fetch: RowQuery) -> list[Path]:
    """The collections that the query's own statement joins, by options or by the mapping."""
    models = analysis.project.models
    strategies = {loader.path: loader.strategy for loader in fetch.loaders}
    for path in cascade(models, fetch.model, NO_LOADS):
        relationship = follow(models, fetch.model, path)
        if relationship is not None:
            strategies.setdefault(path, "joinedload" if relationship.lazy == "joined" else relationship.lazy)
    found = []
    for path in strategies:
        relationship = follow(models, fetch.model, path)
        steps = [strategies.get(path[:length], "") for length in range(1, len(path) + 1)]
        if relationship is not None and _JOINS.issuperset(steps) and is_collection(analysis.project, relationship):
            found.append(path)
    return found


def _name(analysis: Analysis, fetch: RowQuery, path: Path) -> str:
    relationship = follow(analysis.project.models, fetch.model, path)
    owner = analysis.project.models[relationship.owner].name if relationship is not None else ""
    return f"{owner}.{path[-1]}"


def _steps(analysis: Analysis, fetch: RowQuery, paths: list[Path]) -> Iterator[Step]:
    options = {loader.path: loader for loader in fetch.loaders}
    for path in paths:
        loader = options.get(path)
        if loader is not None:
            name = _name(analysis, fetch, path)
            place = (analysis.path_of(loader.site), loader.site.place[0])
            yield Step(*place, f"{loader.strategy}({name}) is asked for here")
            continue
        relationship = follow(analysis.project.models, fetch.model, path)
        if relationship is not None:
            yield Step(relationship.declared_in, relationship.place[0], f'the mapping joins {path[-1]}: lazy="joined"')
