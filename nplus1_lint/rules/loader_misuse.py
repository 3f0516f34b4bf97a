"""NP207."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple

from nplus1_lint.findings import Confidence, Pos, Severity, Step, StrategyPlan, Suspect
from nplus1_lint.infer.loading import follow
from nplus1_lint.infer.multiplicity import is_collection
from nplus1_lint.rules.base import Example, Proof, Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nplus1_lint.infer.analysis import Analysis
    from nplus1_lint.infer.loaders import Loader
    from nplus1_lint.infer.trails import RowQuery

_JOINS = frozenset({"joinedload", "contains_eager", "eagerload"})
# What raises on a result that is to be made unique and is not; `first` and `scalar` take one row and do not (measured).
_RAISES = frozenset(
    {"__iter__", "all", "fetchall", "fetchmany", "fetchone", "one", "one_or_none", "partitions", "scalar_one",
     "scalar_one_or_none"}
)  # fmt: skip
_LISTS = frozenset({"__iter__", "all", "fetchall", "fetchmany", "partitions"})
_RESULT = frozenset({"execute", "scalars", "exec", "stream", "stream_scalars"})


class Misuse(NamedTuple):
    """One way of using a loader where it does not fit.

    Attributes:
        holds: says of a query and one of its options whether it is so used.
        message: what is wrong; ``{option}``, ``{owner}`` and ``{name}`` stand for the option and the relationship.
        advice: what to do instead.
    """

    holds: Callable[[Analysis, RowQuery, Loader], bool]
    message: str
    advice: str
    severity: Severity


class LoaderMisuse(Rule):
    """A loader option is used where it raises, queries per row or loads the wrong rows.

    What it does
        Flags the execution of a query with ``joinedload`` of a collection whose result is not made ``unique()`` before
        its rows are taken; with ``joinedload`` of a collection or ``subqueryload`` together with ``yield_per``; with
        ``immediateload`` on a list of rows; with ``subqueryload`` together with ``limit`` where the order, if any,
        has no unique column.

    Why is this bad
        The first two raise ``InvalidRequestError``. ``immediateload`` sends one statement per row: eleven for ten.
        ``subqueryload`` repeats the query inside another: without a total order, the two may pick different rows,
        and collections come out empty.

    Use instead
        ``unique()`` on the result; ``selectinload``, which needs none of this; an order that ends in the primary key.

    When it stays quiet
        The legacy ``Query`` makes its rows unique by itself. ``first()`` and ``scalar()`` take one row and do not
        raise. Joined single rows repeat nothing.

    Fix safety
        Safe where SQLAlchemy raised, and where ``selectinload`` sends fewer statements for the same rows. Unsafe for a
        limit without a unique order: the collections then belong to the rows of the page. A sentence where the
        option stands in no call of ``options()``.
    """

    code: ClassVar[str] = "NP207"
    name: ClassVar[str] = "loader-misuse"
    severity: ClassVar[Severity] = Severity.ERROR
    summary: ClassVar[str] = "a loader option raises, queries per row or loads the wrong rows where it is used"

    INVALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "a joined collection without unique",
            """\
# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from models import Team


def run(session: Session):
    teams = session.scalars(select(Team).options(joinedload(Team.heroes)))  # expect: NP207
    return [(team.slug, len(team.heroes)) for team in teams]
""",
            Proof.RESULT,
        ),
        Example(
            "a joined collection below a joined row",
            """\
# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from models import Hero, Team


def run(session: Session):
    query = select(Hero).options(joinedload(Hero.team).joinedload(Team.heroes)).where(Hero.id == 1)
    hero = session.execute(query).scalar_one()  # expect: NP207
    return len(hero.team.heroes)
""",
            Proof.RESULT,
        ),
        Example(
            "a joined collection in portions",
            """\
# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from models import Team


def run(session: Session):
    query = select(Team).options(joinedload(Team.heroes)).execution_options(yield_per=2)
    return [len(team.heroes) for team in session.scalars(query)]  # expect: NP207
""",
            Proof.RESULT,
        ),
        Example(
            "a query at once for each row of a list",
            """\
# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session, immediateload

from models import Team


def run(session: Session):
    teams = session.scalars(select(Team).options(immediateload(Team.heroes))).all()  # expect: NP207
    return [len(team.heroes) for team in teams]
""",
        ),
        Example(
            "a limit without an order, twice",
            """\
# file: models.py
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Team(Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    motto: Mapped[str]
    heroes: Mapped[list["Hero"]] = relationship()


class Hero(Base):
    __tablename__ = "heroes"
    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))


def seed(session, n):
    for number in range(n):
        session.add(Team(slug=f"team-{n - number}", motto="all for one " * 9, heroes=[Hero(), Hero()]))
    session.commit()
    session.expunge_all()

# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session, subqueryload

from models import Team


def run(session: Session):
    query = select(Team).options(subqueryload(Team.heroes)).limit(3)
    return sorted(len(team.heroes) for team in session.scalars(query))  # expect: NP207
""",
            Proof.RESULT,
        ),
    )
    VALID: ClassVar[tuple[Example, ...]] = (
        Example(
            "made unique before it is fetched",
            """\
# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from models import Team


def run(session: Session):
    result = session.execute(select(Team).options(joinedload(Team.heroes)))
    return [(team.slug, len(team.heroes)) for team in result.unique().scalars()]
""",
            Proof.RESULT,
        ),
        Example(
            "the legacy query, and one row",
            """\
# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from models import Team


def run(session: Session):
    teams = session.query(Team).options(joinedload(Team.heroes)).order_by(Team.id).all()
    first = session.scalar(select(Team).options(joinedload(Team.heroes)).order_by(Team.id))
    return [len(team.heroes) for team in teams], len(first.heroes)
""",
            Proof.RESULT,
        ),
        Example(
            "joined within a further statement, and in portions",
            """\
# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from models import Hero, Team


def run(session: Session):
    query = select(Hero).options(joinedload(Hero.team)).execution_options(yield_per=2)
    heroes = [hero.team.slug for hero in session.scalars(query)]
    chained = select(Hero).options(selectinload(Hero.team).joinedload(Team.heroes))
    return heroes, [len(hero.team.heroes) for hero in session.scalars(chained)]
""",
            Proof.RESULT,
        ),
        Example(
            "a limit with an order by the key",
            """\
# file: app.py
from sqlalchemy import select
from sqlalchemy.orm import Session, subqueryload

from models import Team


def run(session: Session):
    query = select(Team).options(subqueryload(Team.heroes)).order_by(Team.slug, Team.id).limit(3)
    return [len(team.heroes) for team in session.scalars(query)]
""",
            Proof.RESULT,
        ),
        Example(
            "one row at once",
            """\
# file: app.py
from sqlalchemy.orm import Session, immediateload

from models import Team


def run(session: Session):
    team = session.get(Team, 1, options=[immediateload(Team.heroes)])
    return len(team.heroes)
""",
        ),
    )

    def suspects(self, analysis: Analysis) -> Iterable[Suspect]:
        """Yield one suspect per query and misuse."""
        groups: dict[tuple[object, int], tuple[RowQuery, dict[Loader, None]]] = {}
        for fetch in analysis.uses.fetches:
            for loader in fetch.loaders:
                for number, misuse in enumerate(MISUSES):
                    if misuse.holds(analysis, fetch, loader):
                        groups.setdefault((fetch.site, number), (fetch, {}))[1][loader] = None
                        break
        for (_, number), (fetch, loaders) in groups.items():
            yield self._suspect(analysis, fetch, list(loaders), MISUSES[number])

    def _suspect(self, analysis: Analysis, fetch: RowQuery, loaders: list[Loader], misuse: Misuse) -> Suspect:
        site = fetch.site
        named = [_words(analysis, fetch, loader) for loader in loaders]
        steps = [
            Step(analysis.path_of(loader.site), loader.site.place[0], f"{words['option']} is asked for here")
            for loader, words in zip(loaders, named, strict=True)
        ]
        return Suspect(
            code=self.code,
            path=analysis.path_of(site),
            pos=Pos(*site.place),
            node=analysis.node_at(site),
            scope=Pos(*site.place),
            function=analysis.function_name(site.function),
            message=misuse.message.format_map(named[0]),
            severity=misuse.severity,
            confidence=Confidence.HIGH,
            evidence=tuple(steps),
            plan=_plan(analysis, loaders, misuse),
            advice=misuse.advice.format_map(named[0]),
            discriminator=",".join(".".join(loader.path) for loader in loaders),
        )


def _plan(analysis: Analysis, loaders: list[Loader], misuse: Misuse) -> StrategyPlan | None:
    """Return what the rewriter needs: each option, and what is to be done with it; None where no attribute names it."""
    is_unique = misuse.holds is _not_unique
    if not is_unique and not all(loader.is_attribute for loader in loaders):
        return None
    places = tuple((analysis.path_of(loader.site), Pos(*loader.site.place)) for loader in loaders)
    twice = misuse.holds is _limits_twice
    behaviour = "collections belong to the rows of the page, where they could belong to others" if twice else ""
    return StrategyPlan("unique" if is_unique else "selectinload", places, behaviour)


def _words(analysis: Analysis, fetch: RowQuery, loader: Loader) -> dict[str, str]:
    models = analysis.project.models
    relationship = follow(models, fetch.model, loader.path)
    owner = models[relationship.owner].name if relationship is not None else ""
    name = f"{owner}.{loader.path[-1]}"
    return {
        "option": f"{loader.strategy}({name})",
        "selectin": f"selectinload({name})",
        "owner": owner,
        "name": name,
        "root": models[fetch.model].name,
    }


# -- what is a misuse ------------------------------------------------------------------------------------------------


def _joins_collection(analysis: Analysis, fetch: RowQuery, loader: Loader) -> bool:
    """True if an option multiplies the rows of the query's own statement."""
    relationship = follow(analysis.project.models, fetch.model, loader.path)
    if relationship is None or loader.strategy not in _JOINS or not is_collection(analysis.project, relationship):
        return False
    return all(outer.strategy in _JOINS for outer in _outer(fetch, loader)) and _is_complete(fetch, loader)


def _outer(fetch: RowQuery, loader: Loader) -> list[Loader]:
    """The options on the way to one."""
    return [
        one for one in fetch.loaders if len(one.path) < len(loader.path) and loader.path[: len(one.path)] == one.path
    ]


def _is_complete(fetch: RowQuery, loader: Loader) -> bool:
    """True if each step of an option's path is loaded by an option of the same query."""
    return len(_outer(fetch, loader)) == len(loader.path) - 1


def _is_query(fetch: RowQuery) -> bool:
    return fetch.style in ("query", "flask-query")


def _taken(analysis: Analysis, fetch: RowQuery) -> set[str]:
    return analysis.uses.taken.get(fetch.site, set())


def _in_portions(analysis: Analysis, fetch: RowQuery, loader: Loader) -> bool:
    if "yield_per" not in fetch.flags or (not _is_query(fetch) and not _taken(analysis, fetch)):
        return False
    if loader.strategy == "subqueryload":
        return len(loader.path) == 1
    return loader.strategy != "contains_eager" and _joins_collection(analysis, fetch, loader)


def _not_unique(analysis: Analysis, fetch: RowQuery, loader: Loader) -> bool:
    taken = _taken(analysis, fetch)
    if fetch.style != "select" or fetch.method not in _RESULT or "from_statement" in fetch.flags:
        return False
    return bool(taken & _RAISES) and "unique" not in taken and _joins_collection(analysis, fetch, loader)


def _at_once_per_row(analysis: Analysis, fetch: RowQuery, loader: Loader) -> bool:
    if loader.strategy != "immediateload":
        return False
    for length in range(1, len(loader.path)):
        outer = follow(analysis.project.models, fetch.model, loader.path[:length])
        if outer is not None and is_collection(analysis.project, outer):
            return True
    if fetch.unique or "single" in fetch.flags:
        return False
    return fetch.method in ("all", "__iter__") if _is_query(fetch) else bool(_taken(analysis, fetch) & _LISTS)


def _limits_twice(analysis: Analysis, fetch: RowQuery, loader: Loader) -> bool:
    if loader.strategy != "subqueryload" or fetch.unique or not fetch.flags & {"limit", "paged"}:
        return False
    if any(other.site == fetch.site and "unique-order" in other.flags for other in analysis.uses.fetches):
        return False  # on some path the order is total: the others may not happen
    return all(outer.strategy not in ("selectinload", "immediateload") for outer in _outer(fetch, loader))


MISUSES = (
    Misuse(
        _in_portions,
        "{option} cannot be combined with yield_per: SQLAlchemy raises InvalidRequestError",
        "Load it with {selectin}, which works in portions",
        Severity.ERROR,
    ),
    Misuse(
        _not_unique,
        "{option} repeats each {root} and the rows are taken without unique(): SQLAlchemy raises InvalidRequestError",
        "Call unique() on the result first, or load with {selectin}",
        Severity.ERROR,
    ),
    Misuse(
        _at_once_per_row,
        "{option} sends one statement for each {owner} of the list",
        "Load it with {selectin}: one statement for all",
        Severity.ERROR,
    ),
    Misuse(
        _limits_twice,
        "{option} runs the query a second time with its limit, and no unique order makes it pick the same {root} rows",
        "Order by the primary key as well, or load with {selectin}",
        Severity.WARNING,
    ),
)
