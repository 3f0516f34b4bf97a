"""``# nplus1: no-query`` on a definition: a call to it costs nothing, and what it returns is still known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import nplus1_lint
from nplus1_lint.index.extract import extract
from nplus1_lint.index.facts import Def, FunctionFacts
from nplus1_lint.rules.example_models import SOURCE

if TYPE_CHECKING:
    from pathlib import Path

MARK = "# nplus1: no-query"
HEAD = """\
import abc
from typing import Protocol

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from models import Hero, Team

"""

# Each program calls `team` in a loop and reads `heroes` of what it gives; MARK is written into it or left out.
PROGRAMS = {
    "function": """
def team(session, key): {mark}
    return session.query(Team).filter_by(id=key).one()


def run(session: Session, keys: list[int]):
    found = [team(session, key) for key in keys]  # call
    return [len(one.heroes) for one in found]  # read
""",
    "async function": """
async def team(session: AsyncSession, key): {mark}
    return (await session.scalars(select(Team).where(Team.id == key))).one()


async def run(session: AsyncSession, keys: list[int]):
    found = [await team(session, key) for key in keys]  # call
    return [len(one.heroes) for one in found]  # read
""",
    "method": """
class Teams:
    def __init__(self, session: Session):
        self.session = session

    def team(self, key): {mark}
        return self.session.query(Team).filter_by(id=key).one()


def run(session: Session, keys: list[int]):
    teams = Teams(session)
    found = [teams.team(key) for key in keys]  # call
    return [len(one.heroes) for one in found]  # read
""",
    "property": """
class Entry:
    def __init__(self, session: Session, key: int):
        self.session = session
        self.key = key

    @property
    def team(self): {mark}
        return self.session.query(Team).filter_by(id=self.key).one()

    @team.setter
    def team(self, value):
        self.key = value.id


def run(session: Session, keys: list[int]):
    entries = [Entry(session, key) for key in keys]
    found = [entry.team for entry in entries]  # call
    return [len(one.heroes) for one in found]  # read
""",
    "nested function": """
def run(session: Session, keys: list[int]):
    def team(key): {mark}
        return session.query(Team).filter_by(id=key).one()

    found = [team(key) for key in keys]  # call
    return [len(one.heroes) for one in found]  # read
""",
    "callback": """
def team(key, session=Session()): {mark}
    return session.query(Team).filter_by(id=key).one()


def run(session: Session, keys: list[int]):
    found = list(map(team, keys))  # call
    return [len(one.heroes) for one in found]  # read
""",
    "generator": """
def team(session, key): {mark}
    yield from session.query(Team).filter_by(id=key)


def run(session: Session, keys: list[int]):
    found = []
    for key in keys:
        found.extend(team(session, key))  # call
    return [len(one.heroes) for one in found]  # read
""",
    "asynchronous generator": """
async def team(session: AsyncSession, key): {mark}
    for one in await session.scalars(select(Team).where(Team.id == key)):
        yield one


async def run(session: AsyncSession, keys: list[int]):
    found = []
    for key in keys:
        async for one in team(session, key):  # call
            found.append(one)
    return [len(one.heroes) for one in found]  # read
""",
    "interface": """
class Teams(abc.ABC):
    @abc.abstractmethod
    def team(self, key): ... {mark}


class SqlTeams(Teams):
    def __init__(self, session: Session):
        self.session = session

    def team(self, key):
        return self.session.query(Team).filter_by(id=key).one()


def run(teams: Teams, keys: list[int]):
    found = [teams.team(key) for key in keys]  # call
    return [len(one.heroes) for one in found]  # read
""",
    "protocol": """
class Teams(Protocol):
    def team(self, key): ... {mark}


class SqlTeams:
    def __init__(self, session: Session):
        self.session = session

    def team(self, key):
        return self.session.query(Team).filter_by(id=key).one()


def run(teams: Teams, keys: list[int]):
    found = [teams.team(key) for key in keys]  # call
    return [len(one.heroes) for one in found]  # read
""",
}


def found(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The codes found in a program, each with the comment that stands on its line."""
    (folder / "models.py").write_text(SOURCE)
    (folder / "app.py").write_text(text)
    monkeypatch.chdir(folder)
    lines = text.splitlines()
    return [f"{f.code} {lines[f.span.line - 1].rpartition('# ')[2]}" for f in nplus1_lint.check(["app.py"]).findings]


@pytest.mark.parametrize("kind", PROGRAMS)
def test_a_marked_definition_costs_its_callers_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    program = HEAD + PROGRAMS[kind]
    read = "NP501 read" if "AsyncSession" in PROGRAMS[kind] else "NP104 read"
    assert found(tmp_path, program.format(mark=""), monkeypatch) == ["NP105 call", read]
    assert found(tmp_path, program.format(mark=MARK), monkeypatch) == [read]


def test_what_the_definition_does_itself_is_still_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = f"""{HEAD}
def team(session: Session, keys: list[int]):  {MARK}
    return [session.query(Team).filter_by(id=key).one() for key in keys]  # inside
"""
    assert found(tmp_path, program, monkeypatch) == ["NP102 inside"]


@pytest.mark.parametrize(
    ("source", "marked"),
    [
        (f"def f(): {MARK}\n    pass\n", True),
        (f"def f(): return 1 {MARK}\n", True),
        (f"async def f(): {MARK}\n    pass\n", True),
        (f"def f(\n    a,\n): {MARK}\n    pass\n", True),
        (f"def f(\n    a, {MARK}\n):\n    pass\n", True),
        (f"def f(\n    {MARK}\n    a,\n):\n    pass\n", True),
        (f"{MARK}\ndef f():\n    pass\n", True),
        (f"{MARK}\n@d\ndef f():\n    pass\n", True),
        (f"@d {MARK}\ndef f():\n    pass\n", True),
        (f"@c\n@d(\n    1, {MARK}\n)\ndef f():\n    pass\n", True),
        (f"@d\n{MARK}\ndef f():\n    pass\n", True),
        (f"@d\ndef f(): ... {MARK}\n", True),
        (f"@d\ndef f(): {MARK}\n    pass\n", True),
        (f"def f():\n    {MARK}\n    pass\n", False),
        (f"def f():\n    pass {MARK}\n", False),
        (f"x = 1 {MARK}\ndef f():\n    pass\n", False),
        (f"text = '{MARK}'\ndef f():\n    pass\n", False),
    ],
)
def test_where_the_comment_stands(source: str, marked: bool) -> None:
    in_class = "class C:\n" + "".join(f"    {line}\n" for line in source.splitlines())
    in_function = in_class.replace("class C:", "@d\ndef outer():")
    assert function(statements(source)[-1]).no_query is marked
    assert function(statements(in_class)[0].cls.body[-1]).no_query is marked
    outer = function(statements(in_function)[0])
    assert (outer.no_query, function(outer.body[-1]).no_query) == (False, marked)


def statements(source: str) -> tuple[Any, ...]:
    return extract("a.py", source.encode()).body.body


def function(statement: Any) -> FunctionFacts:
    assert isinstance(statement, Def)
    return statement.function
