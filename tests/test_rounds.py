"""The second round of a loop: when it can be left out, and that leaving it out changes nothing."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import nplus1_lint
from nplus1_lint.index import facts as f
from nplus1_lint.index.extract import extract
from nplus1_lint.infer import frame, memos
from nplus1_lint.infer.rounds import Seen, is_same, of_loop
from tests.executed import files_of, materialise
from tests.test_loops_that_are_none import LOUD, QUIET, program

if TYPE_CHECKING:
    from nplus1_lint.findings import Finding

FIXTURE = Path(__file__).parent.parent / "fixtures" / "skillmeat_mini"

READ_FIRST = {
    "assigned before it is read": ("for x in xs:\n    y = x\n    f(y)", ""),
    "read before it is assigned": ("for x in xs:\n    f(y)\n    y = x", "y"),
    "assigned in one branch": ("for x in xs:\n    if x:\n        y = x\n    f(y)", "y"),
    "assigned in each branch": ("for x in xs:\n    if x:\n        y = 1\n    else:\n        y = 2\n    f(y)", ""),
    "the other branch leaves": ("for x in xs:\n    if x:\n        y = 1\n    else:\n        continue\n    f(y)", ""),
    "assigned in an inner loop": ("for x in xs:\n    for z in x:\n        y = z\n    f(y)", "y"),
    "assigned before an exception": (
        "for x in xs:\n    try:\n        y = f(x)\n    except E as e:\n        g(y, e)",
        "y",
    ),
    "one handler passes": ("for x in xs:\n    try:\n        y = f(x)\n    except E:\n        pass\n    g(y)", "y"),
    "each handler leaves": ("for x in xs:\n    try:\n        y = f(x)\n    except E:\n        continue\n    g(y)", ""),
    "with": ("for x in xs:\n    with f(x) as y:\n        g(y)", ""),
    "a lambda": ("for x in xs:\n    f(lambda: y)\n    y = x", "y"),
    "a function inside": ("for x in xs:\n    def g():\n        return y\n    g()\n    y = x", "y"),
    "a comprehension's own names": ("for x in xs:\n    f([a for a in x for b in a if b])", ""),
    "an iterable of a comprehension": ("for x in xs:\n    f([a for a in y])\n    y = x", "y"),
    "a walrus": ("for x in xs:\n    if (y := f(x)):\n        g(y)", "y"),
    "an attribute is assigned": ("for x in xs:\n    y.a = x", "y"),
    "deleted": ("for x in xs:\n    del y", "y"),
    "a while's test": ("while y:\n    y = f()", "y"),
    "an import": ("for x in xs:\n    import y\n    y.f(x)", ""),
    "only counted": ("for x in xs:\n    y += x", ""),
    "counted and read": ("for x in xs:\n    y += x\n    f(y)", "y"),
    "only added to": ("for x in xs:\n    y.append(x)\n    z[x] = 1", ""),
    "added to and read": ("for x in xs:\n    if x not in y:\n        y.append(x)", "y"),
    "the result of adding is used": ("for x in xs:\n    f(y.append(x))", "y"),
}


def seen_of(body: str) -> Seen:
    source = "def run():\n" + textwrap.indent(body, "    ") + "\n"
    (function,) = extract("m.py", source.encode()).body.body
    assert isinstance(function, f.Def)
    (loop,) = function.function.body
    assert isinstance(loop, (f.For, f.While))
    return of_loop({}, loop)


@pytest.mark.parametrize("name", READ_FIRST)
def test_what_a_round_takes_over(name: str) -> None:
    body, expected = READ_FIRST[name]
    assert seen_of(body).reads & {"y", "z", "a", "b", "e"} == set(expected)


def test_a_class_in_a_loop_is_not_followed() -> None:
    assert not seen_of("for x in xs:\n    class C:\n        y = x").whole
    assert seen_of("for x in xs:\n    y = x").whole


def findings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Finding, ...]:
    monkeypatch.chdir(folder)
    return tuple(nplus1_lint.check(["."]).findings)


@pytest.mark.parametrize("name", [*QUIET, *LOUD])
def test_a_round_that_is_left_out_would_have_found_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = QUIET[name] if name in QUIET else LOUD[name][1]
    materialise(files_of(program(body)), tmp_path)
    left_out = findings(tmp_path, monkeypatch)
    monkeypatch.setattr(frame, "is_same", lambda *_, **__: False)
    assert findings(tmp_path, monkeypatch) == left_out


@pytest.mark.parametrize("name", [*QUIET, *LOUD])
def test_a_condition_that_asks_nothing_guards_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = QUIET[name] if name in QUIET else LOUD[name][1]
    materialise(files_of(program(body)), tmp_path)
    told = findings(tmp_path, monkeypatch)
    monkeypatch.setattr(memos, "asking_of", lambda _: memos.Asking.CONTAINERS)
    assert findings(tmp_path, monkeypatch) == told


def test_the_same_of_a_project(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    decide = is_same

    def noted(*given: object, **named: object) -> bool:
        asked.append(decide(*given, **named))  # type: ignore[arg-type]
        return asked[-1]

    monkeypatch.setattr(frame, "is_same", noted)
    left_out = findings(FIXTURE, monkeypatch)
    assert asked.count(True) > 20
    assert asked.count(False) > 0
    monkeypatch.setattr(frame, "is_same", lambda *_, **__: False)
    assert findings(FIXTURE, monkeypatch) == left_out
