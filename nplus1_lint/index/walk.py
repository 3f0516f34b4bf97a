"""Walks over the IR that more than one stage needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nplus1_lint.index import facts as f

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def blocks(statement: f.Stmt) -> tuple[tuple[f.Stmt, ...], ...]:
    """Return the suites directly inside a statement, those of functions and classes excepted."""
    if isinstance(statement, (f.If, f.For, f.While)):
        return (statement.body, statement.orelse)
    if isinstance(statement, f.With):
        return (statement.body,)
    if isinstance(statement, f.Try):
        return (statement.body, *(h.body for h in statement.handlers), statement.orelse, statement.final)
    return ()


def statements(body: tuple[f.Stmt, ...]) -> Iterator[f.Stmt]:
    """Yield every statement of a suite and of the suites inside it, in source order, in one scope."""
    for statement in body:
        yield statement
        for block in blocks(statement):
            yield from statements(block)


def targets(statement: f.Stmt) -> tuple[f.Expr, ...]:
    """Return the expressions that a statement itself assigns to."""
    if isinstance(statement, f.Assign):
        return statement.targets
    if isinstance(statement, (f.AnnAssign, f.AugAssign, f.For)):
        return (statement.target,)
    if isinstance(statement, f.With):
        return tuple(target for _, target in statement.items if target is not None)
    return ()


def imports(body: tuple[f.Stmt, ...]) -> Iterator[f.Import]:
    """Yield every import of a module, function-level ones included."""
    for statement in statements(body):
        if isinstance(statement, f.Import):
            yield statement
        elif isinstance(statement, f.Def):
            yield from imports(statement.function.body)
        elif isinstance(statement, f.ClassDef):
            yield from imports(statement.cls.body)


def children(expr: f.Expr) -> tuple[f.Expr, ...]:
    """Return the expressions directly inside one (a lambda's body excepted)."""
    inner = _CHILDREN.get(type(expr))
    return inner(expr) if inner is not None else ()


def _comprehension(expr: f.Comprehension) -> tuple[f.Expr, ...]:
    inner = tuple(part for g in expr.generators for part in (g.target, g.iterable, *g.conditions))
    return (*inner, *((expr.key,) if expr.key else ()), expr.element)


_CHILDREN: dict[type, Callable[[Any], tuple[f.Expr, ...]]] = {
    f.Attr: lambda e: (e.value,),
    f.Walrus: lambda e: (e.value,),
    f.Starred: lambda e: (e.value,),
    f.Call: lambda e: (e.func, *e.args, *[value for _, value in e.keywords]),
    f.Subscript: lambda e: (e.value, e.index),
    f.Slice: lambda e: tuple(part for part in (e.lower, e.upper, e.step) if part is not None),
    f.Display: lambda e: e.items,
    f.Dict: lambda e: tuple(part for pair in e.items for part in pair if part is not None),
    f.Binary: lambda e: (e.left, e.right),
    f.Not: lambda e: (e.operand,),
    f.BoolOp: lambda e: e.operands,
    f.Compare: lambda e: (e.left, *e.right),
    f.Conditional: lambda e: (e.test, e.body, e.orelse),
    f.Comprehension: _comprehension,
    f.Opaque: lambda e: e.parts,
    f.Yield: lambda e: (e.value,) if e.value is not None else (),
}


def expressions(body: tuple[f.Stmt, ...]) -> Iterator[f.Expr]:
    """Yield every expression of a suite, nested suites included, nested functions and classes excluded."""
    for statement in statements(body):
        for field in statement.__struct_fields__:
            yield from _inside(getattr(statement, field))


def _inside(value: Any) -> Iterator[f.Expr]:
    if type(value) in _EXPRESSIONS:
        yield value
        for child in children(value):
            yield from _inside(child)
    elif type(value) is tuple:
        for part in value:
            if type(part) in _EXPRESSIONS or type(part) is tuple:
                yield from _inside(part)


_EXPRESSIONS = frozenset({*_CHILDREN, f.Name, f.Const, f.Lambda})


def names(expr: f.Expr) -> Iterator[str]:
    """Yield the bare names that an expression reads."""
    if isinstance(expr, f.Name):
        yield expr.id
    for child in children(expr):
        yield from names(child)


def dotted(expr: f.Expr) -> str | None:
    """Return ``a.b.c`` for a chain of names and attributes, else None."""
    if isinstance(expr, f.Name):
        return expr.id
    if isinstance(expr, f.Attr):
        base = dotted(expr.value)
        return f"{base}.{expr.name}" if base else None
    return None


def last_name(expr: f.Expr | None) -> str:
    """Return the last part of a chain of names, or an empty string for anything else."""
    return expr.id if isinstance(expr, f.Name) else expr.name if isinstance(expr, f.Attr) else ""


def call_name(expr: f.Expr | None) -> str:
    """Return the last part of the name that a call calls, or an empty string for anything else."""
    return last_name(expr.func) if isinstance(expr, f.Call) else ""
