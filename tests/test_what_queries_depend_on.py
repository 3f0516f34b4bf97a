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
from sqlalchemy.orm import Session


def run(s: Session, powers, least):
    for power in powers:
        print(call(lambda: strong(s, power)))
    for power in powers:
        print(power, call(lambda: strong(s, least)))
"""

HANDED_ON_WITH_ANOTHER = """\
def run(s, powers, least):
    for power in powers:
        print(call(lambda: (power, strong(s, least))))
"""

KEPT = """\
import lazyfiles


def make(load):
    return lazyfiles.Lazy(loader=load)


def run(s, powers):
    return [make(lambda: strong(s, power)) for power in powers]
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
        (HANDED_ON, [("NP105", 6), ("NP305", 8)]),
        (HANDED_ON_WITH_ANOTHER, []),
        (DEFAULT, [("NP105", 5)]),
        (KEPT, []),
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


FILTERED = """\
class Hints:
    def __init__(self):
        self.filters = []
        self.power = 1

    def add(self, name, value):
        self.filters.append((name, value))

    def keep(self, hints):
        hints.power = self.power


def strongest(s, hints):
    query = s.query(Hero)
    for name, value in hints.filters:
        query = query.filter(getattr(Hero, name) == value)
    return query.all()


def check(s, limit, other):
    hints = Hints()
    {line}
    return strongest(s, hints)


def run(s, limits, other):
    for limit in limits:
        print(check(s, limit["name"], other))
"""


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("hints.add('name', limit)", "NP105"),
        ("hints.power = limit", "NP105"),
        ("hints.filters[0] = ('name', limit)", "NP105"),
        ("setattr(hints, 'power', limit)", "NP105"),
        ("hints.filters.extend([('name', limit)])", "NP105"),
        ("hints.add('name', other)", "NP305"),
        ("hints.power = other", "NP305"),
        ("print(limit)", "NP305"),
    ],
)
def test_an_object_depends_on_what_is_stored_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, code: str
) -> None:
    assert found(tmp_path, monkeypatch, FILTERED.format(line=line)) == [(code, 28)]


SERVICE = """\
class Service:
    def __init__(self, s):
        self.s = s
        self.least = 1
        self.seen = []

    def require(self, least):
        self.least = least

    def note(self, key):
        self.seen.append(key)

    def strong(self):
        return self.s.query(Hero).filter(Hero.power >= self.least).all()

    def named(self, name):
        return self.s.query(Hero).filter(Hero.name == name).first()


def run(s, names):
    service = Service(s)
    for name in names:
        {line}
"""


@pytest.mark.parametrize(
    ("line", "codes"),
    [
        ("service.require(name); print(service.strong())", []),
        ("service.note(name); print(service.named(name))", ["NP105"]),
        ("print(service.strong(), name)", ["NP305"]),
        ("print(service.named(name)); print(service.strong())", ["NP105", "NP305"]),
    ],
)
def test_what_is_stored_beside_a_session_makes_no_other_session_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, codes: list[str]
) -> None:
    assert [code for code, _ in found(tmp_path, monkeypatch, SERVICE.format(line=line))] == codes


AGAIN = """\
class Range:
    def __init__(self, s, low):
        self.s = s
        self.low = low

    def change(self, data):
        for key, value in data.items():
            setattr(self, key, value)

    def change_through(self, data):
        self.change(data)

    def look(self, data):
        print(self.low, data)

    def free(self):
        return self.s.query(Hero).filter(Hero.power >= self.low).all()


def change(held, low):
    held.low = low


def run(s, data):
    held = Range(s, 1)
    old = held.free()
    {line}
    return old, held.free()
"""


@pytest.mark.parametrize(
    ("line", "repeated"),
    [
        ("held.change(data)", False),
        ("held.change_through(data)", False),
        ("held.low = 2", False),
        ("change(held, 2)", False),
        ("change(low=2, held=held)", False),
        ("held.look(data)", True),
        ("print(data)", True),
    ],
)
def test_an_object_that_has_changed_may_ask_for_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, repeated: bool
) -> None:
    expected = [("NP304", 28)] if repeated else []
    assert found(tmp_path, monkeypatch, AGAIN.format(line=line)) == expected
