"""NP205."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from nplus1_lint.findings import Confidence, NodeKind, Pos, Severity, Step, Suspect
from nplus1_lint.infer.purposes import How
from nplus1_lint.rules.base import Example, Proof, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nplus1_lint.infer.analysis import Analysis
    from nplus1_lint.infer.consumers import Counted

_MAX_STEPS = 8


class LenOfRelationship(Rule):
    """The rows of a collection are loaded only to be counted.

    What it does
        Flags ``len(team.heroes)``, and a test of ``team.heroes``, when there is a query on whose rows nothing else is
        done with that collection, in any function that the rows reach.

    Why is this bad
        Every child becomes an object, with all that its mapping loads eagerly, for one number.

    Use instead
        Count where the parents are queried: a ``GROUP BY`` over the children, or a ``column_property`` with a scalar
        subquery.

    When it stays quiet
        The collection is read in any other way for the same query, also by a serialiser or a delete cascade; parents
        go where they cannot be followed; ``lazy="dynamic"``; a lazy load per iteration is NP104.

    Fix safety
        Shown only.
    """

    code: ClassVar[str] = "NP205"
    name: ClassVar[str] = "len-of-relationship"
    severity: ClassVar[Severity] = Severity.WARNING
    summary: ClassVar[str] = "the rows of a collection are loaded only to be counted"

    INVALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "children loaded by the mapping and counted",
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
    session.add(Team(name="first", heroes=[Hero() for _ in range(n)]))
    session.commit()
    session.expunge_all()

# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Team


def run(session: Session):
    return {team.name: len(team.heroes) for team in session.scalars(select(Team))}  # expect: NP205
""",
            Proof.ROWS,
        ),
        Example(
            "one team's children counted in a helper",
            """\
# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from models import Team


def summary(team: Team):
    if not team.heroes:  # expect: NP205
        return "nobody"
    return f"{len(team.heroes)} heroes"


def run(session: Session):
    teams = session.scalars(select(Team).options(selectinload(Team.heroes)))
    return [summary(team) for team in teams]
""",
            Proof.ROWS,
        ),
    )
    VALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "counted in the query",
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
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))


def seed(session, n):
    session.add(Team(name="first", heroes=[Hero() for _ in range(n)]))
    session.commit()
    session.expunge_all()

# file: app.py
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import Hero, Team


def run(session: Session):
    counts = dict(session.execute(select(Hero.team_id, func.count()).group_by(Hero.team_id)).all())
    return {team.name: counts.get(team.id, 0) for team in session.scalars(select(Team))}
""",
            Proof.ROWS,
        ),
        Example(
            "the children are read, too",
            """\
# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from models import Team


def names(team: Team):
    return [hero.name for hero in team.heroes]


def run(session: Session):
    teams = session.scalars(select(Team).options(selectinload(Team.heroes)))
    return [(len(team.heroes), names(team)) for team in teams]
""",
        ),
    )

    def suspects(self, analysis: Analysis) -> Iterable[Suspect]:
        """Yield one suspect per read of a collection that only counts its rows."""
        for counted in analysis.counted:
            relationship = counted.relationship
            owner = analysis.project.models[relationship.owner].name
            name = f"{owner}.{relationship.name}"
            asks = all(use.how is How.TRUTH for use in counted.uses)
            what = "only to learn whether there are any" if asks else "only to be counted"
            queries = len(counted.wasters)
            of = f"for {queries} of {queries + counted.readers} queries " if counted.readers else ""
            yield Suspect(
                code=self.code,
                path=counted.path,
                pos=Pos(*counted.place),
                node=NodeKind.ATTRIBUTE,
                scope=Pos(*counted.scope),
                function=analysis.function_name(counted.function),
                message=f"the rows of {name} are loaded {of}{what}",
                severity=self.severity,
                confidence=Confidence.MEDIUM if counted.readers else Confidence.HIGH,
                evidence=tuple(_steps(analysis, counted, name))[:_MAX_STEPS],
                advice=f"Count where {owner} is queried: a GROUP BY over the children, or a column_property with a "
                "scalar subquery",
            )


def _steps(analysis: Analysis, counted: Counted, name: str) -> Iterator[Step]:
    for site in counted.wasters:
        yield Step(analysis.path_of(site), site.place[0], "the query whose rows it is counted for")
    for use in sorted(counted.uses, key=lambda use: use.line):
        yield Step(counted.path, use.line, "counted here" if use.how is How.LEN else "asked for here")
    relationship = counted.relationship
    yield Step(relationship.declared_in, relationship.place[0], f'{name} is loaded with lazy="{relationship.lazy}"')
