"""Loops that look like an N+1 and are none, each beside one that is: judged by the linter and executed."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pytest

import nplus1_lint
from nplus1_lint.rules.base import Example
from tests.executed import LARGE, SMALL, files_of, materialise, run
from tests.test_examples import BRIEF

if TYPE_CHECKING:
    from pathlib import Path

HEADER = """\
# file: app.py
import enum
import itertools

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Base, Hero, Team

KINDS = ("x", "y")


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Teams:
    def __init__(self, session: Session):
        self.session = session
        self.known = {}

    def by_id(self, i):
        team = self.known.get(i)
        if team is not None:
            return team
        team = self.session.get(Team, i)
        self.known[i] = team
        return team


def run(session: Session):
    ids = session.scalars(select(Hero.team_id).where(Hero.team_id == 1)).all()
    every = session.scalars(select(Team.id)).all()
    session.expunge_all()
"""

QUIET = {
    "windows over a key": """
        starts = every[::1000]
        windows = [Hero.team_id >= start for start in starts]
        return [hero.name for window in windows for hero in session.query(Hero).filter(window).order_by(Hero.id)]
    """,
    "memo by get": """
        known = {}
        for i in ids:
            team = known.get(i)
            if team is None:
                team = known[i] = session.get(Team, i)
    """,
    "memo by walrus": """
        known = {}
        for i in ids:
            if (team := known.get(i)) is None:
                team = session.query(Team).filter_by(id=i).one()
                known[i] = team
    """,
    "memo of an instance": """
        teams = Teams(session)
        return [teams.by_id(i).slug for i in ids]
    """,
    "filled at first need": """
        first = None
        for i in every:
            if first is None:
                first = session.query(Team).filter(Team.id >= i).first()
    """,
    "search that skips misses": """
        for i in every:
            team = session.query(Team).filter_by(id=i).first()
            if not team:
                continue
            return team
    """,
    "free name": """
        for n in itertools.count(1000):
            if not session.query(Team).filter_by(slug=f"team-{n}").count():
                return n
    """,
    "get of the loop's own rows": """
        teams = session.query(Team).all()
        return [session.get(Team, team.id).slug for team in teams]
    """,
    "get of rows in a dictionary": """
        teams = {team.id: team for team in session.query(Team).filter(Team.id.in_(every))}
        return [session.get(Team, i).slug for i in every], teams
    """,
    "one parent for all": """
        return [hero.team.slug for hero in session.query(Hero).filter(Hero.team_id == 1)]
    """,
    "one row": """
        return [len(team.heroes) for team in session.query(Team).limit(1)]
    """,
    "all tables": """
        return [session.query(cls).count() for cls in Base.__subclasses__()]
    """,
    "all mappers": """
        return [session.query(mapper.class_).count() for mapper in Base.registry.mappers]
    """,
    "members of an enumeration": """
        for color in Color.__members__.values():
            session.query(Hero).filter_by(name=color.value).count()
    """,
    "constants put together": """
        for kind in sorted({"a", "b"} | set(KINDS)):
            session.query(Hero).filter_by(name=kind).count()
        for kind in (*KINDS, "z"):
            session.query(Hero).filter_by(name=kind).count()
    """,
}
LOUD = {
    "memo made anew per iteration": (
        "NP102",
        """
        for i in every:
            known = {}
            team = known.get(i)
            if team is None:
                team = known[i] = session.get(Team, i)
        """,
    ),
    "reset at every iteration": (
        "NP103",
        """
        for i in every:
            first = None
            if first is None:
                first = session.query(Team).filter(Team.id >= i).first()
        """,
    ),
    "a check of all": (
        "NP101",
        """
        return all(session.query(Team).filter_by(id=i).count() for i in every)
        """,
    ),
    "rows of many parents": (
        "NP104",
        """
        return [hero.team.slug for hero in session.query(Hero).filter(Hero.id > 0)]
        """,
    ),
    "a condition for each key": (
        "NP103",
        """
        conditions = [Hero.team_id == i for i in every]
        return [hero.name for condition in conditions for hero in session.query(Hero).filter(condition)]
        """,
    ),
    "a limit that lets many through": (
        "NP104",
        """
        return [len(team.heroes) for team in session.query(Team).limit(100)]
        """,
    ),
    "every seen key queries": (
        "NP101",
        """
        seen = set()
        for i in every:
            if i in seen:
                continue
            seen.add(i)
            session.query(Hero).filter_by(team_id=i).count()
        """,
    ),
}


def program(body: str) -> Example:
    return Example("a loop", HEADER + textwrap.indent(textwrap.dedent(body), "    "))


def codes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.chdir(folder)
    """What is found, but for what the rows are fetched for: that is asked without regard to loops."""
    found = [finding.code for finding in nplus1_lint.check(["."]).findings]
    return [code for code in found if code not in BRIEF]


def statements(example: Example, folder: Path) -> list[int]:
    return [len(run(folder, files_of(example), size).statements) for size in (SMALL, LARGE)]


@pytest.mark.parametrize("name", QUIET)
def test_quiet_and_constant(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    example = program(QUIET[name])
    materialise(files_of(example), tmp_path)
    assert codes(tmp_path, monkeypatch) == []
    small, large = statements(example, tmp_path)
    assert small == large


@pytest.mark.parametrize("name", LOUD)
def test_loud_and_growing(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, body = LOUD[name]
    example = program(body)
    materialise(files_of(example), tmp_path)
    assert codes(tmp_path, monkeypatch) == [code]
    small, large = statements(example, tmp_path)
    assert small < large


def test_rows_read_twice_are_reported_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = """
    heroes = session.query(Hero).all()
    first = [hero.team.slug for hero in heroes]
    second = [hero.team.id for hero in heroes]
    return first, second
    """
    example = program(body)
    materialise(files_of(example), tmp_path)
    monkeypatch.chdir(tmp_path)
    (finding,) = (f for f in nplus1_lint.check(["."]).findings if f.code.startswith("NP1"))
    assert "first = " in (tmp_path / "app.py").read_text().split("\n")[finding.span.line - 1]


TRANSACTIONS = """\
# file: app.py
from sqlalchemy import create_engine
from sqlalchemy.orm import Session, sessionmaker

from models import Team

factory = sessionmaker(create_engine("sqlite://"))


def in_own(slug):
    with factory() as own:
        own.add(Team(slug=slug))
        own.commit()


def in_own_closed(slug):
    own = factory()
    try:
        own.add(Team(slug=slug))
        own.commit()
    finally:
        own.close()


def in_given(session, slug):
    session.add(Team(slug=slug))
    session.commit()


def run(session: Session, slugs):
    for slug in slugs:
        CALL
"""


@pytest.mark.parametrize(
    ("call", "found"), [("in_own(slug)", []), ("in_own_closed(slug)", []), ("in_given(session, slug)", ["NP108"])]
)
def test_a_callee_that_opens_a_session_has_its_own_transaction(
    call: str, found: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    materialise(files_of(Example("own sessions", TRANSACTIONS.replace("CALL", call))), tmp_path)
    assert codes(tmp_path, monkeypatch) == found
