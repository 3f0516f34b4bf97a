"""The value of an expression in the function in which it stands, without running that function."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import names, statements, targets
from nplus1_lint.infer.values import Value, unknown
from nplus1_lint.link.symbols import import_bindings

if TYPE_CHECKING:
    from nplus1_lint.infer.solve import Engine
    from nplus1_lint.link.hierarchy import Function as Definition

_DEPTH = 4  # names that stand for names


def value_in(engine: Engine, path: str, holder: Definition | None, expr: f.Expr, depth: int = _DEPTH) -> Value:
    """Return what an expression stands for by what is imported, defined or assigned once around it.

    Args:
        engine: evaluates it.
        path: project path of the file.
        holder: the function in which it stands, or None for the top level.
        expr: the expression.
        depth: how many names to follow.
    """
    if holder is None:
        return engine.constant(path, expr)
    if isinstance(expr, f.Name):
        return _named(engine, path, holder, expr, depth)
    local = _local(holder)
    if local.isdisjoint(names(expr)):
        return engine.constant(path, expr)
    if isinstance(expr, f.Attr):
        return engine.member(path, value_in(engine, path, holder, expr.value, depth), expr)
    return unknown("it depends on the function around it")


def _named(engine: Engine, path: str, holder: Definition, name: f.Name, depth: int) -> Value:
    if any(param.name == name.id for param in holder.facts.params):
        return unknown(f"{name.id} is a parameter")
    assigned: list[f.Expr] = []
    for statement in statements(holder.facts.body):
        if isinstance(statement, f.Def) and statement.function.name == name.id:
            return engine.function_value(f"{holder.id}.{name.id}")
        if isinstance(statement, f.Import):
            for local, target in import_bindings(statement):
                if local == name.id:
                    return engine.imported(path, *target)
        if any(isinstance(one, f.Name) and one.id == name.id for one in targets(statement)):
            assigned += [statement.value] if isinstance(statement, f.Assign) else [name]
    if not assigned:
        return engine.constant(path, name)
    if len(assigned) == 1 and assigned[0] is not name and depth:
        return value_in(engine, path, holder, assigned[0], depth - 1)
    return unknown(f"{name.id} is assigned more than once")


def _local(holder: Definition) -> set[str]:
    """The names that mean something in a function alone."""
    found = {param.name for param in holder.facts.params}
    for statement in statements(holder.facts.body):
        if isinstance(statement, f.Def):
            found.add(statement.function.name)
        elif isinstance(statement, f.Import):
            found.update(local for local, _ in import_bindings(statement))
        else:
            found.update(name for target in targets(statement) for name in names(target))
    return found
