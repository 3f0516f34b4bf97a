"""What ``trace`` says of a function, and which function a name means."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import nplus1_lint.report
from nplus1_lint.infer import limits, solve
from nplus1_lint.rules import PRIMARY
from tests.command import invoke

if TYPE_CHECKING:
    from click.testing import Result

ROOT = Path(__file__).parent.parent
FIXTURE = ROOT / "fixtures" / "skillmeat_mini"
MODELS = """\
from sqlalchemy import ForeignKey, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, deferred, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Team(Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str]
    bio: Mapped[str] = deferred(mapped_column(Text))
    heroes: Mapped[list["Hero"]] = relationship(back_populates="team")
    coaches: Mapped[list["Coach"]] = relationship(lazy="selectin")
    fans: Mapped[list["Fan"]] = relationship(lazy="dynamic")
    rivals: Mapped[list["Coach"]] = relationship(lazy="raise", viewonly=True)
    ghosts: Mapped[list["Ghost"]] = relationship()


class Hero(Base):
    __tablename__ = "heroes"
    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))
    team: Mapped["Team"] = relationship(back_populates="heroes")


class Coach(Base):
    __tablename__ = "coaches"
    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))


class Fan(Base):
    __tablename__ = "fans"
    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))
"""
HEAD = """\
import time
from functools import lru_cache

import legacy
from sqlalchemy import select, text
from sqlalchemy.orm import Session, defer, lazyload, load_only, selectinload, sessionmaker

from models import Coach, Hero, Team

Maker = sessionmaker()
"""
CAPTURED = "or nothing is known of what it captures"
FIRST = len(HEAD.splitlines()) + 1  # the line on which a program begins below HEAD


def run(*arguments: str) -> Result:
    return invoke("trace", *arguments)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".git").mkdir()
    (tmp_path / "models.py").write_text(MODELS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(folder: Path, program: str, name: str = "run") -> dict[str, Any]:
    """The JSON trace of a function of a program written below HEAD."""
    (folder / "app.py").write_text(HEAD + program)
    result = run(name, "--format", "json")
    assert result.exit_code == 0, result.stderr
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def only(document: dict[str, Any]) -> dict[str, Any]:
    """The one context of a trace."""
    (context,) = document["contexts"]
    found: dict[str, Any] = context
    return found


SERVICE = """\
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from models import Hero, Team


class Teams:
    def __init__(self, session: Session):
        self.session = session

    def size(self, team, client):
        client.ping(team.id)
        return self.session.query(Hero).filter_by(team_id=team.id).count(), team.heroes


def sizes(session: Session, client):
    teams = session.scalars(select(Team).options(selectinload(Team.heroes))).all()
    return [Teams(session).size(team, client) for team in teams]
"""


def test_text_is_exactly_this(folder: Path) -> None:
    (folder / "app.py").write_text(SERVICE)
    assert (
        run("sizes").stdout
        == """\
sizes() at app.py:16

context 1 of 1: what annotations and defaults say
  parameters
    session: session
    client: unknown: it has no annotation
  returns list of (plain data, list of Hero rows [one for all rows: team; loaded: team, team.heroes; queried at \
app.py:17 through heroes]) (depends on parameter session)
  effects, in the order in which they are met
    app.py:17 SELECT Team
    app.py:18 COUNT Hero, reported here: NP105
      --> app.py:18 calls Teams.size()
      --> app.py:13 COUNT Hero
      depends on parameter session, loop `for team in teams`
      in `for team in teams` (line 18): counted, it runs once per iteration
        over rows of Team [loaded: heroes; queried at app.py:17]
"""
    )
    assert (
        run("Teams.size").stdout
        == """\
Teams.size() at app.py:11

context 1 of 2: what annotations and defaults say
  parameters
    self: a Teams
    team: unknown: it has no annotation
    client: unknown: it has no annotation
  returns (plain data, unknown: nothing is known of the parameter team) (depends on parameter self, parameter team)
  effects, in the order in which they are met
    app.py:13 COUNT Hero
      depends on parameter self, parameter team
  unknown
    app.py:12 callee client.ping: nothing is known of the parameter client
    app.py:12 receiver team: nothing is known of the parameter team (also line 13)

context 2 of 2: what a caller gives
  called so by
    app.py:16 sizes()
  parameters
    self: Teams(session=session)
    team: row of Team [loaded: heroes; queried at app.py:17]
    client: unknown: it has no annotation
  returns (plain data, list of Hero rows [one for all rows: team; loaded: team, team.heroes; queried at app.py:17 \
through heroes]) (depends on \
parameter self, parameter team)
  effects, in the order in which they are met
    app.py:13 COUNT Hero
      depends on parameter self, parameter team
  reads of relationships and deferred columns
    app.py:13 Team.heroes loaded by an option of the query
  unknown
    app.py:12 callee client.ping: nothing is known of the parameter client
"""
    )


def test_equal_contexts_are_told_once(folder: Path) -> None:
    program = """
def size(session: Session, team: Team):
    return session.query(Hero).filter_by(team_id=team.id).count()


def run(session: Session):
    return [size(session, team) for team in session.query(Team)]
"""
    told(folder, program)
    text = run("size").stdout
    assert text.count("effects, in the order") == 1
    assert text.endswith("  the rest is as in context 1\n")


def test_each_outcome_of_a_flag_is_a_context_that_the_callers_call(folder: Path) -> None:
    program = """
def clean(session: Session, team: Team, dry=False):
    if not dry:
        session.query(Hero).filter_by(team_id=team.id).all()
    if dry:
        session.query(Coach).filter_by(team_id=team.id).all()


def run(session: Session, team: Team, dry: bool):
    clean(session, team, dry)
"""
    contexts = told(folder, program, "clean")["contexts"]
    statements = {tuple(one["what"] for one in context["effects"]) for context in contexts}
    assert statements == {("SELECT Hero",), ("SELECT Coach",)}
    callers = [[one["message"] for one in context["called_by"]] for context in contexts]
    assert ["run()"] in callers
    assert {caller for called_by in callers for caller in called_by} == {"run()"}


@pytest.mark.parametrize(
    ("loop", "counted", "why"),
    [
        ("for key in keys:\n        one(session, key)", True, "it runs once per iteration"),
        ("for key in (1, 2):\n        one(session, key)", False, "the source fixes how often the loop runs"),
        ("for key in keys:\n        one(session, 1)", False, "it does not depend on the loop's values"),
        (
            "for key in keys:\n        session.execute(f'NOTIFY teams, {key}')",
            False,
            "no batch could replace what is neither SELECT nor INSERT, UPDATE, DELETE",
        ),
        (
            "for key in keys:\n        if one(session, key):\n            break",
            False,
            "the iteration does not go on after it (return, break, raise, or a search that ends at its hit)",
        ),
        (
            "for key in keys:\n        if key not in known:\n            known[key] = one(session, key)",
            False,
            "`known` is asked first",
        ),
        (
            "for key in keys:\n        if key % 9 == 0:\n            one(session, key)",
            False,
            "it runs every so often only",
        ),
        (
            "for start in range(0, 99, len(keys)):\n        one(session, keys[start])",
            False,
            "an iteration handles a batch",
        ),
        (
            "for key in keys:\n        for part in batched(keys, key):\n            one(session, part)",
            False,
            "a loop inside hands it one batch at a time",
        ),
        (
            "while keys:\n        key = keys.pop()\n        one(session, key)\n        time.sleep(1)",
            False,
            "the loop waits between its iterations, so it polls",
        ),
        (
            "for key in keys:\n        with sessionmaker(key)() as own:\n            own.get(Team, key)",
            False,
            "each iteration has a session of its own",
        ),
        (
            "for key in keys:\n        session.query(Team).offset(key).all()",
            False,
            "each iteration fetches a page",
        ),
        (
            "while keys:\n        keys = session.scalars(select(Hero.id).where(Hero.team_id.in_(keys))).all()",
            False,
            "each iteration fetches a whole level with IN",
        ),
        (
            "for key in keys:\n        session.add(Team(id=key))\n    session.commit()",
            False,
            "it is no statement: the next flush writes it",
        ),
    ],
)
def test_why_a_loop_counts_or_does_not(folder: Path, loop: str, counted: bool, why: str) -> None:
    program = f"""
def one(session: Session, key):
    return session.query(Team).filter_by(id=key).first()


def run(session: Session, keys: list[int], known, batched):
    {loop}
    return keys
"""
    (effect,) = (effect for effect in only(told(folder, program))["effects"] if effect["loops"])
    assert (effect["loops"][0]["counted"], effect["loops"][0]["why"]) == (counted, why)
    found = {finding.code for finding in nplus1_lint.check(["."]).findings}
    codes = [code for code in PRIMARY if code in found - {"NP305"}]  # which asks for the opposite of a count
    assert effect["codes"] == codes
    assert bool(codes) is counted


@pytest.mark.parametrize(
    ("query", "read", "state", "why"),
    [
        ("select(Team)", "heroes", "unloaded", 'lazy="select" on the mapping, and no option of the query'),
        ("select(Team).options(selectinload(Team.heroes))", "heroes", "loaded", "an option of the query"),
        ("select(Team).options(selectinload('*'))", "heroes", "loaded", "an option of the query for all relationships"),
        ("select(Team)", "coaches", "loaded", 'lazy="selectin" on the mapping'),
        ("select(Team).options(lazyload(Team.coaches))", "coaches", "unloaded", "an option of the query leaves it out"),
        ("select(Team)", "fans", "query", 'lazy="dynamic" on the mapping'),
        ("select(Team)", "rivals", "raises", 'lazy="raise" on the mapping'),
        ("select(Team)", "ghosts", "unknown", "the class that it refers to is not found"),
        ("select(Team)", "bio", "unloaded", "deferred on the mapping"),
        ("select(Team).options(load_only(Team.slug))", "bio", "unloaded", "an option of the query leaves it out"),
        ("select(Team).options(defer(Team.slug))", "slug", "unloaded", "an option of the query leaves it out"),
    ],
)
def test_the_loader_state_of_a_read(folder: Path, query: str, read: str, state: str, why: str) -> None:
    context = only(told(folder, f"\ndef run(session: Session):\n    return session.scalars({query}).one().{read}\n"))
    (found,) = context["reads"]
    assert (found["model"], found["attribute"], found["state"], found["why"]) == ("Team", read, state, why)
    assert (found["line"], found["loaded_at"]) == (FIRST + 2, f"app.py:{FIRST + 2}")
    assert [effect["kind"] for effect in context["effects"][1:]] == (["LAZY_LOAD"] if state == "unloaded" else [])


def test_rows_of_unknown_making_and_ways_back(folder: Path) -> None:
    program = """
def run(session: Session, team: Team, hero: Hero):
    held = session.scalars(select(Team)).all()
    return team.heroes, [hero.team for hero in held[0].heroes], session.query(Hero).one().team, hero.team
"""
    reads = only(told(folder, program))["reads"]
    assert [(read["attribute"], read["state"], read["why"]) for read in reads] == [
        ("heroes", "unknown", "how the row was loaded is unknown"),
        ("team", "loaded", "the way back to the row that it was reached from"),
        ("heroes", "unloaded", 'lazy="select" on the mapping, and no option of the query'),
        ("team", "loaded", "rows of its class are held, so the identity map answers"),
        ("team", "unknown", "how the row was loaded is unknown"),
    ]


@pytest.mark.parametrize(
    ("body", "unknowns"),
    [
        ("thing.load(1)", ["callee thing.load: nothing is known of the parameter thing"]),
        ("thing(1)", ["callee thing: nothing is known of the parameter thing"]),
        ("thing.part", ["receiver thing: nothing is known of the parameter thing"]),
        ("[x for x in thing]", ["iterable thing: nothing is known of the parameter thing"]),
        ("[x for x in self.rows]", ["iterable self.rows: nothing is known of its items"]),
        ("[x for x in legacy.rows()]", ["outside legacy.rows: legacy.rows is outside the project"]),
        ("[x for x in legacy.ROWS]", ["iterable legacy.ROWS: legacy.ROWS is outside the project"]),
        ("thing.load().part", ["callee thing.load: nothing is known of the parameter thing"]),
        ("self.other.load()", ["callee self.other.load: other of Service is not known"]),
        ("getattr(self, thing)()", ["callee getattr(self, thing): getattr with a variable name"]),
        ("elsewhere(1)", [f"callee elsewhere: elsewhere is no name of the module and no builtin, {CAPTURED}"]),
        ("self.session.execute(thing)", ["statement thing: nothing is known of the parameter thing"]),
        (
            "legacy.show(self.session.query(Team).one())",
            [f"escape legacy.show: rows queried at app.py:{FIRST + 7} are not followed further: given to legacy.show"],
        ),
        ("raise legacy.Error(1)", []),
        ("print(len(str(time.time())))", []),
    ],
)
def test_every_unknown_has_its_reason(folder: Path, body: str, unknowns: list[str]) -> None:
    program = f"""
class Service:
    def __init__(self, session: Session):
        self.session = session
        self.rows: list = []

    def run(self, thing):
        {body}
        self.session.commit()
"""
    found = only(told(folder, program, "Service.run"))["unknowns"]
    assert [f"{one['kind']} {one['text']}: {one['reason']}" for one in found] == unknowns
    assert {one["line"] for one in found} <= {FIRST + 7}


def test_calls_that_cost_nothing_say_why(folder: Path) -> None:
    program = """
@lru_cache
def cached(session: Session, key: int):
    return session.query(Team).filter_by(id=key).one()


def marked(session: Session, key: int):  # nplus1: no-query
    return session.query(Team).filter_by(id=key).one()


def run(session: Session, keys: list[int]):
    held = session.query(Coach).all()
    return held, [(cached(session, key), marked(session, key), session.get(Coach, key)) for key in keys]
"""
    document = told(folder, program)
    free = [(one["what"], one["why"]) for one in only(document)["without_cost"]]
    assert free == [
        ("cached()", "it is cached by lru_cache"),
        ("marked()", "it is marked `# nplus1: no-query`"),
        ("get of Coach", "its rows are held, so the identity map answers"),
    ]
    notes = {name: json.loads(run(name, "--format", "json").stdout)["notes"] for name in ("cached", "marked", "run")}
    assert notes == {
        "cached": ["A call of it costs nothing: it is cached by lru_cache."],
        "marked": ["A call of it costs nothing: it is marked `# nplus1: no-query`."],
        "run": [],
    }


def test_how_a_function_was_treated(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contexts, depth = 40, 20
    monkeypatch.setattr(limits, "MAX_CONTEXTS", contexts)
    monkeypatch.setattr(solve, "MAX_DEPTH", depth)
    makers = "\n".join(f"    many(session, session.query(Team).limit({n}).all())" for n in range(contexts + 8))
    chain = depth + 12
    deep = "".join(f"def f{n}(session: Session):\n    return f{n + 1}(session)\n\n\n" for n in range(chain))
    program = f"""
class Base:
    def load(self, session: Session):
        raise NotImplementedError


def plain(number):
    return number + 1


def called():
    return plain(1)


def many(session: Session, teams):
    return session.query(Team).all(), teams


def run(session: Session):
{makers}


{deep}def f{chain}(session: Session):
    return session.query(Team).all()
"""
    sieved = "The sieve left it out: none of the names in it leads to a query. It "
    assert told(folder, program, "called")["notes"] == [f"{sieved}did not run: nothing calls it."]
    assert told(folder, program, "Base.load")["notes"][1:] == [
        "It is abstract: a call of it runs its implementations instead."
    ]
    assert told(folder, program, "many")["notes"] == [
        f"It is called in more than {contexts} different ways; for those beyond, the context that its annotations "
        "declare stands in."
    ]
    depths = [name for name in (f"f{n}" for n in range(chain)) if "depth" in run(name).stdout]
    assert len(depths) == 1, "the one function below which calls nest too deeply"
    (cut,) = only(told(folder, program, depths[0]))["unknowns"]
    assert (cut["kind"], cut["reason"]) == ("depth", "calls nest too deeply to be followed below here")
    assert cut["text"] == f"f{int(depths[0][1:]) + 1}()"


def test_generators_closures_lambdas_and_constructors(folder: Path) -> None:
    program = """
class Store:
    def __init__(self, session: Session):
        self.session = session

    def stream(self):
        yield from self.session.query(Team)


def run(session: Session, keys: list[int]):
    def one(key):
        return session.query(Team).filter_by(id=key).one()

    return sorted(keys, key=lambda key: one(key).slug)
"""
    document = told(folder, program)
    (effect,) = only(document)["effects"]
    assert [step["message"] for step in effect["chain"]] == [
        f"calls the lambda at app.py:{FIRST + 13}",
        "calls run.one()",
        "SELECT Team by its key",
    ]
    assert effect["codes"] == ["NP105"]
    (inside,) = document["lambdas"]
    assert inside["line"] == FIRST + 13
    assert [value["name"] for value in only(inside)["captured"]] == ["one"]
    nested = [c for c in told(folder, program, "run.one")["contexts"] if c["captured"]]
    assert [value["value"] for value in nested[0]["captured"]] == ["session"]
    stream = only(told(folder, program, "Store.stream"))
    assert (stream["generator"], stream["returns"]) == (
        True,
        f"iterator of Team rows [as mapped; queried at app.py:{FIRST + 6}]",
    )
    made = only(told(folder, program, "Store.__init__"))
    assert [(value["name"], value["value"]) for value in made["sets"]] == [("session", "session")]
    assert made["returns"] == "nothing"


def test_a_call_that_may_do_anything_is_no_effect(folder: Path) -> None:
    program = """
def run(session: Session, elsewhere):
    elsewhere(session)
    session.commit()
"""
    assert [one["kind"] for one in only(told(folder, program))["effects"]] == ["COMMIT"]
