"""The syntax of one function, seen from the inside: what stands around an expression, and where a name is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import last_name

if TYPE_CHECKING:
    from nplus1_lint.infer.state import Place

Around: TypeAlias = tuple[Any, str]
"""What holds a node (a statement, an expression, a generator or a handler), and in which of its fields."""

_NESTED = (f.FunctionFacts, f.ClassFacts)
_STATEMENTS: tuple[type, ...] = (
    f.Assign, f.AnnAssign, f.AugAssign, f.ExprStmt, f.If, f.For, f.While, f.With, f.Try, f.Return, f.Raise, f.Delete,
)  # fmt: skip
_NOTHING: Around = (None, "")
_PLAIN = frozenset({"pos", "places", "ops", "op", "id", "name", "names", "kind", "is_and", "delegates"})
"""Fields that hold no nodes, whatever the node."""
_FIELDS: dict[type, tuple[str, ...]] = {f.Const: ()}
_TARGETS = frozenset({(f.Assign, "targets"), (f.AnnAssign, "target"), (f.For, "target"), (f.Generator, "target")})


class Tree:
    """The body of one function, nested functions left out.

    Attributes:
        inner: names that nested functions, lambdas and classes mention.
        outer: names that it declares global or nonlocal.
    """

    def __init__(self, facts: f.FunctionFacts) -> None:
        self._around: dict[int, Around] = {}
        self._twice: set[int] = set()
        self._at: dict[Place, list[Any]] = {}
        self._names: dict[str, list[f.Name]] = {}
        self._calls: dict[str, list[f.Call]] = {}
        self._attributes: dict[str, list[f.Attr]] = {}
        self.inner: set[str] = set()
        self.outer: set[str] = set()
        for statement in facts.body:
            self._enter(statement, facts, "body")

    def _enter(self, node: Any, holder: Any, field: str) -> None:
        if isinstance(node, _NESTED):
            self.inner |= node.mentions if isinstance(node, f.FunctionFacts) else _mentioned(node)
            return
        key = id(node)
        if key in self._around:
            self._twice.add(key)  # what a `match` compares stands in each of its cases
        self._around[key] = (holder, field)
        kind = type(node)
        if kind is f.Scope:
            self.outer.update(node.names)
        elif kind is f.Name:
            self._names.setdefault(node.id, []).append(node)
        elif kind is f.Call:
            self._calls.setdefault(last_name(node.func), []).append(node)
        elif kind is f.Attr:
            self._attributes.setdefault(node.name, []).append(node)
        if kind in (f.Name, f.Attr, f.Call, f.Subscript):
            self._at.setdefault(node.pos, []).append(node)
        fields = _FIELDS.get(kind)
        if fields is None:
            fields = _FIELDS[kind] = tuple(name for name in node.__struct_fields__ if name not in _PLAIN)
        for name in fields:
            value = getattr(node, name)
            if type(value) is tuple:
                self._descend(value, node, name)
            elif isinstance(value, msgspec.Struct):
                self._enter(value, node, name)

    def _descend(self, parts: tuple[Any, ...], holder: Any, field: str) -> None:
        for part in parts:
            if type(part) is tuple:
                self._descend(part, holder, field)
            elif isinstance(part, msgspec.Struct):
                self._enter(part, holder, field)

    # -- answers --------------------------------------------------------------------------------------------------

    def around(self, node: Any) -> Around:
        """Return what holds a node; None and an empty string where that is not one thing."""
        return _NOTHING if id(node) in self._twice else self._around.get(id(node), _NOTHING)

    def at(self, place: Place, kind: type | None = None) -> Any:
        """Return the name, attribute, call or subscript at a place, or None."""
        found = [node for node in self._at.get(place, ()) if kind is None or type(node) is kind]
        return found[0] if len(found) == 1 else None

    def reads(self, name: str) -> list[f.Name]:
        """Return where a name is read."""
        return [node for node in self._names.get(name, ()) if not self.is_target(node)]

    def calls(self, name: str) -> list[f.Call]:
        """Return the calls of functions and methods of a name."""
        return self._calls.get(name, [])

    def attributes(self, name: str) -> list[f.Attr]:
        """Return where an attribute of a name is read or written."""
        return self._attributes.get(name, [])

    def is_target(self, node: Any) -> bool:
        """True for a name that is assigned or deleted, also as a part of a tuple."""
        found = self._around.get(id(node))
        while found is not None and type(found[0]) in (f.Display, f.Starred):
            found = self._around.get(id(found[0]))
        if found is None:
            return False
        holder, field = found
        return (type(holder), field) in _TARGETS or type(holder) is f.Delete

    def loops(self, node: Any) -> frozenset[int]:
        """Return marks of the loops in whose repeated part a node stands."""
        found = set()
        here = self._around.get(id(node))
        while here is not None:
            holder, field = here
            kind = type(holder)
            if (
                (kind is f.For and field == "body")
                or kind is f.While
                or (kind is f.Comprehension and field != "generators")
            ):
                found.add(id(holder))
            elif kind is f.Generator and not (field == "iterable" and self._is_first(holder)):
                found.add(id(self._around[id(holder)][0]))
            here = self._around.get(id(holder))
        return frozenset(found)

    def _is_first(self, generator: f.Generator) -> bool:
        comprehension = self._around[id(generator)][0]
        return bool(comprehension.generators[0] is generator)

    def statement(self, node: Any) -> Any:
        """Return the innermost statement around a node."""
        here = self._around.get(id(node))
        while here is not None and not isinstance(here[0], _STATEMENTS):
            here = self._around.get(id(here[0]))
        return here[0] if here is not None else None

    def line(self, node: Any) -> int:
        """Return the line of a node, as near as the IR keeps it."""
        here: Around | None = (node, "")
        while here is not None:
            place = getattr(here[0], "pos", None)
            if place is not None:
                return int(place[0])
            here = self._around.get(id(here[0]))
        return 1


def _mentioned(cls: f.ClassFacts) -> frozenset[str]:
    """Return the names that the methods of a class mention."""
    found: frozenset[str] = frozenset()
    for statement in cls.body:
        if isinstance(statement, f.Def):
            found |= statement.function.mentions
    return found
