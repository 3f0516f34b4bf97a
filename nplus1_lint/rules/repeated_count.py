"""NP402."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from nplus1_lint.findings import Confidence, Pos, Severity, Step, Suspect
from nplus1_lint.rules.base import Example, Proof, Rule
from nplus1_lint.rules.count_rewrites import rewrites

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nplus1_lint.infer.analysis import Analysis
    from nplus1_lint.infer.counts import Repeated

_MAX_CALLERS: Final = 6
_MANY: Final = 3  # places from which on a shared answer is worth a change of the schema


class RepeatedCount(Rule):
    """The same COUNT, or the same lookup of association rows by one key, is written in several places.

    What it does
        Flags a COUNT by one foreign key that two functions ask, or that one function asks for three others; and the
        rows of an association by one of its keys, looked up in three functions. The finding stands on the first place,
        the others are evidence.

    Why is this bad
        Each place pays a statement for a number that the database could give with the row, and each must be changed
        when the count does.

    Use instead
        In rising order of effort: a ``column_property`` with a scalar subquery; a cache with a time to live, for which
        every place is named that changes the answer; a stored column that triggers keep, with the migration for SQLite
        and PostgreSQL ready to be saved.

    When it stays quiet
        Filters that are more than columns compared with values, or that differ from run to run; joins, groups,
        DISTINCT, limits; counts of a column that may be NULL; keys that are no foreign key; a count that is only there
        to set a stored one. A count that no loop runs and that stands in two places is reported as info.

    Fix safety
        Shown only: which of the three is right depends on how often the rows are written.
    """

    code: ClassVar[str] = "NP402"
    name: ClassVar[str] = "repeated-count"
    severity: ClassVar[Severity] = Severity.WARNING
    summary: ClassVar[str] = "the same count or lookup by one key is asked in several places"

    INVALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "in two functions",
            """\
# file: app.py
from sqlalchemy.orm import Session

from models import Hero, Team


def card(session: Session, team: Team):
    return team.slug, session.query(Hero).filter_by(team_id=team.id).count()  # expect: NP402


def size(session: Session, team_id: int):
    return session.query(Hero).filter(Hero.team_id == team_id).count()


def run(session: Session):
    return card(session, session.get(Team, 1)), size(session, 2)
""",
            Proof.ALIKE,
        ),
        Example(
            "one function that three others call",
            """\
# file: app.py
from sqlalchemy import func
from sqlalchemy.orm import Session

from models import Hero, Team


class Heroes:
    def __init__(self, session: Session):
        self.session = session

    def strong(self, team_id: int) -> int:
        return self.session.query(func.count(Hero.id)).filter(Hero.team_id == team_id, Hero.power == 1).scalar()


def card(heroes: Heroes, team: Team):
    return team.slug, heroes.strong(team.id)  # expect: NP402


def size(heroes: Heroes, team_id: int):
    return heroes.strong(team_id)


def label(heroes: Heroes, team_id: int):
    return f"{heroes.strong(team_id)} heroes"


def run(session: Session):
    heroes = Heroes(session)
    return card(heroes, session.get(Team, 1)), size(heroes, 2), label(heroes, 3)
""",
            Proof.ALIKE,
        ),
    )
    VALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "counted with the row",
            """\
# file: app.py
from sqlalchemy import func, select
from sqlalchemy.orm import Session, column_property

from models import Hero, Team

Team.hero_count = column_property(
    select(func.count()).select_from(Hero).where(Hero.team_id == Team.id).correlate_except(Hero).scalar_subquery()
)


def card(session: Session, team: Team):
    return team.slug, team.hero_count


def size(session: Session, team_id: int):
    return session.get(Team, team_id).hero_count


def run(session: Session):
    return card(session, session.get(Team, 1)), size(session, 2)
""",
            Proof.ALIKE,
        ),
        Example(
            "other counts",
            """\
# file: app.py
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import Hero


def strong(session: Session, team_id: int):
    return session.query(Hero).filter(Hero.team_id == team_id, Hero.power > 0).count()


def weak(session: Session, team_id: int):
    return session.query(Hero).filter_by(team_id=team_id, power=0).count()


def names(session: Session, team_id: int):
    return session.scalar(select(func.count(Hero.name.distinct())).where(Hero.team_id == team_id))


def total(session: Session):
    return session.scalar(select(func.count(Hero.id)))


def run(session: Session):
    return strong(session, 1), weak(session, 1), names(session, 1), total(session)
""",
            Proof.ALIKE,
        ),
    )

    def suspects(self, analysis: Analysis) -> Iterable[Suspect]:
        """Yield one suspect per question."""
        for found in analysis.repeated_counts:
            first = found.places[0].site
            matters = found.counts and (found.looped or len(found.places) >= _MANY)
            yield Suspect(
                code=self.code,
                path=analysis.path_of(first),
                pos=Pos(*first.place),
                node=analysis.node_at(first),
                scope=Pos(*first.place),
                function=analysis.function_name(first.function),
                message=_message(analysis, found),
                severity=Severity.WARNING if matters else Severity.INFO,
                confidence=Confidence.MEDIUM,
                evidence=tuple(_evidence(analysis, found)),
                advice=f"{_title(found)}\n{rewrites(analysis, found)}",
                also_in=tuple(sorted({analysis.path_of(p.site) for p in found.places} - {analysis.path_of(first)})),
                discriminator=f"{found.counts} {found.model}.{found.key}"
                + "".join(f" {c}={value}" for c, value in found.constants),
                one_of_many=True,
            )


def _message(analysis: Analysis, found: Repeated) -> str:
    model = analysis.project.models[found.model].name
    beside = "".join(f" and {column} == {value}" for column, value in found.constants)
    what = f"the COUNT of {model} rows" if found.counts else f"the lookup of {model} rows"
    count = len(found.places)
    if found.places[0].query != found.places[0].site:
        return f"{what} by {found.key}{beside} is asked for here and in {count - 1} more calls"
    more = f"{count - 1} more place{'s' if count > 2 else ''}"
    return f"{what} by {found.key}{beside} stands here and in {more}"


def _title(found: Repeated) -> str:
    if not found.counts:
        return "Look it up in one function, and keep the answer for a while"
    return "Count with the row, keep the answer for a while, or store the number: in rising order of effort"


def _evidence(analysis: Analysis, found: Repeated) -> Iterator[Step]:
    model = analysis.project.models[found.model]
    doing = "counted" if found.counts else "looked up"
    for place in found.places:
        said = f"{model.name} rows are {doing} by {found.key}"
        if place.query != place.site:
            said = "calls for the count"
        yield Step(analysis.path_of(place.site), place.site.place[0], said)
    query = found.places[0].query
    if query != found.places[0].site:
        yield Step(analysis.path_of(query), query.place[0], f"{model.name} rows are {doing} by {found.key}")
    else:
        for call in found.callers[:_MAX_CALLERS]:
            yield Step(analysis.path_of(call), call.place[0], "calls one of these functions")
    column = model.columns[found.key]
    storage = analysis.project.schema.columns.get((model.id, found.key))
    yield Step(
        storage.path if storage else model.path, column.place[0], f"{model.name}.{found.key} refers to the parent"
    )
