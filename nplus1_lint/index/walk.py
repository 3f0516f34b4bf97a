"""Walks over the IR that more than one stage needs."""

from __future__ import annotations

from collections.abc import Iterator

from nplus1_lint.index import facts as f


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
    if isinstance(expr, (f.Attr, f.Walrus, f.Starred)):
        return (expr.value,)
    if isinstance(expr, f.Call):
        return (expr.func, *expr.args, *(value for _, value in expr.keywords))
    if isinstance(expr, f.Subscript):
        return (expr.value, expr.index)
    if isinstance(expr, f.Slice):
        return tuple(part for part in (expr.lower, expr.upper, expr.step) if part is not None)
    if isinstance(expr, f.Display):
        return expr.items
    if isinstance(expr, f.Dict):
        return tuple(part for pair in expr.items for part in pair if part is not None)
    if isinstance(expr, f.Binary):
        return (expr.left, expr.right)
    if isinstance(expr, f.Not):
        return (expr.operand,)
    if isinstance(expr, f.BoolOp):
        return expr.operands
    if isinstance(expr, f.Compare):
        return (expr.left, *expr.right)
    if isinstance(expr, f.Conditional):
        return (expr.test, expr.body, expr.orelse)
    return _rare_children(expr)


def _rare_children(expr: f.Expr) -> tuple[f.Expr, ...]:
    if isinstance(expr, f.Comprehension):
        inner = tuple(part for g in expr.generators for part in (g.target, g.iterable, *g.conditions))
        return (*inner, *((expr.key,) if expr.key else ()), expr.element)
    if isinstance(expr, f.Opaque):
        return expr.parts
    if isinstance(expr, f.Yield) and expr.value is not None:
        return (expr.value,)
    return ()


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
