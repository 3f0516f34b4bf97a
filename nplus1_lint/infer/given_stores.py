"""Stores that a function gives: ``store = get_store()``, which a global, Flask's ``g`` or an object holds.

What is put into such a store outlives the call, under whatever name it is taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import assigned_in, call_name, dotted, last_name, statements, targets
from nplus1_lint.infer.library import CACHES
from nplus1_lint.link.symbols import ExternalSymbol, FunctionSymbol, GlobalSymbol, ModuleSymbol

if TYPE_CHECKING:
    from nplus1_lint.infer.frame import Frame
    from nplus1_lint.link.hierarchy import Function as Definition
    from nplus1_lint.link.hierarchy import Hierarchy

_GIVES = frozenset({"get", "setdefault"})  # methods of a holder that give what it keeps under a name
_OWN = ("self", "cls")


def remember(frame: Frame, target: f.Expr, value: f.Expr | None) -> None:
    """Note what a name stands for that is assigned: the store that a function gives, or anything else."""
    if type(target) is not f.Name:
        return
    frame.given_stores.pop(target.id, None)
    if type(value) is f.Call:
        known, key = frame.engine.given_stores, (frame.path, value.pos, frame.concrete_class())
        if key not in known:
            known[key] = _given(frame, value)
        path = known[key]
        if path is not None:
            frame.given_stores[target.id] = path


def _given(frame: Frame, call: f.Call) -> str | None:
    """Write the store that a call gives as the caller reaches it, or None."""
    hierarchy = frame.engine.project.hierarchy
    definition, holder = None, ""
    if isinstance(call.func, (f.Name, f.Attr)):
        symbol = hierarchy.resolve_expr(frame.path, call.func)
        if isinstance(symbol, FunctionSymbol):
            definition = hierarchy.functions.get(symbol.id)
        elif isinstance(call.func, f.Attr) and isinstance(call.func.value, f.Name) and call.func.value.id in _OWN:
            holder = call.func.value.id
            definition = hierarchy.find_method(frame.concrete_class() or "", call.func.name)
    if definition is None or definition.facts.is_generator:
        return None
    path = _kept_by(hierarchy, definition)
    root = path.partition(".")[0] if path is not None else ""
    return None if path is None or (root in _OWN and root != holder) else path


def _kept_by(hierarchy: Hierarchy, definition: Definition) -> str | None:
    """Write the store that a function returns, whichever way it leaves, as it reaches it; None for other values."""
    if any(last_name(d.func if isinstance(d, f.Call) else d) in CACHES for d in definition.facts.decorators):
        return f"{definition.facts.name}.()"
    body = definition.facts.body
    returned = [statement.value for statement in statements(body) if isinstance(statement, f.Return)]
    paths = {_kept(hierarchy, definition, value, {}) if value is not None else None for value in returned}
    path = paths.pop() if len(paths) == 1 else None
    return None if path is None or _is_made_anew(body, path.removesuffix(".")) else path


def _kept(hierarchy: Hierarchy, definition: Definition, expr: f.Expr, seen: dict[str, None]) -> str | None:
    """Write what an expression gives, if it is kept by what outlives the function."""
    if isinstance(expr, f.Subscript):  # one store of several
        base = _kept(hierarchy, definition, expr.value, seen)
        return f"{base}.[]" if base is not None else None
    if isinstance(expr, f.Call):
        return _kept_under_a_name(hierarchy, definition, expr, seen)
    path = dotted(expr)
    if path is None:
        return None
    root, dot, _ = path.partition(".")
    if root in _OWN and dot:
        return path
    if any(param.name == root for param in definition.facts.params):
        return None
    shared = {name for s in statements(definition.facts.body) if isinstance(s, f.Scope) for name in s.names}
    if root not in shared and root in assigned_in(definition.facts.body):
        return None if dot else _kept_local(hierarchy, definition, root, seen)
    symbol = hierarchy.resolve_expr(definition.path, f.Name(root, definition.facts.pos))
    if isinstance(symbol, GlobalSymbol):
        return path if dot else f"{root}."
    return path if dot and isinstance(symbol, (ExternalSymbol, ModuleSymbol)) else None


def _kept_under_a_name(hierarchy: Hierarchy, definition: Definition, call: f.Call, seen: dict[str, None]) -> str | None:
    """``getattr(g, "store", None)``, ``g.get("store")``, ``stores.setdefault(name, {})``."""
    if isinstance(call.func, f.Name) and call.func.id == "getattr" and len(call.args) > 1:
        holder, name, *default = call.args
    elif isinstance(call.func, f.Attr) and call.func.name in _GIVES and call.args:
        holder, (name, *default) = call.func.value, call.args
    else:
        return None
    if (
        default
        and call_name(call) != "setdefault"
        and not (isinstance(default[0], f.Const) and default[0].value is None)
    ):
        return None  # the default is kept by nothing
    if isinstance(name, f.Const) and isinstance(name.value, str):
        return _kept(hierarchy, definition, f.Attr(holder, name.value, call.pos), seen)
    return _kept(hierarchy, definition, f.Subscript(holder, name, call.pos), seen)


def _kept_local(hierarchy: Hierarchy, definition: Definition, name: str, seen: dict[str, None]) -> str | None:
    """A local name stands for a store if each value of it is one, or is put there by the same statement."""
    if name in seen:
        return None
    seen = {**seen, name: None}
    paths: set[str | None] = set()
    for statement in statements(definition.facts.body):
        if name in assigned_in((statement,), nested=False):
            others = [target for target in targets(statement) if not isinstance(target, f.Name)]
            value = statement.value if isinstance(statement, (f.Assign, f.AnnAssign)) else None
            written = others[0] if others else value
            paths.add(_kept(hierarchy, definition, written, seen) if written is not None else None)
    return paths.pop() if len(paths) == 1 else None


def _is_made_anew(body: tuple[f.Stmt, ...], path: str) -> bool:
    """True if each call of a function puts a new store in the place of the old one."""
    for statement in body:
        if any(isinstance(inner, f.Return) for inner in statements((statement,))):
            return False  # what comes behind it runs where there was none
        if isinstance(statement, f.Assign) and any(dotted(target) == path for target in statement.targets):
            return True
    return False
