"""What is known of the dictionary of a ``**kw`` parameter: for which functions, in how many contexts, after a join."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pytest

from nplus1_lint.index import facts as f
from nplus1_lint.index.extract import extract
from nplus1_lint.infer.joins import join
from nplus1_lint.infer.keywords import Uses, uses_of
from nplus1_lint.infer.solve import Engine
from nplus1_lint.infer.values import FALSE, SCALAR, TRUE, UNKNOWN, Mapping, Value, of
from nplus1_lint.rules.example_models import SOURCE
from tests.test_rounds import findings

if TYPE_CHECKING:
    from pathlib import Path

    from nplus1_lint.infer.effects import Key
    from nplus1_lint.link.hierarchy import Function

NOTHING: frozenset[str] = frozenset()
COMMIT = Uses(frozenset({"commit"}), False)

USES = {
    "not at all": ("return 1", None),
    "asks for a name": ("return kw.get('commit')", COMMIT),
    "takes a name out": ("return kw.pop('commit', False)", COMMIT),
    "reads an item": ("return kw['commit']", COMMIT),
    "stores an item": ("kw['commit'] = 1", COMMIT),
    "asks whether there is a name": ("return 'commit' not in kw", COMMIT),
    "asks for a name beside all": ("for key in kw.items():\n    print(kw['commit'])", COMMIT),
    "hands all on": ("return g(1, **kw)", Uses(NOTHING, True)),
    "asks and hands on": ("if kw.get('commit'):\n    g(**kw)", Uses(frozenset({"commit"}), True)),
    "goes through all": ("return list(kw.values())", None),
    "asks for a name that varies": ("return kw.get(a)", None),
    "reads an item that varies": ("return kw['commit'], kw[a]", None),
    "stores an item that varies": ("kw[a] = kw['commit']", None),
    "deletes an item": ("del kw['commit']", None),
    "changes several": ("kw.update(commit=True)\ng(**kw)", None),
    "hands itself over": ("g(kw)\nreturn kw['commit']", None),
    "returns itself": ("kw.get('commit')\nreturn kw", None),
    "has another name": ("other = kw\nreturn kw['commit']", None),
    "is bound anew": ("kw = g()\nreturn kw['commit']", None),
    "is bound in an expression": ("g(kw := {})\nreturn kw['commit']", None),
    "a lambda has it": ("kw.get('commit')\nreturn lambda: kw", None),
    "a function inside has it": ("def g():\n    kw.clear()\nreturn kw['commit']", None),
}


@pytest.mark.parametrize("name", USES)
def test_how_a_function_uses_its_keyword_arguments(name: str) -> None:
    body, expected = USES[name]
    (function,) = extract("m.py", ("def run(a, **kw):\n" + textwrap.indent(body, "    ")).encode()).body.body
    assert isinstance(function, f.Def)
    assert uses_of(function.function) == expected


def dictionary(*, complete: bool = True, **entries: Value) -> Value:
    return of(Mapping("mapping", SCALAR, SCALAR, None, tuple(sorted(entries.items())), complete))


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (dictionary(a=TRUE), dictionary(a=TRUE), dictionary(a=TRUE)),
        (dictionary(a=TRUE), dictionary(a=FALSE), dictionary(a=join(TRUE, FALSE))),
        (dictionary(a=TRUE, b=TRUE), dictionary(a=TRUE), dictionary(a=TRUE, complete=False)),
        (dictionary(a=TRUE), dictionary(), dictionary(complete=False)),
        (dictionary(), dictionary(), dictionary()),
        (dictionary(a=TRUE), dictionary(a=TRUE, complete=False), dictionary(a=TRUE, complete=False)),
        (dictionary(a=TRUE), UNKNOWN, dictionary(complete=False)),
        (dictionary(), UNKNOWN, dictionary(complete=False)),
    ],
)
def test_two_paths_know_what_both_know(left: Value, right: Value, expected: Value) -> None:
    assert join(left, right) == expected


PROGRAM = """\
from sqlalchemy.orm import Session

from models import Hero, Team


def ended(session: Session, **kw):
    if kw.get("commit"):
        session.commit()


def found(session: Session, cls, **kw):
    return session.query(cls).filter_by(**kw).first()


def ends(session: Session, a, b):
    ended(session, name="a", power=1)
    ended(session, name=a)
    ended(session, commit=False, team=session.get(Team, 1))
    ended(session, commit=True, power=b)


def finds(session: Session, a, b: str, c: int):
    return [found(session, Hero, name="a"), found(session, Hero, name=b), found(session, Hero, name=f"{c}")]


def finds_another(session: Session, a: int, b: int):
    return found(session, Hero, id=a, name="a"), found(session, Hero, name="b", id=b)
"""


def test_plain_arguments_that_nothing_asks_for_make_no_contexts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models.py").write_text(SOURCE)
    (tmp_path / "app.py").write_text(PROGRAM)
    seen: dict[str, set[Key]] = {}
    context = Engine.context

    def noted(
        self: Engine, definition: Function, values: tuple[Value, ...], captured: tuple[tuple[str, Value], ...]
    ) -> Key:
        key = context(self, definition, values, captured)
        seen.setdefault(definition.facts.name, set()).add(key)
        return key

    monkeypatch.setattr(Engine, "context", noted)
    findings(tmp_path, monkeypatch)
    assert len(seen["ended"]) == 4  # nothing of interest, a row, a commit, and whatever a caller may pass
    assert len(seen["found"]) == 3  # by name, by key and name, and by whatever a caller may pass
