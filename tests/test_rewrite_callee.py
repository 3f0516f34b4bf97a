"""Batch variants of functions that loops call: the same outcome, and statements that no longer grow."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

import pytest

from nplus1_lint.findings import Applicability
from tests.executed import materialise, shared_models
from tests.rewriting import findings, prove_rewrites

if TYPE_CHECKING:
    from pathlib import Path


class Case(NamedTuple):
    """A program and a piece of it as it is to be afterwards."""

    files: dict[str, str]
    expected: str
    applicability: Applicability = Applicability.UNSAFE


IMPORTS = """\
import logging
import threading
from typing import Optional

from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from models import Hero, Team

logger = logging.getLogger(__name__)
"""


def program(app: str, **others: str) -> dict[str, str]:
    files = {f"{name}.py": IMPORTS + text for name, text in others.items()}
    return {**files, "app.py": IMPORTS + app, "models.py": shared_models()}


REPOSITORY = """

Factory = sessionmaker()


class Teams:
    def _get_session(self) -> Session:
        return Factory()

    def by_id(self, team_id: int) -> Optional[Team]:
        \"\"\"Fetch a team.

        Returns:
            The team or None.
        \"\"\"
        session = self._get_session()
        try:
            team = (
                session.query(Team)
                .filter(Team.id == team_id)  # by its key
                .first()
            )
            logger.debug(f"found {team_id}: {team}")
            return team
        finally:
            session.close()

    def members(self, team_id: int) -> list[Hero]:
        session = self._get_session()
        try:
            return session.query(Hero).filter_by(team_id=team_id).order_by(Hero.id).all()
        finally:
            session.close()

    def rename(self, team_id: int, **changes: str) -> Team:
        \"\"\"Change a team.\"\"\"
        session = self._get_session()
        try:
            team = session.query(Team).filter(Team.id == team_id).first()
            if not team:
                raise LookupError(f"no team {team_id}")
            for key, value in changes.items():
                setattr(team, key, value + str(team.id))

            session.commit()
            session.refresh(team)
            logger.info(f"changed {team_id}")
            return team
        finally:
            session.close()
"""

WRITERS = """

Factory = sessionmaker()


class Heroes:
    def put(self, hero: Hero) -> Hero:
        session = Factory()
        try:
            existing = session.query(Hero).filter(Hero.id == hero.id).first()
            if existing:
                existing.name = hero.name
                session.commit()
                session.refresh(existing)
                return existing
            else:
                session.add(hero)
                session.commit()
                session.refresh(hero)
                logger.debug(f"added {hero.id}")
                return hero
        finally:
            session.close()

    def remove(self, power: int, hero_id: int) -> bool:
        session = Factory()
        try:
            hero = session.query(Hero).filter_by(id=hero_id, power=power).first()
            if not hero:
                return False

            session.delete(hero)
            session.commit()
            return True
        except ValueError as e:
            session.rollback()
            raise LookupError(f"cannot remove {hero_id}") from e
        finally:
            session.close()
"""

CASES = {
    "changes are collected, and made behind the loop": Case(
        program(
            """
from writers import Heroes


def run(session: Session):
    heroes = Heroes()
    count = 0
    for number in session.scalars(select(Hero.id)).all():
        hero = Hero(id=number * 2, name=f"put-{number}", power=1, team_id=1)
        if number > 1:
            # not all of them
            heroes.put(hero)
            count += 1
    session.rollback()
    return count, session.execute(select(Hero.id, Hero.name).order_by(Hero.id)).all()
""",
            writers=WRITERS,
        ),
        "            put_items.append(hero)\n            count += 1\n    heroes.put_many(put_items)\n",
    ),
    "a try around the only call goes around the variant's": Case(
        program(
            """
from writers import Heroes


def run(session: Session):
    heroes = Heroes()
    wanted = set(session.scalars(select(Hero.id)).all())
    for hero_id in wanted - {1}:
        try:
            heroes.remove(
                power=1, hero_id=hero_id
            )
        except LookupError as e:
            logger.warning(
                f"no {hero_id}: {e}"
            )
    session.rollback()
    return session.scalars(select(Hero.id).order_by(Hero.id)).all()
""",
            writers=WRITERS,
        ),
        "hero_ids = list(wanted - {1})\n    try:\n        heroes.remove_many(power=1, hero_ids=hero_ids)\n    except",
    ),
    "a get in a method with a session of its own": Case(
        program(
            """
from repository import Teams


def run(session: Session):
    teams = Teams()
    found = []
    for team_id in [*session.scalars(select(Team.id).order_by(Team.id)), -1, 1]:
        # one by one
        team = teams.by_id(team_id)
        found.append(team.slug if team else None)
    return found
""",
            repository=REPOSITORY,
        ),
        "team = team_by_team_id[team_id]",
    ),
    "a list per key": Case(
        program(
            """
from repository import Teams


def run(session: Session):
    teams = Teams()
    keys = session.scalars(select(Team.id)).all()
    return {key: [hero.name for hero in teams.members(key)] for key in [*keys, -1]}
""",
            repository=REPOSITORY,
        ),
        ".get(key, [])",
    ),
    "a change whose result is not used": Case(
        program(
            """
from repository import Teams


def run(session: Session):
    teams = Teams()
    keys = session.scalars(select(Team.id)).all()
    for key in keys:
        teams.rename(key, slug="renamed-")
    session.rollback()
    return session.scalars(select(Team.slug).order_by(Team.id)).all()
""",
            repository=REPOSITORY,
        ),
        'teams.rename_many(list(keys), slug="renamed-")',
    ),
    "through a manager that forwards, locks and catches": Case(
        program(
            """
from repository import Teams


class Manager:
    def __init__(self):
        self.teams = Teams()
        self._lock = threading.RLock()

    def is_old(self, team_id: Optional[int] = None) -> bool:
        try:
            with self._lock:
                if team_id:
                    # this one
                    team = self.teams.by_id(team_id)
                    if not team:
                        logger.warning(f"no {team_id}")
                        return True  # as good as old

                    return team.slug.endswith("1")
                else:
                    return any(self.teams.by_id(number) for number in (1, 2))
        except Exception as e:
            logger.error(f"failed for {team_id}: {e}")
            return True


def run(session: Session):
    manager = Manager()
    rows = session.query(Team).order_by(Team.id).all()
    return [row.slug for row in rows if manager.is_old(row.id)]
""",
            repository=REPOSITORY,
        ),
        "if is_old_by_id[row.id]",
    ),
    "a count in a helper that is given the row": Case(
        program(
            """

def describe(team: Team, session: Session) -> dict:
    \"\"\"Tell of a team.\"\"\"
    size = session.query(Hero).filter_by(team_id=team.id).count()

    return {
        "slug": team.slug,
        "size": size,
    }


def run(session: Session):
    return [describe(team, session) for team in session.query(Team).order_by(Team.id)]
"""
        ),
        "describe_by_team[team] for team in",
    ),
    "a query that is the whole function, in 2.0 style": Case(
        program(
            """

def strongest(session: Session, team_id: int):
    return session.scalar(select(func.max(Hero.power)).where(Hero.team_id == team_id))


def run(session: Session):
    found = {}
    for team in session.scalars(select(Team)):
        if team.slug:
            found[team.slug] = strongest(session, team.id)
    return found
"""
        ),
        "strongest_by_id.get(team.id)",
    ),
    "two loops share one variant": Case(
        program(
            """

def name_of(session: Session, hero_id: int) -> str:
    hero = session.get(Hero, hero_id)
    return hero.name if hero is not None else "nobody"


def run(session: Session):
    ids = session.scalars(select(Hero.id).order_by(Hero.id)).all()
    first = [name_of(session, number) for number in ids]
    second = [name_of(session, number) for number in reversed(ids)]
    return first, second
"""
        ),
        "name_of_many(session, list(reversed(ids)))",
    ),
    "what the function rebinds is anew for each value": Case(
        program(
            """

def allowed(session: Session, strict: bool, team_id: int) -> bool:
    is_allowed = not strict
    if not is_allowed:
        if session.query(Hero).filter(Hero.team_id == team_id, Hero.power > 1).count() == 0:
            return False
        is_allowed = True
    return is_allowed


def run(session: Session):
    ids = [1, *session.scalars(select(Team.id)).all(), -1]
    return [allowed(session, True, number) for number in ids]
"""
        ),
        "        is_allowed = not strict\n        if not is_allowed:",
    ),
    "what the function collects is anew for each value": Case(
        program(
            """

def told(session: Session, team_id: int) -> dict:
    limit = 2
    names = []
    sizes = {"names": 0}
    logger.debug(f"telling of {team_id}")
    with threading.Lock():
        heroes = session.query(Hero).filter_by(team_id=team_id).order_by(Hero.id).all()
        for hero in heroes[:limit]:
            names.append(hero.name)
            sizes["names"] += 1
        return {"names": names, "sizes": sizes}


def run(session: Session):
    return [told(session, number) for number in session.scalars(select(Team.id)).all()]
"""
        ),
        '        sizes = {"names": 0}\n        logger.debug(f"telling of {team_id}")\n        with threading.Lock():',
    ),
    "a query inside what is returned": Case(
        program(
            """

def dressed(row):
    return {"row": row.slug}


def dress(session: Session, team_id: int) -> dict:
    return dressed(session.get(Team, team_id))


def run(session: Session):
    return [dress(session, number) for number in session.scalars(select(Team.id)).all()]
"""
        ),
        "dressed(team_by_id.get(team_id))",
    ),
    "an asynchronous helper": Case(
        program(
            """
from sqlalchemy.ext.asyncio import AsyncSession


async def size_of(session: AsyncSession, team_id: int) -> int:
    number = await session.scalar(select(func.count()).select_from(Hero).where(Hero.team_id == team_id))
    if number is None:
        return 0
    return number


async def run(session: AsyncSession):
    found = []
    for team_id in (await session.scalars(select(Team.id))).all():
        found.append(await size_of(session, team_id))
    return found
"""
        ),
        "await size_of_many(session, ",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_programs(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proof = prove_rewrites(case.files, "NP105", tmp_path, monkeypatch)
    whole = "\n".join(proof.files.values())
    assert case.expected in whole
    suggestion = proof.finding.suggestion
    assert suggestion is not None
    assert suggestion.applicability is case.applicability
    assert suggestion.behaviour
    ast.parse(suggestion.code)
    names = [
        node.name for node in ast.walk(ast.parse(whole)) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]
    assert len([name for name in names if name.endswith("_many")]) == len({n for n in names if n.endswith("_many")})


BY_ID = """

def get_team(session: Session, team_id: int) -> Optional[Team]:
    return session.get(Team, team_id)
"""
LOOP = """

def run(session: Session):
    keys = session.scalars(select(Team.id).order_by(Team.id)).all()
    return [{call}.slug for key in keys]
"""
PACKAGE = 'from resolver.by_id import get_team\n\n__all__ = [\n    "get_team",\n]\n'
NESTED = """
from resolver import get_team


def slug(session: Session, team_id: int):
    team = get_team(session, team_id)
    return team.slug if team else None
"""


@pytest.mark.parametrize(
    ("start", "call"),
    [
        ("import resolver", "resolver.get_team(session, key)"),
        ("from resolver import get_team", "get_team(session, key)"),
        ("from resolver import by_id", "by_id.get_team(session, key)"),
        ("from resolver.by_id import get_team", "get_team(session, key)"),
        ("from handed import get_team", "get_team(session, key)"),
        ("from nested import slug", "slug(session, key)"),
    ],
)
def test_the_variant_is_handed_on_as_the_function_is(
    start: str, call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = LOOP.format(call=call) if "slug" not in start else LOOP.format(call=call).replace(").slug", ")")
    files = {
        **program(f"{start}\n{loop}", nested=NESTED),
        "handed.py": "from resolver import *\n",
        "resolver/__init__.py": PACKAGE,
        "resolver/by_id.py": IMPORTS + BY_ID,
    }
    proof = prove_rewrites(files, "NP105", tmp_path, monkeypatch)
    assert proof.finding.suggestion is not None
    assert proof.finding.suggestion.applicability is Applicability.UNSAFE
    through = "resolver import by_id" not in start and "resolver.by_id" not in start
    assert ('    "get_team_many",\n]' in proof.files["resolver/__init__.py"]) is through


@pytest.mark.parametrize(
    "start",
    [
        "import resolver\n\nget_team = resolver.get_team",
        "from aliased import get_team",
        "from lazily import get_team",
    ],
)
def test_a_name_that_reaches_the_call_in_another_way(
    start: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {
        **program(f"{start}\n{LOOP.format(call='get_team(session, key)')}"),
        "aliased.py": "from resolver.given import by_key as get_team\n",
        "lazily.py": "from resolver.by_id import get_team as found\n\nget_team = found\n",
        "resolver/__init__.py": PACKAGE,
        "resolver/given.py": "from resolver.by_id import get_team as by_key\n",
        "resolver/by_id.py": IMPORTS + BY_ID,
    }
    for finding in findings(materialise(files, tmp_path), "NP105", monkeypatch):
        assert finding.suggestion is not None
        assert not finding.suggestion.changes


PROSE = {
    "another class has the method too": """
class Teams:
    def by_id(self, session: Session, team_id: int):
        return session.get(Team, team_id)


class CachedTeams(Teams):
    def by_id(self, session: Session, team_id: int):
        return None


def run(session: Session, teams: Teams):
    return [teams.by_id(session, number) for number in session.scalars(select(Team.id))]
""",
    "two arguments vary": """
def hero(session: Session, team_id: int, name: str):
    return session.query(Hero).filter(Hero.team_id == team_id, Hero.name == name).first()


def run(session: Session):
    return [hero(session, number, name) for number, name in session.execute(select(Hero.team_id, Hero.name)).all()]
""",
    "a return in a loop of its own": """
def strong(session: Session, team_id: int):
    for hero in session.query(Hero).filter(Hero.team_id == team_id).all():
        if hero.power:
            return hero.name
    return None


def run(session: Session):
    return [strong(session, number) for number in session.scalars(select(Team.id))]
""",
    "a decorator": """
def traced(function):
    return function


@traced
def by_id(session: Session, team_id: int):
    return session.get(Team, team_id)


def run(session: Session):
    return [by_id(session, number) for number in session.scalars(select(Team.id))]
""",
    "a parameter that the function counts up": """
def sizes(session: Session, team_id: int, start: int):
    size = session.query(Hero).filter(Hero.team_id == team_id).count()
    start += size
    return start


def run(session: Session):
    return [sizes(session, number, 7) for number in session.scalars(select(Team.id))]
""",
    "a row that need not be there": """
def size(session: Session, team: Optional[Team]):
    if team is None:
        return 0
    return session.query(Hero).filter(Hero.team_id == team.id).count()


def run(session: Session):
    return [size(session, hero.team) for hero in session.scalars(select(Hero))]
""",
    "an exception for one value, which the loop goes on from": """
def team(session: Session, team_id: int):
    found = session.get(Team, team_id)
    if found is None:
        raise LookupError(team_id)
    return found


def run(session: Session):
    found = []
    for number in [*session.scalars(select(Team.id)), -1]:
        try:
            found.append(team(session, number).slug)
        except LookupError:
            continue
    return found
""",
    "what is collected around a try": """
def names(session: Session, team_id: int):
    found = []
    try:
        for hero in session.query(Hero).filter(Hero.team_id == team_id).all():
            found.append(hero.name)
        return found
    except ValueError:
        return None


def run(session: Session):
    return [names(session, number) for number in session.scalars(select(Team.id))]
""",
    "another query for each value": """
def sizes(session: Session, team_id: int):
    team = session.get(Team, team_id)
    if team is None:
        return 0
    return session.query(Hero).filter(Hero.name == team.slug).count()


def run(session: Session):
    return [sizes(session, number) for number in session.scalars(select(Team.id))]
""",
}


@pytest.mark.parametrize("app", PROSE.values(), ids=PROSE.keys())
def test_what_is_not_understood_stays_prose(app: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = findings(materialise(program(app), tmp_path), "NP105", monkeypatch)
    assert found
    for finding in found:
        assert finding.suggestion is not None
        assert not finding.suggestion.changes
        assert "batch variant" in finding.suggestion.title
