"""NP204."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from nplus1_lint.findings import Confidence, Pos, Severity, Step, Suspect
from nplus1_lint.rules.base import Example, Proof, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nplus1_lint.infer.analysis import Analysis


MODELS: Final = """\
# file: models.py
from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Team(Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(50))
    heroes: Mapped[list["Hero"]] = relationship(lazy="selectin")


class Hero(Base):
    __tablename__ = "heroes"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))


def seed(session, n):
    session.add_all(Team(slug=f"t{i}", heroes=[Hero(name="a"), Hero(name="b")]) for i in range(n))
    session.commit()

"""


class RedundantRequery(Rule):
    """A query fetches rows that an eager relationship of a row in hand has already loaded.

    What it does
        Flags a query by the key of a row that is at hand, when a collection of that row, loaded with it by the mapping
        or by an option, holds the very rows (or is made over the association rows) that the query fetches or counts.

    Why is this bad
        The same rows are loaded twice: once with their parent, once by the query.

    Use instead
        The relationship: sort or count it in Python; or make it lazy, if the query is what is wanted.

    When it stays quiet
        Another filter, a join, a limit, selected columns, a lock; rows that have been changed since.

    Fix safety
        Shown only: which of the two should go depends on who else reads the relationship.
    """

    code: ClassVar[str] = "NP204"
    name: ClassVar[str] = "redundant-requery"
    severity: ClassVar[Severity] = Severity.WARNING
    summary: ClassVar[str] = "a query fetches rows that an eager relationship has already loaded"

    INVALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "by the key of the parent, counted and fetched",
            MODELS
            + """\
# file: app.py
from sqlalchemy.orm import Session

from models import Hero, Team


def size(team, session):
    return session.query(Hero).filter_by(team_id=team.id).count()  # expect: NP204


def run(session: Session, team_id: int = 1):
    team = session.query(Team).filter(Team.id == team_id).one()
    heroes = session.query(Hero).filter(Hero.team_id == team_id).order_by(Hero.name).all()  # expect: NP204
    return team.slug, [hero.name for hero in heroes], size(team, session)
""",
            Proof.WASTE,
        ),
    )
    VALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "another filter, columns alone, a lazy relationship",
            MODELS
            + """\
# file: app.py
from sqlalchemy.orm import Session, lazyload

from models import Hero, Team


def run(session: Session, team_id: int = 1):
    team = session.query(Team).filter(Team.id == team_id).one()
    some = session.query(Hero).filter(Hero.team_id == team_id, Hero.name == "a").all()
    names = session.query(Hero.name).filter(Hero.team_id == team_id).all()
    held = [hero.name for hero in team.heroes]
    session.expunge_all()
    other = session.query(Team).options(lazyload(Team.heroes)).filter(Team.id == team_id).one()
    heroes = session.query(Hero).filter(Hero.team_id == other.id).all()
    return held, some, names, heroes
""",
            Proof.WASTE,
        ),
    )

    def suspects(self, analysis: Analysis) -> Iterable[Suspect]:
        """Yield one suspect per query."""
        for found in analysis.requeries:
            requery = found.what
            model = analysis.project.models[requery.model]
            relationship = model.relationships[requery.relationship]
            held = f"{requery.name}.{requery.relationship}"
            steps = [Step(found.path, requery.place.place[0], "the same rows are queried here")]
            if requery.origin is not None:
                steps.insert(0, Step(analysis.path_of(requery.origin), requery.origin.place[0], f"loads {held} too"))
            steps.append(
                Step(
                    relationship.declared_in,
                    relationship.place[0],
                    f"{model.name}.{relationship.name} has lazy={relationship.lazy!r}",
                )
            )
            yield Suspect(
                code=self.code,
                path=found.path,
                pos=Pos(*requery.place.place),
                node=found.node,
                scope=Pos(*requery.scope),
                function=found.function,
                message=f"this query fetches what {held} already holds",
                severity=self.severity,
                confidence=Confidence.HIGH,
                evidence=tuple(steps),
                advice=f"Use {held}, counted or sorted in Python; or load {model.name} without it here",
            )
