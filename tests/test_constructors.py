"""Where the arguments of a constructor show."""

from __future__ import annotations

import textwrap

import pytest

from nplus1_lint.index import facts as f
from nplus1_lint.index.extract import extract
from nplus1_lint.infer.constructors import Shown, shown

# The body of `__init__(self, one)`, and where `one` shows; `self.opened` reads the attribute `path`.
BODIES = {
    "stored": ("self.a = one\nself.b = 1", Shown(frozenset({"a"}), False)),
    "not at all": ("self.a = 1", Shown(frozenset(), False)),
    "stored or made": ("self.a: int = one or make()", Shown(frozenset({"a"}), False)),
    "passed on through a name": ("two = one\nself.a, self.b = two, 1", Shown(frozenset({"a", "b"}), False)),
    "passed on through an attribute": ("self.a = one\nself.b = self.a", Shown(frozenset({"a", "b"}), False)),
    "passed on through a later line": ("self.b = self.a\nself.a = one", Shown(frozenset({"a", "b"}), False)),
    "asked": ("if one:\n    self.a = 1\nelse:\n    self.b = 2", Shown(frozenset({"a", "b"}), False)),
    "asked, and a path ends": ("if one is None:\n    raise ValueError\nself.a = 1", Shown(None, True)),
    "asked, and an item is added": ("if one:\n    self.a.append(1)", Shown(frozenset({"a"}), True)),
    "added": ("self.a = []\nself.a.append(one)", Shown(frozenset({"a"}), True)),
    "handed over": ("self.a = f(one)", Shown(frozenset({"a"}), True)),
    "looked at": ("self.a = one.b", Shown(frozenset({"a"}), True)),
    "iterated": ("for two in one:\n    self.a = 1", Shown(frozenset({"a"}), True)),
    "iterated in an expression": ("self.a = [two for two in one]", Shown(frozenset({"a"}), True)),
    "entered": ("with one:\n    self.a = 1", Shown(frozenset({"a"}), True)),
    "kept in a function": ("def g():\n    return one\nself.a = g", Shown(frozenset({"a"}), True)),
    "kept in a lambda": ("self.a = lambda: one", Shown(frozenset({"a"}), False)),
    "named in an expression": ("f(two := one)\nself.a = two", Shown(frozenset({"a"}), True)),
    "read by a method": ("self.path = one\nself.a = self.opened()", Shown(frozenset({"path", "a"}), True)),
    "an item of it": ("self.a.b[one] = 1", Shown(frozenset({"a"}), True)),
}


@pytest.mark.parametrize("name", BODIES)
def test_where_an_argument_shows(name: str) -> None:
    body, expected = BODIES[name]
    source = "def __init__(self, one):\n" + textwrap.indent(body, "    ") + "\n"
    (function,) = extract("m.py", source.encode()).body.body
    assert isinstance(function, f.Def)
    found = shown(function.function, lambda name: frozenset({"path"}) if name == "opened" else frozenset())
    assert found == {"one": expected}
