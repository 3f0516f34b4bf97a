"""Edits that cannot matter: nothing is analysed anew, and what was found stands where it stands now."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import pytest

import nplus1_lint.infer
from nplus1_lint.edits.carried import carried
from nplus1_lint.edits.moves import Moved, Moves
from nplus1_lint.findings import Confidence, NodeKind, Pos, Severity, Step, StrategyPlan, Suspect
from nplus1_lint.index.extract import extract
from tests.command import invoke

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MODELS = """\
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Team(Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    heroes: Mapped[list["Hero"]] = relationship(back_populates="team")

    def label(self):
        return self.name.upper()


class Hero(Base):
    __tablename__ = "heroes"
    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))
    team: Mapped[Team] = relationship(back_populates="heroes")
"""

SERVICE = '''\
"""Teams."""
import functools
from typing import Protocol

from models import Hero, Team


class Named(Protocol):
    def title(self): ...


def padded(text):
    return text.ljust(20)


def traced(function):
    @functools.wraps(function)
    def inner(*args):
        return function(*args)

    return inner


def sizes(session):
    found = {}
    for team in session.query(Team).all():
        found[team.id] = session.query(Hero).filter(Hero.team_id == team.id).count()
    return found


@traced
def names(session):
    return [hero.team.name for hero in session.query(Hero)]


class Printer:
    width = 80

    def line(self):
        return "-" * self.width
'''


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pyproject.toml").write_text("[tool.nplus1-lint]\n")
    (tmp_path / "models.py").write_text(MODELS)
    (tmp_path / "service.py").write_text(SERVICE)
    (tmp_path / "page.py").write_text("import service\n\n\ndef page(session):\n    return service.sizes(session)\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def analyses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One word for each analysis that was made in this process."""
    made: list[str] = []
    infer = nplus1_lint.infer.infer

    def counted(*arguments: Any, **options: Any) -> Any:
        made.append("analysis")
        return infer(*arguments, **options)

    monkeypatch.setattr(nplus1_lint.infer, "infer", counted)
    return made


def check(*arguments: str) -> str:
    found = invoke("check", ".", "--format", "json", "--show", "low", *arguments)
    assert found.exit_code in (0, 1), found.output
    return str(found.stdout)


def changed(old: str, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new, 1)

    return change


IDLE = {
    "a comment above all": lambda text: "# a word\n" + text,
    "lines between functions and in them": lambda text: text.replace("\n\n\ndef ", "\n\n# a word\n\n\ndef ").replace(
        "    found = {}\n", "    found = {}\n\n"
    ),
    "a new function at the top": changed("def padded", "def plain(x):\n    return [x]\n\n\ndef padded"),
    "a new function at the end": lambda text: text + "\n\ndef plain(x):\n    return [x]\n",
    "a new method": changed("    width = 80\n", "    width = 80\n\n    def ruler(self):\n        return self.width\n"),
    "another body": changed("text.ljust(20)", "text.rjust(20)[:40]"),
    "another body of a method": changed('"-" * self.width', '"=" * self.width'),
    "a function that is gone": changed("def padded(text):\n    return text.ljust(20)\n\n\n", ""),
    "another signature": changed("def padded(text):", "def padded(text, width=20):"),
}


@pytest.mark.parametrize("change", IDLE.values(), ids=IDLE)
def test_an_edit_that_cannot_matter_runs_nothing(
    project: Path, analyses: list[str], change: Callable[[str], str]
) -> None:
    before = json.loads(check())
    assert {finding["code"] for finding in before["findings"]} >= {"NP101", "NP104"}
    (project / "service.py").write_text(change(SERVICE))
    analyses.clear()
    warm = check()
    assert analyses == []
    assert warm == check("--no-cache")


MATTERING = {
    "a query": lambda text: text + "\n\ndef more(session):\n    return [session.get(Hero, x) for x in session]\n",
    "another body of what is run": changed("found = {}", "found = dict()"),
    "a body that comes to query": changed("text.ljust(20)", "text.query(Hero).all()"),
    "a name that somebody mentions": lambda text: text + "\n\ndef upper(x):\n    return [x]\n",
    "an import": changed("import functools\n", "import functools\nimport fractions\n"),
    "what decorates": changed("        return function(*args)\n", "        return print(*args)\n"),
    "a decorated function": lambda text: text + "\n\n@traced\ndef plain(x):\n    return [x]\n",
    "a variable of the file": changed("def padded(text):\n", "def padded(text):\n    global LIMIT\n    LIMIT = 1\n"),
    "a word that names a relationship": changed("text.ljust(20)", 'getattr(text, "heroes")'),
    "a protocol's method": changed("    width = 80\n", "    width = 80\n\n    def title(self):\n        return 1\n"),
    "functions that change places": lambda text: text.replace("def sizes", "def x").replace("def names", "def sizes"),
}


@pytest.mark.parametrize("change", MATTERING.values(), ids=MATTERING)
def test_an_edit_that_may_matter_is_analysed(project: Path, analyses: list[str], change: Callable[[str], str]) -> None:
    check()
    (project / "service.py").write_text(change(SERVICE))
    analyses.clear()
    warm = check()
    assert analyses
    assert warm == check("--no-cache")


def test_a_method_of_a_mapped_class_may_matter(project: Path, analyses: list[str]) -> None:
    check()
    (project / "models.py").write_text(MODELS.replace("self.name.upper()", "self.name.lower()"))
    analyses.clear()
    warm = check()
    assert analyses
    assert warm == check("--no-cache")


def test_edits_add_up(project: Path, analyses: list[str]) -> None:
    check()
    text = SERVICE
    for number in range(16):  # as many as make the cache put its segments of facts together
        text = f"# {number}\n{text}\n\ndef plain_{number}(x):\n    return [x]\n"
        (project / "service.py").write_text(text)
        analyses.clear()
        check()
        assert analyses == []
    (project / "service.py").write_text(text.replace("found = {}", "found = dict()"))
    warm = check()
    assert analyses
    assert warm == check("--no-cache")


def test_random_lines_in_all_files(project: Path, analyses: list[str]) -> None:
    dice = random.Random(11)
    check()
    for _ in range(8):
        for file in sorted(project.glob("*.py")):
            lines = file.read_text().splitlines(keepends=True)
            at = dice.choice([number for number, line in enumerate(lines) if not line.strip()] or [0])
            lines.insert(at, dice.choice(["\n", "# a word\n"]))
            file.write_text("".join(lines))
        analyses.clear()
        warm = check()
        assert analyses == []
        assert warm == check("--no-cache")


# -- places ---------------------------------------------------------------------------------------------------------

BEFORE = (
    "def f(rows):\n    for row in rows:\n        row.go(1)\n\n\ndef g(rows):\n    return [row.name for row in rows]\n"
)


def moves(after: str, *rewritten: str) -> Moves:
    return Moves(extract("app.py", BEFORE.encode()), extract("app.py", after.encode()), rewritten)


def suspect(**values: Any) -> Suspect:
    place = Pos(3, 8, 3, 17)
    given: dict[str, Any] = {
        "code": "NP103",
        "path": "app.py",
        "pos": place,
        "node": NodeKind.CALL,
        "scope": Pos(2, 4, 3, 17),
        "function": "f",
        "message": "one query",
        "severity": Severity.ERROR,
        "confidence": Confidence.HIGH,
        "evidence": (Step("app.py", 2, "loop"), Step("other.py", 2, "query")),
        **values,
    }
    return Suspect(**given)


def test_each_place_is_that_of_the_same_node() -> None:
    found = moves("# a word\n" + BEFORE.replace("rows:\n", "rows:\n\n", 1))
    assert found.moves_any
    assert found.place((3, 8, 3, 17)) == (5, 8, 5, 17)
    assert found.line(2) == 3
    with pytest.raises(Moved):
        found.place((3, 9, 3, 17))
    with pytest.raises(Moved):
        found.line(5)


@pytest.mark.parametrize(
    "after",
    [
        BEFORE.replace("go(1)", "go(2)"),
        BEFORE.replace("row.go(1)", "row.go(1)\n        row.go(1)"),
        BEFORE + "\n\ndef h():\n    return 1\n",
        "".join(BEFORE.partition("\n\n\n")[::-1]) + "\n",
    ],
)
def test_what_is_not_the_same_has_no_moves(after: str) -> None:
    with pytest.raises(Moved):
        moves(after)


def test_rewritten_functions_are_left_out() -> None:
    found = moves("\n" + BEFORE.replace("go(1)", "went(2, 3)"), "f")
    assert found.line(6) == 7
    with pytest.raises(Moved):
        found.line(3)


def test_every_place_of_a_suspect_moves_with_its_file() -> None:
    plan = StrategyPlan("unique", (("app.py", Pos(3, 8, 3, 17)), ("other.py", Pos(3, 8, 3, 17))))
    before = suspect(message="one query (app.py:3), one (other.py:3): app.py:30", plan=plan)
    with pytest.raises(Moved):
        carried((before,), {"app.py": moves("\n" + BEFORE)})
    before = suspect(message="one query (app.py:3), one (other.py:3)", plan=plan)
    (after,) = carried((before,), {"app.py": moves("\n" + BEFORE)})
    assert after.pos == Pos(4, 8, 4, 17)
    assert after.scope == Pos(3, 4, 4, 17)
    assert after.message == "one query (app.py:4), one (other.py:3)"
    assert after.evidence == (Step("app.py", 3, "loop"), Step("other.py", 2, "query"))
    assert after.plan == StrategyPlan("unique", (("app.py", Pos(4, 8, 4, 17)), ("other.py", Pos(3, 8, 3, 17))))


def test_nothing_is_carried_where_nothing_has_moved() -> None:
    before = (suspect(message="the same as in line 3"),)
    assert carried(before, {"app.py": moves(BEFORE + "\n# the end\n")}) is before


@pytest.mark.parametrize("text", ["the same as in line 3", "app:f.inner:12:4 queries"])
def test_a_place_in_words_is_not_understood(text: str) -> None:
    with pytest.raises(Moved):
        carried((suspect(message=text),), {"app.py": moves("\n" + BEFORE)})
