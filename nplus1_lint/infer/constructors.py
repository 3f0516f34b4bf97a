"""Where the arguments of a constructor show: which attributes of the new instance may tell one from another."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import blocks, expressions, statements, targets

if TYPE_CHECKING:
    from collections.abc import Callable

_LEAVING = (f.Return, f.Raise, f.ClassDef, f.Scope)


class Shown(NamedTuple):
    """What an argument of a constructor may change.

    Attributes:
        attributes: those of the new instance; None for all of them.
        handled: something is done with the argument beyond storing it: an argument that can act may change others.
    """

    attributes: frozenset[str] | None
    handled: bool


class _Unit(NamedTuple):
    """A statement of a constructor's own suite, with all that stands inside it.

    Attributes:
        mentions: names, and attributes of the instance as dotted paths, that it reads or writes.
        handles: those of them that stand in calls or whose attributes are read, or all in a loop or block.
        writes: those that it assigns or may change in place.
        leaves: a path may end inside it.
    """

    mentions: frozenset[str]
    handles: frozenset[str]
    writes: frozenset[str]
    leaves: bool


def shown(init: f.FunctionFacts, reads_of: Callable[[str], frozenset[str]]) -> dict[str, Shown]:
    """Return where each argument of a constructor may show, by the parameter's name.

    What a statement writes may tell all that it reads; a path that ends early may tell on everything.

    Args:
        init: an ``__init__`` that uses its first parameter for its attributes alone.
        reads_of: the attributes that a method of the instance reads, itself or through others.
    """
    itself, *others = (param.name for param in init.params)
    units = [_unit(statement, itself, reads_of) for statement in init.body]
    return {name: _of_argument(name, itself, units) for name in others}


def _of_argument(name: str, itself: str, units: list[_Unit]) -> Shown:
    telling = {name}
    known = 0
    while known != len(telling):
        known = len(telling)
        for unit in units:
            if not telling.isdisjoint(unit.mentions):
                if unit.leaves:
                    return Shown(None, True)
                telling |= unit.writes
    prefix = f"{itself}."
    attributes = frozenset(path[len(prefix) :] for path in telling if path.startswith(prefix))
    return Shown(attributes, any(not telling.isdisjoint(unit.handles) for unit in units))


def _unit(statement: f.Stmt, itself: str, reads_of: Callable[[str], frozenset[str]]) -> _Unit:
    inside = tuple(statements((statement,)))
    exprs = tuple(expressions((statement,)))
    mentions = _mentions(exprs, itself)
    handles: set[str] = set()
    writes: set[str] = set()
    for expr in exprs:
        if type(expr) is f.Call:
            handles |= _mentions(tuple(expressions((f.ExprStmt(expr, expr.pos),))), itself)
            if type(expr.func) is f.Attr:
                writes |= _root(expr.func.value, itself)  # a container may grow
        elif type(expr) is f.Attr:
            handles |= _root(expr.value, itself)
        elif type(expr) is f.Comprehension:
            handles |= mentions
            writes |= {name for one in expr.generators for name in _roots(one.target, itself)}
        elif type(expr) is f.Walrus:
            writes.add(expr.name)
    for one in inside:
        writes |= {path for target in targets(one) for path in _roots(target, itself)}
        if type(one) is f.Def:
            mentions |= one.function.mentions
            handles |= one.function.mentions
            writes.add(one.function.name)
        elif blocks(one) and type(one) is not f.If:
            handles |= mentions
    prefix = f"{itself}."
    for path in tuple(mentions):
        if path.startswith(prefix):
            through = {f"{prefix}{read}" for read in reads_of(path[len(prefix) :])}
            mentions |= through
            handles |= through
    leaves = len(inside) > 1 and any(isinstance(one, _LEAVING) for one in inside)
    return _Unit(frozenset(mentions), frozenset(handles), frozenset(writes), leaves)


def _mentions(exprs: tuple[f.Expr, ...], itself: str) -> set[str]:
    """Names, and attributes of the instance, in expressions and all that stands inside them."""
    found: set[str] = set()
    for expr in exprs:
        if type(expr) is f.Name and expr.id != itself:
            found.add(expr.id)
        elif type(expr) is f.Attr and type(expr.value) is f.Name and expr.value.id == itself:
            found.add(f"{itself}.{expr.name}")
        elif type(expr) is f.Lambda:
            found |= expr.function.mentions
    return found


def _roots(target: f.Expr, itself: str) -> set[str]:
    if type(target) is f.Display:
        return {path for item in target.items for path in _roots(item, itself)}
    return _root(target, itself)


def _root(expr: f.Expr, itself: str) -> set[str]:
    """The name, or the attribute of the instance, at which a chain of attributes, items and calls begins."""
    while not isinstance(expr, f.Name):
        if type(expr) is f.Attr:
            if type(expr.value) is f.Name and expr.value.id == itself:
                return {f"{itself}.{expr.name}"}
            expr = expr.value
        elif isinstance(expr, (f.Subscript, f.Starred)):
            expr = expr.value
        elif type(expr) is f.Call:
            expr = expr.func
        else:
            return set()
    return {expr.id} - {itself}
