"""NP304."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from nplus1_lint.findings import Confidence, Pos, Severity, Step, Suspect
from nplus1_lint.rules.base import Example, Proof, Rule
from nplus1_lint.rules.repeated import what, where

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nplus1_lint.infer.analysis import Analysis, Placed
    from nplus1_lint.infer.effects import Repeat


class RepeatedQuery(Rule):
    """The same query with the same arguments runs twice on one path.

    What it does
        Flags a call that queries when the same call, word for word, has queried before on the way and no name in it
        holds anything else since.

    Why is this bad
        The second statement fetches what the program already has.

    Use instead
        Keep the result of the first.

    When it stays quiet
        Anything between the two may change the answer: a write, a flush, a commit, an attribute of a row that is set, a
        session or rows given to unknown code, a wait, a ``with`` block; locking reads; ``session.get``; raw SQL.

    Fix safety
        Shown only: the name of the kept result is for the author to choose.
    """

    code: ClassVar[str] = "NP304"
    name: ClassVar[str] = "repeated-query"
    severity: ClassVar[Severity] = Severity.WARNING
    summary: ClassVar[str] = "the same query with the same arguments runs twice on one path"

    INVALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "a count that is asked again",
            """\
# file: app.py
from sqlalchemy.orm import Session

from models import Hero


def heroes_of(session, team_id):
    return session.query(Hero).filter(Hero.team_id == team_id)


def run(session: Session):
    if not heroes_of(session, 1).count():
        return "no hero"
    return f"{heroes_of(session, 1).count()} heroes"  # expect: NP304
""",
            Proof.TWICE,
        ),
        Example(
            "a helper that is called again",
            """\
# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Team


def team_of(session, slug):
    return session.scalars(select(Team).where(Team.slug == slug)).first()


def run(session: Session):
    slug = "team-0"
    name = team_of(session, slug).slug
    return name, team_of(session, slug).id  # expect: NP304
""",
            Proof.TWICE,
        ),
    )
    VALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "kept, or changed in between",
            """\
# file: app.py
from sqlalchemy.orm import Session

from models import Hero, Team


def run(session: Session):
    before = session.query(Hero).count()
    kept = before
    for team in session.query(Team).order_by(Team.id).limit(1):
        session.add(Hero(name="new", team=team))
    after = session.query(Hero).count()
    slug = "team-0"
    one = session.query(Team).filter_by(slug=slug).first()
    slug = "team-1"
    return kept, after, one, session.query(Team).filter_by(slug=slug).first()
""",
            Proof.TWICE,
        ),
    )

    def suspects(self, analysis: Analysis) -> Iterable[Suspect]:
        """Yield one suspect per second call."""
        for again in analysis.repeats:
            first = again.what.effects[0]
            behind = f" ({where(analysis, first)})" if first.chain else ""
            yield Suspect(
                code=self.code,
                path=again.path,
                pos=Pos(*again.what.place.place),
                node=again.node,
                scope=Pos(*again.what.scope),
                function=again.function,
                message=f"{what(first)}{behind} has run with the same arguments in line {again.what.first.place[0]}",
                severity=self.severity,
                confidence=Confidence.MEDIUM if first.chain else Confidence.HIGH,
                evidence=tuple(evidence(again)),
                advice="Keep the result of the first call",
            )


def evidence(again: Placed[Repeat]) -> Iterable[Step]:
    """The first call, then the second."""
    yield Step(again.path, again.what.first.place[0], "asked here first")
    yield Step(again.path, again.what.place.place[0], "asked here again")
