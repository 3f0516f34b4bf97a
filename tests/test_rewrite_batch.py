"""Queries lifted out of their loops in whole programs: the keys are read only where the loop reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.executed import materialise, shared_models
from tests.rewriting import findings, prove_rewrites

if TYPE_CHECKING:
    from pathlib import Path

IMPORTS = """\
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import Hero, Team


@dataclass
class Note:
    text: str


@dataclass
class Member:
    hero_id: int
    rank: int = 0


def operations(session: Session) -> list[Note | Member]:
    ids = session.scalars(select(Hero.id).order_by(Hero.id)).all()
    return [Note("begin"), *(Member(number, number % 3) for number in ids), Note("end"), Member(-1)]


"""


class Case(NamedTuple):
    """A program, its rule, and a piece of it as it is to be afterwards."""

    code: str
    app: str
    expected: str


CASES = {
    "rows compared with a relationship, which has no IN": Case(
        "NP103",
        """\
def run(session: Session):
    found = []
    for team in session.query(Team).order_by(Team.id).all():
        for hero in session.query(Hero).filter_by(team=team).order_by(Hero.id).all():
            found.append((team.slug, hero.name))
    return found
""",
        "Hero.team_id.in_([team.id for team in team_rows])",
    ),
    "rows compared with a relationship, counted": Case(
        "NP101",
        """\
def run(session: Session):
    teams = session.query(Team).order_by(Team.id).all()
    return [(team.slug, session.query(Hero).filter_by(team=team, power=1).count()) for team in teams]
""",
        ".get(team.id, 0)",
    ),
    "a session that an asynchronous context manager gives": Case(
        "NP103",
        """\
from contextlib import AbstractAsyncContextManager

from sqlalchemy.ext.asyncio import AsyncSession


def opened(session) -> AbstractAsyncContextManager[AsyncSession]:
    return AsyncSession(session.bind)


async def run(given):
    found = []
    async with opened(given) as session:
        for team_id in list((await session.execute(select(Team.id))).scalars().all()):
            statement = select(Hero.name).where(Hero.team_id == team_id).order_by(Hero.id)
            found += (await session.execute(statement)).scalars().all()
    return found
""",
        " in await session.execute(",
    ),
    "the case of a match": Case(
        "NP102",
        """\
def run(session: Session):
    found = []
    for operation in operations(session):
        match operation:
            case Note():
                found.append(operation.text)
            case Member(rank=2):
                found.append("second")
            case Member() if operation.rank != 1:
                hero = session.get(Hero, operation.hero_id)
                found.append(hero.name if hero is not None else None)
    return found
""",
        """\
            case Member(rank=2):
                pass
            case Member() if operation.rank != 1:
                keys.append(operation.hero_id)
""",
    ),
    "a name that a case binds": Case(
        "NP102",
        """\
def run(session: Session):
    found = []
    for operation in operations(session):
        match operation:
            case Member(hero_id=number, rank=0 | 1):
                hero = session.get(Hero, number)
                found.append(hero.name if hero is not None else None)
            case other:
                found.append(type(other).__name__)
    return found
""",
        "                keys.append(number)\n",
    ),
    "a condition on what the loop changes, and a name alone": Case(
        "NP102",
        """\
def run(session: Session):
    found, seen = [], set()
    for number in [1, 1, *session.scalars(select(Hero.id).order_by(Hero.id)).all()]:
        if number in seen:
            continue
        seen.add(number)
        hero = session.get(Hero, number)
        found.append(hero.name)
    return found
""",
        "hero_by_id.get(number)",
    ),
}


def program(app: str) -> dict[str, str]:
    return {"app.py": IMPORTS + app, "models.py": shared_models()}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_programs(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proof = prove_rewrites(program(case.app), case.code, tmp_path, monkeypatch)
    assert case.expected in proof.files["app.py"]


PROSE = {
    "a session that the loop gives its name": (
        "NP103",
        """\
def run(session: Session, registry: dict[str, Session]):
    found = []
    for team_id in session.scalars(select(Team.id)).all():
        own = registry["own"]
        found += own.scalars(select(Hero).where(Hero.team_id == team_id)).all()
    return found
""",
    ),
    "a row that may be missing, compared with a relationship": (
        "NP103",
        """\
def run(session: Session):
    found = []
    for hero in session.scalars(select(Hero)).all():
        found += session.query(Hero).filter_by(team=hero.team).all()
    return found
""",
    ),
    "a class that is asked for together with what the loop changes": (
        "NP102",
        """\
def run(session: Session):
    found, seen = [], set()
    for operation in operations(session):
        if isinstance(operation, Member) and operation.hero_id not in seen:
            seen.add(operation.hero_id)
            found.append(session.get(Hero, operation.hero_id))
    return found
""",
    ),
    "a match on what the loop changes": (
        "NP102",
        """\
def run(session: Session):
    found, last = [], {}
    for operation in operations(session):
        match operation:
            case Member() if operation.hero_id not in last:
                last[operation.hero_id] = operation
                found.append(session.get(Hero, operation.hero_id))
    return found
""",
    ),
    "a key that a try may not get": (
        "NP102",
        """\
def run(session: Session):
    found = []
    for operation in operations(session):
        try:
            found.append(session.get(Hero, int(operation.text)))
        except ValueError:
            continue
    return found
""",
    ),
}


@pytest.mark.parametrize(("code", "app"), PROSE.values(), ids=PROSE.keys())
def test_where_keys_or_session_are_not_there_before_the_loop(
    code: str, app: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = findings(materialise(program(app), tmp_path), code, monkeypatch)
    assert found
    for finding in found:
        assert finding.suggestion is not None
        assert not finding.suggestion.changes
        assert "IN query" in finding.suggestion.title


DRAWN = """
import itertools
import random

from elsewhere import numbered


class Counter:
    def __init__(self):
        self.count = 0

    def following(self, number):
        self.count += 1
        return number + self.count


def drawn(number):
    return bounded(number, random.randint(0, 1))


def bounded(number, most):
    return min(number, most) if most else abs(number)


def run(session: Session, given=bounded):
    found, counter, counts = [], Counter(), itertools.count()
    for number in session.scalars(select(Hero.id).order_by(Hero.id)).all():
        key = {key}
        found.append(session.get(Hero, key))
    return [hero and hero.name for hero in found]
"""


@pytest.mark.parametrize(
    ("key", "repeated"),
    [
        ("random.randint(0, number)", False),
        ("drawn(number)", False),
        ("numbered(number)", False),
        ("given(number, 1)", False),
        ("number + next(counts)", False),
        ("max(number, *[int(random.random())])", False),
        ("bounded(number, number + 1)", True),
        ("max(0, number - 1)", True),
        ("int(str(number).strip())", True),
    ],
)
def test_keys_that_cannot_be_made_twice(
    key: str, repeated: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {
        **program(DRAWN.replace("{key}", key)),
        "elsewhere.py": "def numbered(number):\n    return number\n",
    }
    if repeated:
        proof = prove_rewrites(files, "NP102", tmp_path, monkeypatch)
        assert "hero_by_id.get(key)" in proof.files["app.py"]
        return
    for finding in findings(materialise(files, tmp_path), "NP102", monkeypatch):
        assert finding.suggestion is not None
        assert not finding.suggestion.changes


def test_a_loop_inside_that_runs_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = """
import random


def run(session: Session):
    numbers = session.scalars(select(Hero.id)).all()
    return [session.get(Hero, key) for number in numbers for key in random.sample([number, number + 1], 2)]
"""
    found = findings(materialise(program(app), tmp_path), "NP102", monkeypatch)
    assert [finding.suggestion.changes for finding in found if finding.suggestion is not None] == [()]


UUIDS = """\
import uuid

from sqlalchemy import ForeignKey, Uuid
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Person(Base):
    __tablename__ = "people"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)

    def told(self):
        return {"id": str(self.id)}


class Login(Base):
    __tablename__ = "logins"
    id: Mapped[int] = mapped_column(primary_key=True)
    person_id = mapped_column(ForeignKey("people.id"), index=True)


class Visit(Base):
    __tablename__ = "visits"
    id: Mapped[int] = mapped_column(primary_key=True)
    person_id = mapped_column(Uuid(as_uuid=False), index=True)


def seed(session, size):
    for number in range(1, size + 1):
        session.add(Person(id=uuid.UUID(int=number)))
        session.add_all([Login(person_id=uuid.UUID(int=number)) for _ in range(2)])
        session.add(Visit(person_id=str(uuid.UUID(int=number))))
    session.commit()
"""
LOGINS = """\
import uuid

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Login, Person, Visit


"""
OF_UUIDS = {
    "the key of a row": """\
def run(session: Session):
    people = session.scalars(select(Person).order_by(Person.id)).all()
    return [[row.id for row in session.query(Login).filter(Login.person_id == one.id).all()] for one in people]
""",
    "annotated identifiers": """\
def logins(session: Session, ids: list[uuid.UUID]):
    found = []
    for one in ids:
        found.append([row.id for row in session.scalars(select(Login).where(Login.person_id == one)).all()])
    return found


def run(session: Session):
    return logins(session, [uuid.UUID(told["id"]) for told in map(Person.told, session.scalars(select(Person)))])
""",
    "text is made into an identifier": """\
def run(session: Session):
    found = []
    for told in [person.told() for person in session.scalars(select(Person).order_by(Person.id))]:
        one = uuid.UUID(told["id"])
        found.append([row.id for row in session.query(Login).filter(Login.person_id == one).all()])
    return found
""",
    "a column that holds text": """\
def run(session: Session):
    found = []
    for told in [person.told() for person in session.scalars(select(Person).order_by(Person.id))]:
        found.append([row.id for row in session.query(Visit).filter(Visit.person_id == told["id"]).all()])
    return found
""",
}


@pytest.mark.parametrize("app", OF_UUIDS.values(), ids=OF_UUIDS.keys())
def test_identifiers_that_are_surely_of_the_column_s_type(
    app: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proof = prove_rewrites({"app.py": LOGINS + app, "models.py": UUIDS}, "NP103", tmp_path, monkeypatch)
    assert "_by_person_id.get(" in proof.files["app.py"]


@pytest.mark.parametrize(("annotation", "written"), [(": uuid.UUID", True), ("", False), (": uuid.UUID | str", False)])
def test_a_function_that_may_be_given_text_instead_of_an_identifier(
    annotation: str, written: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = LOGINS + (
        f"def logins(session: Session, person_id{annotation}):\n"
        "    return session.query(Login).filter(Login.person_id == person_id).all()\n\n\n"
        "def run(session: Session):\n"
        "    return [logins(session, told['id']) for told in map(Person.told, session.scalars(select(Person)).all())]\n"
    )
    (finding,) = findings(materialise({"app.py": app, "models.py": UUIDS}, tmp_path), "NP105", monkeypatch)
    assert finding.suggestion is not None
    assert bool(finding.suggestion.changes) is written


def test_text_compared_with_identifiers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = (
        LOGINS
        + """\
def run(session: Session):
    found = []
    for told in [person.told() for person in session.scalars(select(Person).order_by(Person.id))]:
        found.append([row.id for row in session.query(Login).filter(Login.person_id == told["id"]).all()])
    return found
"""
    )
    (finding,) = findings(materialise({"app.py": app, "models.py": UUIDS}, tmp_path), "NP103", monkeypatch)
    assert finding.suggestion is not None
    assert not finding.suggestion.changes
    assert "which holds UUIDs" in finding.suggestion.title


@pytest.mark.parametrize(
    ("parameter", "iterable", "value", "written"),
    [
        ("keys: str", 'keys.split(",")', "key", False),
        ("keys: list[str]", "keys", "key", False),
        ("keys: list", "keys", "str(key)", False),
        ("keys: list[str]", "keys", "int(key)", True),
        ("keys: list[int]", "keys", "key", True),
        ("keys: list", "keys", "key", True),
    ],
)
def test_text_compared_with_integers(
    parameter: str, iterable: str, value: str, written: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = (
        f"def run(session: Session, {parameter}):\n"
        f"    return [session.query(Hero).filter(Hero.team_id == {value}).all() for key in {iterable}]\n"
    )
    (finding,) = findings(materialise(program(app), tmp_path), "NP103", monkeypatch)
    assert finding.suggestion is not None
    assert bool(finding.suggestion.changes) is written
    assert ("which holds integers" in finding.suggestion.title) is not written
