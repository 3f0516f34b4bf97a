"""Which names a piece of code reads, which it binds, and which are free for generated code."""

from __future__ import annotations

import dataclasses
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, Final

import libcst as cst

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


_TRIVIA: Final = frozenset(
    {"attr", "comma", "dot", "equal", "footer", "header", "keyword", "leading_lines", "lines_after_decorators"}
    | {"lbrace", "lbracket", "lpar", "operator", "rbrace", "rbracket", "rpar", "semicolon", "trailing_whitespace"}
)
_BINDERS: Final[dict[type[cst.CSTNode], str]] = {
    **dict.fromkeys((cst.AsName, cst.Param, cst.FunctionDef, cst.MatchAs, cst.MatchStar), "name"),
    **dict.fromkeys((cst.AssignTarget, cst.AugAssign, cst.AnnAssign, cst.NamedExpr, cst.For, cst.CompFor), "target"),
    cst.MatchMapping: "rest",
}
"""The field in which a node names what it binds."""


@cache
def types_of(*bases: type[cst.CSTNode]) -> frozenset[type[object]]:
    """Return the types of nodes that are of some abstract ones.

    ``type(node) in types_of(…)`` is five times faster than an isinstance(), which asks the abstract base class.
    """
    every = (kind for kind in vars(cst).values() if isinstance(kind, type))
    return frozenset(kind for kind in every if issubclass(kind, bases))


_NODES: Final = types_of(cst.CSTNode)


@cache
def _fields(kind: type[cst.CSTNode]) -> tuple[str, ...]:
    names = (field.name for field in dataclasses.fields(kind))
    return tuple(name for name in names if name not in _TRIVIA and not name.startswith("whitespace"))


def children(node: cst.CSTNode) -> list[cst.CSTNode]:
    """The nodes directly below another but white space, brackets, and the names of attributes and keywords."""
    found: list[cst.CSTNode] = []
    for name in _fields(type(node)):
        value = getattr(node, name)
        if type(value) in _NODES:
            found.append(value)
        elif isinstance(value, (list, tuple)):
            found.extend(item for item in value if type(item) in _NODES)
    return found


def walk(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Yield a node and all below it but what `children` leaves out.

    Ten times faster than a visitor of libcst, which builds every node anew. The order is not that of the text.

    Args:
        node: where to begin.

    Yields:
        The nodes.
    """
    stack = [node]
    while stack:
        here = stack.pop()
        yield here
        stack.extend(children(here))


def reads(node: cst.CSTNode) -> set[str]:
    """The names that some code needs from outside: no attributes, keywords or variables of its own comprehensions."""
    names = {here.value for here in walk(node) if type(here) is cst.Name}
    return names - set(bindings(node)) if isinstance(node, cst.BaseExpression) else names


def bindings(node: cst.CSTNode) -> Counter[str]:
    """How often some code binds each name, nested scopes included."""
    names: Counter[str] = Counter()
    for here in walk(node):
        field = _BINDERS.get(type(here))
        if field is not None and not (isinstance(here, cst.AnnAssign) and here.value is None):
            names.update(targets(getattr(here, field)))
    return names


def asked(node: cst.CSTNode) -> set[str]:
    """The names with whose objects themselves some code has to do, rather than with their attributes."""
    every = {id(here): here.value for here in walk(node) if type(here) is cst.Name}
    for here in walk(node):
        if isinstance(here, cst.Attribute):
            every.pop(id(here.value), None)
    return set(every.values())


def targets(target: cst.BaseExpression | None) -> set[str]:
    """The names that an assignment or loop target binds."""
    if isinstance(target, cst.Name):
        return {target.value}
    if isinstance(target, (cst.Tuple, cst.List)):
        return {name for element in target.elements for name in targets(element.value)}
    return set()


class Names:
    """Gives names that collide with none of a function.

    Args:
        taken: the words that stand in the function.
    """

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)

    def fresh(self, *wanted: str) -> str:
        """Take the first free name of several, else the last with a number.

        Args:
            wanted: names in order of preference.

        Returns:
            A name that is from now on taken.
        """
        numbered = (f"{wanted[-1]}_{number}" for number in range(2, len(self._taken) + 3))
        name = next(name for name in (*wanted, *numbered) if name not in self._taken)
        self._taken.add(name)
        return name
