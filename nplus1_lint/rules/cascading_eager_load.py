"""NP203."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple

from nplus1_lint.findings import Confidence, NodeKind, Pos, Severity, Step, Suspect
from nplus1_lint.infer.loading import by_mapping, cascade, declaration_of, follow
from nplus1_lint.infer.multiplicity import is_collection
from nplus1_lint.infer.values import NO_LOADS
from nplus1_lint.rules.base import Example, Proof, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nplus1_lint.infer.analysis import Analysis
    from nplus1_lint.infer.eager import Load
    from nplus1_lint.infer.loading import Declaration
    from nplus1_lint.link.models import Model, Relationship

_MAX_STEPS = 20
_TREE_LIMIT = 200


class Chain(NamedTuple):
    """Eager loads that follow one another.

    Attributes:
        root: the relationship that starts it.
        links: every relationship that is loaded for it with the path from the root's class; the root first.
    """

    root: Relationship
    links: tuple[tuple[tuple[str, ...], Relationship], ...]

    @property
    def statements(self) -> int:
        """How many statements it adds to a query."""
        return sum(link.lazy != "joined" for _, link in self.links)

    @property
    def joins(self) -> int:
        """How many tables it joins to statements that run in any case."""
        return len(self.links) - self.statements

    @property
    def declarations(self) -> frozenset[Declaration]:
        """What it consists of."""
        return frozenset(declaration_of(link) for _, link in self.links)


class CascadingEagerLoad(Rule):
    """A relationship that is loaded eagerly loads further ones.

    What it does
        Flags a relationship with ``lazy="selectin"``, ``"joined"``, ``"subquery"`` or ``"immediate"`` whose target
        has such relationships of its own, and shows the whole tree that comes with one row.

    Why is this bad
        Nobody asked for the rows at the far end: each query for the class pays one statement (or join) per link,
        however few columns of it are needed.

    Use instead
        Cut the chain at its weakest link, which the suggestion names: ``lazy="select"`` (or ``"raise"``) there, and
        ``selectinload`` in the queries that need it.

    When it stays quiet
        A chain that is the end of a longer one is not reported for itself unless some query starts with it. The way
        back to a class that is already on the path is no link: SQLAlchemy does not follow it. Joins of single rows
        alone, which add no statement, are reported as information, and so is a chain of which every part is read
        wherever it is loaded.

    Fix safety
        Shown only: changing the mapping changes every query of the class.
    """

    code: ClassVar[str] = "NP203"
    name: ClassVar[str] = "cascading-eager-load"
    severity: ClassVar[Severity] = Severity.WARNING
    summary: ClassVar[str] = "a relationship that the mapping loads eagerly loads further ones eagerly"

    INVALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "teams load heroes load powers",
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
    heroes: Mapped[list["Hero"]] = relationship(lazy="selectin", back_populates="team")  # expect: NP203


class Hero(Base):
    __tablename__ = "heroes"
    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))
    team: Mapped["Team"] = relationship(back_populates="heroes")
    powers: Mapped[list["Power"]] = relationship(lazy="selectin")


class Power(Base):
    __tablename__ = "powers"
    id: Mapped[int] = mapped_column(primary_key=True)
    hero_id: Mapped[int] = mapped_column(ForeignKey("heroes.id"))


def seed(session, n):
    for number in range(n):
        session.add(Team(name=f"team-{number}", heroes=[Hero(powers=[Power(), Power()]), Hero()]))
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
    )
    VALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "one link, and the way back",
            """\
# file: models.py
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Team(Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)
    heroes: Mapped[list["Hero"]] = relationship(lazy="selectin", back_populates="team")


class Hero(Base):
    __tablename__ = "heroes"
    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))
    team: Mapped["Team"] = relationship(lazy="selectin", back_populates="heroes")
    powers: Mapped[list["Power"]] = relationship()


class Power(Base):
    __tablename__ = "powers"
    id: Mapped[int] = mapped_column(primary_key=True)
    hero_id: Mapped[int] = mapped_column(ForeignKey("heroes.id"))


def seed(session, n):
    for number in range(n):
        session.add(Team(heroes=[Hero(powers=[Power(), Power()]), Hero()]))
    session.commit()
    session.expunge_all()

# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Team


def run(session: Session):
    return [len(team.heroes) for team in session.scalars(select(Team))]
""",
            Proof.WASTE,
        ),
    )

    def suspects(self, analysis: Analysis) -> Iterable[Suspect]:
        """Yield one suspect per relationship that starts a chain."""
        queried = _queried(analysis)
        reported: list[Chain] = []
        for chain in sorted(chains(analysis.project.models), key=lambda one: (-len(one.links), one.root.owner)):
            root = declaration_of(chain.root)
            if chain.root.lazy_written is None:
                continue
            if root in queried or not any(root in longer.declarations for longer in reported):
                reported.append(chain)
                yield self._suspect(analysis, chain)

    def _suspect(self, analysis: Analysis, chain: Chain) -> Suspect:
        root = chain.root
        owner = analysis.project.models[root.owner].name
        costs = []
        if chain.statements:
            costs.append(f"runs {chain.statements} more statement{'s' if chain.statements > 1 else ''}")
        if chain.joins:
            costs.append(f"joins {chain.joins} more table{'s' if chain.joins > 1 else ''}")
        single = not chain.statements and not any(is_collection(analysis.project, link) for _, link in chain.links)
        advice, wasted = _advice(analysis, chain)
        return Suspect(
            code=self.code,
            path=root.declared_in,
            pos=Pos(*root.place),
            node=NodeKind.CALL,
            scope=Pos(*root.place),
            function=owner,
            message=f"{owner}.{_tree(chain)}: a query for one {owner} {' and '.join(costs)}",
            severity=Severity.INFO if single or not wasted else self.severity,
            confidence=Confidence.HIGH,
            evidence=tuple(_steps(analysis.project.models, chain))[:_MAX_STEPS],
            advice=advice,
            discriminator=root.name,
        )


def chains(models: dict[str, Model]) -> Iterator[Chain]:
    """Yield the chain that each eagerly loaded relationship starts, where it has more than one link.

    Args:
        models: all mapped classes; a relationship that several inherit counts for the first of them.
    """
    seen: set[Declaration] = set()
    for model in sorted(models.values(), key=lambda one: (one.path, one.place)):
        paths = cascade(models, model.id, NO_LOADS)
        for name, relationship in model.relationships.items():
            links = [(path, follow(models, model.id, path)) for path in paths if path[0] == name]
            if len(links) > 1 and declaration_of(relationship) not in seen:
                seen.add(declaration_of(relationship))
                yield Chain(relationship, tuple((path, link) for path, link in links if link is not None))


def _queried(analysis: Analysis) -> set[Declaration]:
    """The relationships that queries load by the mapping on the rows that they ask for."""
    found: set[Declaration] = set()
    for reach in analysis.reaches:
        for execution in reach.executions:
            for name in execution.models:
                for relationship in analysis.project.models[name].relationships.values():
                    if by_mapping(execution.loads, relationship):
                        found.add(declaration_of(relationship))
    return found


def _tree(chain: Chain) -> str:
    """Write the links as ``a → (b → c, d)``."""
    below: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for path, _ in chain.links:
        below.setdefault(path[:-1], []).append(path)

    def write(path: tuple[str, ...]) -> str:
        inner = [write(one) for one in below.get(path, ())]
        together = ", ".join(inner)
        if len(inner) > 1:
            together = f"({together})"
        return f"{path[-1]} → {together}" if inner else path[-1]

    text = write(chain.links[0][0])
    return text if len(text) <= _TREE_LIMIT else f"{text[: _TREE_LIMIT - 1]}…"


def _steps(models: dict[str, Model], chain: Chain) -> Iterator[Step]:
    for path, link in chain.links:
        owner = models[link.owner].name
        way = f" by way of {'.'.join(path[:-1])}" if len(path) > 1 else ""
        yield Step(link.declared_in, link.place[0], f'{owner}.{link.name} is loaded by lazy="{link.lazy}"{way}')


def _advice(analysis: Analysis, chain: Chain) -> tuple[str, bool]:
    """Name the link that the fewest routers read, of equals the one nearest to the root; say if any does without."""
    loads: dict[Declaration, list[Load]] = {}
    for _, load in analysis.eager:
        loads.setdefault(declaration_of(load.relationship), []).append(load)

    def needed(link: Relationship) -> int:
        return sum(bool(load.read or load.escaped) for load in loads[declaration_of(link)])

    known = [link for _, link in chain.links if declaration_of(link) in loads]
    weakest = min(known, key=needed, default=chain.links[-1][1])
    name = f"{analysis.project.models[weakest.owner].name}.{weakest.name}"
    option = f"{'selectinload' if weakest.uselist else 'joinedload'}({name})"
    asked = loads.get(declaration_of(weakest), [])
    if asked and needed(weakest) == len(asked):
        return f'Each part is needed where it is loaded; {option} in the queries and lazy="select" keep it so', False
    where = f"{weakest.declared_in}:{weakest.place[0]}"
    read = sum(bool(load.read) for load in asked)
    readers = f", read by {read} of {len(asked)} routers and modules that load it" if asked else ""
    cut = f'Cut the chain at {name} ({where}){readers}: lazy="select" there, and {option} in the queries that need it'
    return cut, True
