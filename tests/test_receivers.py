"""What a function can tell of the instances that it is given, and that taking the rest away changes nothing."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pytest

from nplus1_lint.index import facts as f
from nplus1_lint.index.extract import extract
from nplus1_lint.infer.receivers import Looks, Receivers, looks_of
from nplus1_lint.infer.values import Instance
from nplus1_lint.rules.example_models import SOURCE
from tests.test_rounds import findings

if TYPE_CHECKING:
    from pathlib import Path

    from nplus1_lint.infer.values import Value
    from nplus1_lint.link.hierarchy import Function

NOTHING: frozenset[str] = frozenset()

LOOKS = {
    "not at all": ("return 1", Looks(NOTHING, NOTHING, NOTHING)),
    "calls a method": ("return self.load(1)", Looks(frozenset({"load"}), NOTHING, NOTHING)),
    "reads an attribute": ("return self.load.name", Looks(NOTHING, frozenset({"load"}), NOTHING)),
    "hands a method over": ("self.load()\nreturn f(self.load)", Looks(NOTHING, frozenset({"load"}), NOTHING)),
    "assigns an attribute": ("self.x = 1", Looks(NOTHING, frozenset({"x"}), NOTHING)),
    "calls what it extends": ("super().load()", Looks(NOTHING, NOTHING, frozenset({"load"}))),
    "keeps what it extends": ("above = super()\nabove.load()", None),
    "hands itself over": ("f(self)", None),
    "returns itself": ("self.load()\nreturn self", None),
    "tests itself": ("if self:\n    return 1", None),
    "writes itself": ("return f'{self}'", None),
    "a lambda has it": ("return lambda: self.load()", None),
    "a default has it": ("return lambda one=self: one.load()", None),
    "a function inside has it": ("def g():\n    return self.load()\nreturn g()", None),
    "a class inside has it": ("class C:\n    def g(this):\n        return self.load()\nreturn C()", None),
    "bound anew": ("self = f()\nself.load()", None),
}


@pytest.mark.parametrize("name", LOOKS)
def test_how_a_parameter_is_looked_at(name: str) -> None:
    body, expected = LOOKS[name]
    source = "def run(self, other):\n" + textwrap.indent(body, "    ") + "\n"
    (function,) = extract("m.py", source.encode()).body.body
    assert isinstance(function, f.Def)
    assert looks_of(function.function).get("self") == expected


PROGRAM = """\
from sqlalchemy.orm import Session

from models import Team


class Loader:
    def __init__(self, names=(), strict=False):
        self.names = names
        self.strict = strict

    def all(self, session: Session, ids):
        return [self.one(session, i) for i in ids]

    def one(self, session: Session, i):
        return session.get(Team, i)

    def named(self, session: Session, ids):
        return [session.get(Team, i) for i in ids if self.strict or i in self.names]

    def written(self):
        return ", ".join(self.names)


def made(session: Session, ids):
    teams = [session.get(Team, 0)]
    return Loader(teams).all(session, ids), Loader(teams).named(session, ids)


def declared(loader: Loader, session: Session, ids):
    return loader.all(session, ids), loader.named(session, ids), Loader([session.get(Team, 1)], {"c": 1}).written()
"""


def test_what_is_taken_away_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models.py").write_text(SOURCE)
    (tmp_path / "app.py").write_text(PROGRAM)
    taken: dict[str, bool] = {}
    kept: dict[str, set[str]] = {}
    trim = Receivers.trimmed

    def noted(self: Receivers, definition: Function, values: tuple[Value, ...]) -> tuple[Value, ...]:
        found = trim(self, definition, values)
        name = definition.facts.name
        taken[name] = taken.get(name, False) or found != values
        fields = {field for atom in found[0].atoms if type(atom) is Instance for field, _ in atom.fields}
        kept[name] = kept.get(name, set()) | fields
        return found

    monkeypatch.setattr(Receivers, "trimmed", noted)
    without = findings(tmp_path, monkeypatch)
    assert [finding.code for finding in without] == ["NP105", "NP102"]
    assert [name for name in taken if taken[name]] == ["all", "named", "written"]
    assert kept["all"] == set()
    assert kept["named"] == kept["written"] == {"names"}
    monkeypatch.setattr(Receivers, "trimmed", lambda _self, _definition, values: values)
    assert findings(tmp_path, monkeypatch) == without
