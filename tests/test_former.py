"""What inference takes over from a former run, and what an edit leaves of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from nplus1_lint.cache.table import Table, rows_of
from nplus1_lint.edits.compare import compare
from nplus1_lint.index.extract import extract
from nplus1_lint.infer.effects import Kind
from nplus1_lint.infer.solve import Engine
from nplus1_lint.infer.values import Site, Value, many, of, row
from tests.command import invoke

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nplus1_lint.edits.compare import Edit
    from nplus1_lint.link.hierarchy import Function

BEFORE = '''\
"""Repositories."""
from sqlalchemy import select

from models import Hero

LIMIT = 10


class Heroes(Base):
    kind = Hero

    def __init__(self, session):
        self.session = session

    def all(self):
        return self.session.scalars(select(self.kind)).all()

    def one(self, key):
        return self.session.get(self.kind, key)


def names(heroes):
    return [hero.name for hero in heroes.all()]
'''


# -- the table ------------------------------------------------------------------------------------------------------


class _Pair(NamedTuple):
    left: Any
    right: Any


TYPES = (_Pair, Kind, Value, Site, *{type(one.atoms[0]) for one in (many(of()), of(row("m:A")))})


def test_a_table_gives_back_what_was_added() -> None:
    site = Site("m:f", (1, 0, 2, 4))
    value = _Pair(frozenset({"a", "b"}), (many(of(row("m:A"))), many(of(row("m:A"))), Kind.COUNT, True, 1, None, b"x"))
    table = Table(TYPES)
    table.add(_Pair(value, site))
    again = Table(TYPES, rows_of(table.encoded()))
    assert again.objects[-1] == _Pair(value, site)
    assert [type(one) for one in again.objects[-1].left.right] == [type(one) for one in value.right]


def test_what_is_equal_stands_in_a_table_once() -> None:
    table = Table(TYPES)
    first = table.add((Site("m:f", (1, 0, 2, 4)), "x"))
    rows = len(table.rows)
    assert table.add((Site("m:f", (1, 0, 2, 4)), "x")) == first
    assert len(table.rows) == rows


def test_a_table_that_was_read_grows_by_what_is_new() -> None:
    table = Table(TYPES)
    table.add(tuple(_Pair(number, str(number)) for number in range(50)))
    again = Table(TYPES, rows_of(table.encoded()))
    before = len(again.rows)
    again.add((again.objects[-1], _Pair("new", None)))
    assert len(again.rows) <= before + 4  # the text, None, the pair, the tuple
    assert again.objects[-1][0] == table.objects[-1]


def test_a_table_refuses_what_it_was_not_told_of() -> None:
    with pytest.raises(TypeError, match="cannot be kept"):
        Table((Site,)).add(_Pair(1, 2))


@pytest.mark.parametrize("damage", [b"", b"no rows", b"\xff\xff"])
def test_what_is_no_table_is_refused(damage: bytes) -> None:
    with pytest.raises((ValueError, EOFError, TypeError)):
        rows_of(damage)


# -- edits ----------------------------------------------------------------------------------------------------------


def edited(change: Callable[[str], str]) -> Edit | None:
    after = change(BEFORE)
    assert after != BEFORE
    return compare(extract("repo.py", BEFORE.encode()), extract("repo.py", after.encode()))


def replaced(old: str, new: str) -> Callable[[str], str]:
    return lambda text: text.replace(old, new, 1)


def test_an_edit_of_a_body_touches_that_function() -> None:
    edit = edited(replaced("hero.name for", "hero.team for"))
    assert edit is not None
    assert edit.functions == {"names"}
    assert not edit.names | edit.bound
    assert not edit.members


def test_functions_that_only_move_are_touched_and_are_the_same_for_others() -> None:
    edit = edited(replaced("    def all(", "\n    def all("))
    assert edit is not None
    assert edit.functions == {"Heroes.all", "Heroes.one", "names"}
    assert not edit.names
    assert not edit.members


def test_another_signature_is_noticed_by_name() -> None:
    edit = edited(replaced("def one(self, key)", "def one(self, key, lock=False)"))
    assert edit is not None
    assert edit.names == {"one"}
    assert ("Heroes", "one") in edit.members


def test_a_new_function_is_noticed_by_name() -> None:
    edit = edited(lambda text: text + "\n\ndef count(heroes):\n    return len(heroes.all())\n")
    assert edit is not None
    assert edit.functions == edit.names == edit.bound == {"count"}


def test_an_import_changes_names_of_the_file_alone() -> None:
    edit = edited(replaced("import select", "import func, select"))
    assert edit is not None
    assert not edit.names
    assert edit.bound == {"func"}


def test_a_name_like_that_of_a_mapper_is_not_a_mapping() -> None:
    edit = edited(lambda text: text + "\n\ndef start(mapper):\n    return mapper.mapper(Hero)\n")
    assert edit is not None
    assert edit.functions == {"start"}


def test_an_attribute_that_a_method_sets_is_noticed_by_name() -> None:
    edit = edited(
        replaced("        return self.session.get", "        self.last = key\n        return self.session.get")
    )
    assert edit is not None
    assert edit.names == {"last"}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(replaced("class Heroes(Base)", "class Heroes(Other)"), id="a base"),
        pytest.param(replaced("kind = Hero", "kind = Team"), id="a class attribute"),
        pytest.param(replaced("LIMIT = 10", "LIMIT = 20"), id="a variable of the top level"),
        pytest.param(replaced("def __init__(self, session)", "def __init__(self, session, x)"), id="a constructor"),
        pytest.param(lambda text: text + "\n\nclass Teams:\n    pass\n", id="a new class"),
        pytest.param(replaced("import Hero", "import Hero as Team, Villain as Hero"), id="a name of the class body"),
        pytest.param(lambda text: text + "\n\n(", id="a syntax error"),
        pytest.param(replaced('"""Repositories."""', "from x import *"), id="a star import"),
        pytest.param(lambda text: text + "\n\ndef start():\n    mapper(Hero, heroes)\n", id="an imperative mapping"),
    ],
)
def test_an_edit_that_others_may_notice_without_a_name_counts_for_the_whole_project(
    change: Callable[[str], str],
) -> None:
    assert edited(change) is None


# -- runs -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of the functions that were run in this process."""
    seen: list[str] = []
    run = Engine._run

    def counted(engine: Engine, definition: Function, *rest: Any) -> Any:
        seen.append(definition.id)
        return run(engine, definition, *rest)

    monkeypatch.setattr(Engine, "_run", counted)
    return seen


def check(*arguments: str) -> bytes:
    found = invoke("check", ".", "--format", "json", "--show", "low", *arguments)
    assert found.exit_code in (0, 1, 2), found.output
    assert found.exception is None or isinstance(found.exception, SystemExit), found.output
    return found.stdout.encode()


def append(file: Path, text: str) -> None:
    file.write_text(file.read_text() + text)


def test_a_new_function_runs_alone(project: Path, runs: list[str]) -> None:
    check()
    everything = len(runs)
    runs.clear()
    append(next(project.rglob("jobs.py")), "\n\ndef zz_all(session):\n    return session.execute('SELECT 1').all()\n")
    warm = check()
    assert {one.rpartition(":")[2] for one in runs} == {"zz_all"}
    assert everything > 50
    assert warm == check("--no-cache")


def test_callers_of_a_changed_function_run_again(project: Path, runs: list[str]) -> None:
    check()
    everything = len(runs)
    file = next(one for one in sorted(project.rglob("*.py")) if "repositor" in one.name)
    lines = file.read_text().splitlines(keepends=True)
    at = max(number for number, line in enumerate(lines) if line.lstrip().startswith("return "))
    indent = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
    file.write_text("".join([*lines[:at], f"{indent}marker = 1\n", *lines[at:]]))
    runs.clear()
    warm = check()
    assert 0 < len(runs) < everything
    assert warm == check("--no-cache")


def test_calls_that_nest_deeply_are_taken_over(project: Path, runs: list[str]) -> None:
    file = next(project.rglob("jobs.py"))
    deep = "".join(f"\n\ndef zz_{n}(session):\n    return zz_{n + 1}(session)\n" for n in range(50))
    append(file, f"{deep}\n\ndef zz_50(session):\n    return session.execute('SELECT 1').all()\n")
    check()
    runs.clear()
    append(file, "\n\ndef zz_all(session):\n    return session.execute('SELECT 1').all()\n")
    warm = check()
    assert {one.rpartition(":")[2] for one in runs} == {"zz_all"}
    assert warm == check("--no-cache")


def test_a_changed_model_counts_for_the_whole_project(project: Path, runs: list[str]) -> None:
    check()
    everything = len(runs)
    runs.clear()
    file = next(one for one in sorted(project.rglob("models.py")))
    file.write_text(file.read_text().replace('lazy="selectin"', 'lazy="select"', 1))
    warm = check()
    assert len(runs) > everything // 2
    assert warm == check("--no-cache")


def test_a_broken_entry_is_done_without(project: Path, runs: list[str]) -> None:
    check()
    for entry in project.rglob("inferred-*"):
        entry.write_bytes(entry.read_bytes()[:-7])
    append(next(project.rglob("jobs.py")), "\n\ndef zz_none(session):\n    return session.execute(None)\n")
    runs.clear()
    warm = check()
    assert len(runs) > 50
    assert warm == check("--no-cache")


def test_edits_one_after_the_other_are_each_told_from_the_one_before(project: Path, runs: list[str]) -> None:
    check()
    file = next(project.rglob("jobs.py"))
    for number in range(16):  # as many as make the cache put its segments of facts together
        append(file, f"\n\ndef zz_{number}(session):\n    return session.execute('SELECT 1').all()\n")
        runs.clear()
        check()
        assert {one.rpartition(":")[2] for one in runs} == {f"zz_{number}"}
