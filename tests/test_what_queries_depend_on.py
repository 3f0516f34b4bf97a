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
