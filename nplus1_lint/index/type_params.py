"""Type parameters as what they were before they had a syntax: type variables at a module's top level.

``class Repo[T: Base]`` is ``T = TypeVar("T", bound=Base)`` and a class with the parameter ``T``. Each gets a variable
of its own, named after what declares it (``Repo[T]``), since many declare a ``T``.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any, Final

from nplus1_lint.index import facts as f
from nplus1_lint.index.lowering import annotation, place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nplus1_lint.index.lowering import Lowering

_TYPE_VAR: Final = "typing.TypeVar"
_IMPORT: Final = f.Import("typing", 0, (f.Alias("TypeVar", _TYPE_VAR),), (1, 0, 1, 0))


def declare(m: Lowering, node: Any, qualname: str) -> tuple[str, ...]:
    """Declare what a definition has of type parameters, and let the names in it stand for them.

    Args:
        m: the module; the caller puts its *type_names* back behind the definition.
        node: a function, a class or a ``type`` statement with type parameters.
        qualname: its qualified name.

    Returns:
        The names of their type variables.
    """
    names: dict[str, str] = {}
    for param in node.type_params:
        name = f"{qualname}[{param.name}]"
        while name in m.type_variables:  # overloads
            name += "'"
        m.type_variables[name] = None
        names[param.name] = name
    _rename(node, {name: variable for name, variable in names.items() if name not in _bound(node)})
    m.type_names = {**m.type_names, **names}
    for param in node.type_params:
        m.type_variables[names[param.name]] = _variable(m, param, names[param.name])
    return tuple(names.values())


def declarations(m: Lowering) -> tuple[f.Stmt, ...]:
    """Return the statements that declare a module's type variables."""
    found = [statement for statement in m.type_variables.values() if statement is not None]
    return (_IMPORT, *found) if found else ()


def _rename(node: Any, names: Mapping[str, str]) -> None:
    """Let the names in a definition be others; nested type parameters hide those around them."""
    outside = getattr(node, "decorator_list", [])
    waiting = [(child, names) for child in _children(node) if child not in outside]
    while waiting:
        here, known = waiting.pop()
        if isinstance(here, ast.Name):
            here.id = known.get(here.id, here.id)
            continue
        hidden = {param.name for param in getattr(here, "type_params", ())}
        inner = {name: variable for name, variable in known.items() if name not in hidden} if hidden else known
        waiting += [(child, inner) for child in _children(here)]


def _children(node: ast.AST) -> Iterator[ast.AST]:
    yield from ast.iter_child_nodes(node)
    if "type_params" not in node._fields:
        yield from getattr(node, "type_params", ())


def _bound(node: ast.AST) -> set[str]:
    """What is assigned somewhere in a definition, and its parameters."""
    found: set[str] = set()
    for one in ast.walk(node):
        if isinstance(one, ast.Name) and not isinstance(one.ctx, ast.Load):
            found.add(one.id)
        elif isinstance(one, ast.arg):
            found.add(one.arg)
    return found


def _variable(m: Lowering, param: Any, name: str) -> f.Assign:
    where, bound = place(param.__dict__), getattr(param, "bound", None)
    given: list[f.Expr] = [f.Const(param.name)]
    named: tuple[tuple[str | None, f.Expr], ...] = ()
    if isinstance(bound, ast.Tuple):
        given += [annotation(m, one) for one in bound.elts]
    elif bound is not None:
        named = (("bound", annotation(m, bound)),)
    m.mention(name)
    call = f.Call(f.Name(_TYPE_VAR, where), tuple(given), named, where)
    return f.Assign((f.Name(name, where),), call, where)
