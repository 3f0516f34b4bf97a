"""Walks over the IR that more than one stage needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nplus1_lint.index import facts as f

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def blocks(statement: f.Stmt) -> tuple[tuple[f.Stmt, ...], ...]:
    """Return the suites directly inside a statement, those of functions and classes excepted."""
    suites = _BLOCKS.get(type(statement))
    return suites(statement) if suites is not None else ()


_BLOCKS: dict[type, Callable[[Any], tuple[tuple[f.Stmt, ...], ...]]] = {
    f.If: lambda s: (s.body, s.orelse),
    f.For: lambda s: (s.body, s.orelse),
    f.While: lambda s: (s.body, s.orelse),
    f.With: lambda s: (s.body,),
    f.Try: lambda s: (s.body, *[handler.body for handler in s.handlers], s.orelse, s.final),
}


def statements(body: tuple[f.Stmt, ...]) -> Iterator[f.Stmt]:
    """Return every statement of a suite and of the suites inside it, in source order, in one scope."""
    found: list[f.Stmt] = []
    _gather_statements(body, found)
    return iter(found)


def _gather_statements(body: tuple[f.Stmt, ...], found: list[f.Stmt]) -> None:
    # A list that is filled, here and below: a generator in a generator hands each item up through every level.
    for statement in body:
        found.append(statement)
        suites = _BLOCKS.get(type(statement))
        if suites is not None:
            for block in suites(statement):
                if block:
                    _gather_statements(block, found)


def targets(statement: f.Stmt) -> tuple[f.Expr, ...]:
    """Return the expressions that a statement itself assigns to."""
    if isinstance(statement, f.Assign):
        return statement.targets
    if isinstance(statement, (f.AnnAssign, f.AugAssign, f.For)):
        return (statement.target,)
    if isinstance(statement, f.With):
        return tuple(target for _, target in statement.items if target is not None)
    return ()


def target_paths(target: f.Expr) -> tuple[str, ...]:
    """Return the dotted paths that a target of an assignment binds, those of ``a, *b.c`` one by one."""
    if isinstance(target, f.Display):
        return tuple([path for item in target.items for path in target_paths(item)])
    if isinstance(target, f.Starred):
        return target_paths(target.value)
    path = dotted(target)
    return (path,) if path else ()


def assigned_in(body: tuple[f.Stmt, ...], nested: bool = True) -> frozenset[str]:
    """Return the names that a suite assigns; without *nested*, only those of its own statements."""
    return frozenset(
        name
        for statement in (statements(body) if nested else body)
        for target in targets(statement)
        for name in names(target)
        if not isinstance(target, (f.Attr, f.Subscript))
    )


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


def parts(statement: f.Stmt) -> list[f.Expr]:
    """Return the expressions directly in a statement, suites excluded."""
    found: list[f.Expr] = []
    for field in _FIELDS.get(type(statement), ()):
        value = getattr(statement, field)
        if type(value) is tuple:
            for part in value:
                if type(part) is tuple:
                    found += [one for one in part if one is not None]
                else:
                    found.append(part)
        elif value is not None:
            found.append(value)
    return found


def expressions(body: tuple[f.Stmt, ...]) -> Iterator[f.Expr]:
    """Return every expression of a suite, nested suites included, nested functions and classes excluded."""
    found: list[f.Expr] = []
    for statement in statements(body):
        for part in parts(statement):
            _gather(part, found)
    return iter(found)


def _gather(expr: f.Expr, found: list[f.Expr]) -> None:
    found.append(expr)
    inner = _CHILDREN.get(type(expr))
    if inner is not None:
        for child in inner(expr):
            _gather(child, found)


def calls(body: tuple[f.Stmt, ...]) -> Iterator[f.Call]:
    """Yield every call of a suite, those in the functions and classes inside it included."""
    for expr in expressions(body):
        if isinstance(expr, f.Call):
            yield expr
    for statement in statements(body):
        if isinstance(statement, f.Def):
            yield from calls(statement.function.body)
        elif isinstance(statement, f.ClassDef):
            yield from calls(statement.cls.body)


def names_in(module: f.ModuleFacts) -> Iterator[frozenset[str]]:
    """Yield the names by which a module may mean something: those it mentions, spells in strings and imports."""
    yield module.body.mentions
    yield module.words
    yield module.other_words
    for statement in module.imports:
        for alias in statement.names:
            yield frozenset(alias.name.split("."))
        if statement.module is not None:
            yield frozenset(statement.module.split("."))


# Where statements hold expressions, or tuples of them, or tuples of these.
_FIELDS: dict[type, tuple[str, ...]] = {
    f.Assign: ("targets", "value"),
    f.AnnAssign: ("target", "annotation", "value"),
    f.AugAssign: ("target", "value"),
    f.ExprStmt: ("value",),
    f.If: ("test",),
    f.For: ("target", "iterable"),
    f.While: ("test",),
    f.With: ("items",),
    f.Return: ("value",),
    f.Raise: ("value",),
    f.Delete: ("targets",),
}


def names(expr: f.Expr) -> Iterator[str]:
    """Yield the bare names that an expression reads."""
    if isinstance(expr, f.Name):
        yield expr.id
    for child in children(expr):
        yield from names(child)


def dotted(expr: f.Expr) -> str | None:
    """Return ``a.b.c`` for a chain of names and attributes, else None."""
    if type(expr) is f.Name:
        return expr.id
    if type(expr) is f.Attr:
        base = dotted(expr.value)
        return f"{base}.{expr.name}" if base else None
    return None


def last_name(expr: f.Expr | None) -> str:
    """Return the last part of a chain of names, or an empty string for anything else."""
    return expr.id if isinstance(expr, f.Name) else expr.name if isinstance(expr, f.Attr) else ""


def call_name(expr: f.Expr | None) -> str:
    """Return the last part of the name that a call calls, or an empty string for anything else."""
    return last_name(expr.func) if isinstance(expr, f.Call) else ""
