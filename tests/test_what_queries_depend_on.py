"""On what a query in a loop depends: through functions that capture names, and through objects that change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import nplus1_lint
from nplus1_lint.rules.example_models import SOURCE

if TYPE_CHECKING:
    from pathlib import Path

HEADER = """\
from models import Hero, Team


def strong(s, power):
    return s.query(Hero).filter(Hero.power >= power).all()


def call(function):
    return function()


"""


def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> list[tuple[str, int]]:
    """Return code and line, counted from the first one behind the header, of each finding about queries that repeat."""
    (tmp_path / "models.py").write_text(SOURCE)
    (tmp_path / "app.py").write_text(HEADER + source)
    monkeypatch.chdir(tmp_path)
    before = HEADER.count("\n")
    findings = nplus1_lint.check(["."]).findings
    return [(one.code, one.span.line - before) for one in findings if one.code[:3] in ("NP1", "NP3")]


CAPTURED_ALONE = """\
def inspect(context, power):
    def handle(rows):
        return rows, strong(context.session, power)

    return handle([])


def run(context, powers):
    for power in powers:
        inspect(context, power)
"""

CAPTURED_BESIDE = """\
def inspect(context, power, least):
    def handle(rows):
        print(power)
        return rows, strong(context.session, least)

    return handle([])


def run(context, powers, least):
    for power in powers:
        inspect(context, power, least)
"""

HANDED_ON = """\
def run(s, powers, least):
    for power in powers:
        print(call(lambda: strong(s, power)))
    for power in powers:
        print(power, call(lambda: strong(s, least)))
"""

DEFAULT = """\
def run(s, powers):
    for power in powers:
        def ask(least=power + 1):
            return strong(s, least)
        print(ask())
"""


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (CAPTURED_ALONE, [("NP105", 10)]),
        (CAPTURED_BESIDE, [("NP305", 11)]),
        (HANDED_ON, [("NP105", 3), ("NP305", 5)]),
        (DEFAULT, [("NP105", 5)]),
    ],
)
def test_a_function_depends_on_each_name_that_it_captures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, expected: list[tuple[str, int]]
) -> None:
    assert found(tmp_path, monkeypatch, source) == expected


ONCE = """\
def run(s, data: dict, ids: set, rows, wanted):
    for key, value in {over}:
        if {test}:
            print(strong(s, 5))
        print(value)
"""


@pytest.mark.parametrize(
    ("over", "test", "flagged"),
    [
        ("data.items()", "key == 'admin'", False),
        ("data.items()", "value and wanted == key", False),
        ("sorted(data.items())", "not key != 'admin'", False),
        ("data.items()", "key in ('admin', 'owner')", False),
        ("enumerate(rows)", "key == 1", False),
        ("data.items()", "value == 'admin'", True),
        ("data.items()", "key != 'admin'", True),
        ("data.items()", "key == value", True),
        ("data.items()", "key == 'admin' or value", True),
        ("data.items()", "key in wanted", True),
        ("zip(rows, rows)", "key == 'admin'", True),
        ("rows.items(multi=True)", "key == 'admin'", True),
        ("((i, i) for i in ids)", "key == 'admin'", True),
    ],
)
def test_a_key_equals_one_thing_in_one_iteration_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, over: str, test: str, flagged: bool
) -> None:
    expected = [("NP305", 4)] if flagged else []
    assert found(tmp_path, monkeypatch, ONCE.format(over=over, test=test)) == expected


ONCE_OTHERWISE = """\
def skipped(s, ids: set[int]):
    for key in ids:
        if key != 3:
            continue
        print(strong(s, 5))


def otherwise(s, data: dict):
    for key in data:
        if key != "admin":
            print(key)
        else:
            print(strong(s, 5))


def collected(s, data: dict):
    return [strong(s, 5) for key in data.keys() if key == "admin"]


def called(s, data: dict):
    for key in data:
        if key == "admin":
            print(strong(s, 5))


def changed(s, data: dict):
    for key in data:
        key = data[key]
        if key == "admin":
            print(strong(s, 5))


def each(s, rows, datas):
    for row in rows:
        called(s, row)
    for data in datas:
        for key in data.keys():
            for row in rows:
                if key == "admin":
                    print(row, strong(s, 5))
"""


def test_a_key_is_met_once_in_each_run_of_its_own_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(tmp_path, monkeypatch, ONCE_OTHERWISE) == [("NP305", 30), ("NP305", 35), ("NP305", 40)]
