"""Conditions: what literals settle, and what each outcome says of the names that they ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import dotted
from nplus1_lint.infer import isinstances, keywords
from nplus1_lint.infer.bounds import frame_value
from nplus1_lint.infer.values import (
    ELLIPSIS,
    SENTINEL,
    SOME,
    SOME_FIXED,
    UNKNOWN,
    ClassRef,
    Const,
    External,
    Function,
    Instance,
    Many,
    Mapping,
    ModuleRef,
    Row,
    ScalarOf,
    Session,
    SessionFactory,
    Tuple,
    Value,
)

if TYPE_CHECKING:
    from nplus1_lint.infer.frame import Frame


class Test(NamedTuple):
    """An evaluated condition."""

    truth: bool | None
    mask: int


def settled(frame: Frame, expr: f.Expr) -> bool | None:
    """Return a condition's outcome where literals settle it; nothing is run."""
    if type(expr) is f.Call and _asks_class(expr):
        return False if isinstances.is_never(frame, _quiet_value(frame, expr.args[0]), expr.args[1]) else None
    if type(expr) is f.Call or type(expr) is f.Subscript:
        answer = keywords.answer(frame, expr)
        return truth(answer) if answer is not None else None
    if type(expr) is f.Name:
        return False if expr.id == "TYPE_CHECKING" else truth(_quiet_value(frame, expr))
    if type(expr) is f.Attr:
        return truth(_quiet_value(frame, expr))
    if type(expr) is f.Not:
        inner = settled(frame, expr.operand)
        return None if inner is None else not inner
    if type(expr) is f.BoolOp:
        parts = [settled(frame, o) for o in expr.operands]
        stop = not expr.is_and
        if stop in parts:
            return stop
        return None if None in parts else expr.is_and
    if type(expr) is f.Compare and len(expr.ops) == 1:
        right = expr.right[0]
        if expr.ops[0] not in ("Is", "IsNot"):
            return keywords.holds(frame, expr)
        if isinstance(right, f.Const) and right.value is None:
            value = _quiet_value(frame, expr.left)
            none = _is_none(value)
            return None if none is None else none == (expr.ops[0] == "Is")
        same = _is_same(_quiet_value(frame, expr.left), _sentinel(frame, right))
        return None if same is None else same == (expr.ops[0] == "Is")
    return bool(expr.value) if type(expr) is f.Const else None


def _quiet_value(frame: Frame, expr: f.Expr) -> Value:
    path = dotted(expr)
    if path is None:
        return keywords.answer(frame, expr) or UNKNOWN
    known = frame.lookup(path)
    return known[0] if known is not None else UNKNOWN


def _sentinel(frame: Frame, expr: f.Expr) -> External | None:
    """Return what ``...`` or the name of an ``object()`` stands for: each is nothing but itself."""
    if expr == f.Opaque(()):
        return ELLIPSIS.first(External)  # type: ignore[no-any-return]
    value = frame_value(frame, expr, UNKNOWN) if type(expr) is f.Name else UNKNOWN
    if type(expr) is f.Attr and type(expr.value) is f.Name:
        module = frame_value(frame, expr.value, UNKNOWN).first(ModuleRef)
        value = frame.engine.module_member(module.path, expr.name) if module is not None else UNKNOWN
    only = value.atoms[0] if len(value.atoms) == 1 else None
    return only if type(only) is External and only.name.startswith(SENTINEL) else None


def _is_same(value: Value, sentinel: External | None) -> bool | None:
    """True if a value is a sentinel, False if it is none, None where either may be."""
    if sentinel is None or not value.atoms:
        return None
    same = [a == sentinel for a in value.atoms]
    if all(same):
        return True
    other = all(
        a == SOME or type(a) in _NO_SENTINEL or (type(a) is External and a.name.startswith(SENTINEL))
        for a in value.atoms
    )
    return False if other and not any(same) else None


def _is_none(value: Value) -> bool | None:
    if not value.atoms:
        return None
    nones = [type(a) is Const and a.value is None for a in value.atoms]
    return True if all(nones) else None if any(nones) else _certain(value)


_NO_SENTINEL = (Session, SessionFactory, ClassRef, Function, Const, Many, Mapping, Tuple, Row, Instance, ScalarOf)
_NEVER_NONE = (Session, SessionFactory, ClassRef, Function, Const, Many, Mapping, Tuple)


def _certain(value: Value) -> bool | None:
    """Rows, sessions and instances are not None; plain data of unknown making may be."""
    sure = all(a == SOME or type(a) in _NEVER_NONE for a in value.atoms)
    return False if sure else None


def assume(frame: Frame, expr: f.Expr, positive: bool) -> None:
    """Narrow names by a condition's outcome: what is not None, what is of a class."""
    if type(expr) is f.Name:
        _keep(frame, expr.id, positive)
    elif type(expr) is f.Not:
        assume(frame, expr.operand, not positive)
    elif type(expr) is f.BoolOp:
        if expr.is_and == positive:
            for operand in expr.operands:
                assume(frame, operand, positive)
    elif type(expr) is f.Walrus:
        _keep(frame, expr.name, positive)
    elif type(expr) is f.Attr:
        path = dotted(expr)
        if path:
            _keep(frame, path, positive)
    elif type(expr) is f.Compare and len(expr.ops) == 1 and expr.ops[0] in ("Is", "IsNot"):
        right, path = expr.right[0], dotted(expr.left)
        if path and isinstance(right, f.Const) and right.value is None:
            _keep(frame, path, positive == (expr.ops[0] == "IsNot"))
        elif path and (sentinel := _sentinel(frame, right)) is not None:
            _keep_sentinel(frame, path, sentinel, positive == (expr.ops[0] == "Is"))
    elif type(expr) is f.Call and _asks_class(expr):
        _keep_class(frame, expr, positive)


def _asks_class(expr: f.Call) -> bool:
    """True for ``isinstance(value, classes)``."""
    return type(expr.func) is f.Name and expr.func.id == "isinstance" and len(expr.args) == 2


def _keep(frame: Frame, path: str, truthy: bool) -> None:
    binding = frame.state.env.get(path)
    if binding is None or len(binding.value.atoms) < 2:
        return
    kept = tuple(a for a in binding.value.atoms if not (type(a) is Const and not a.value)) if truthy else tuple(
        a for a in binding.value.atoms if type(a) not in (Row, Instance, Session, ClassRef, Function)
    )  # fmt: skip
    if kept and len(kept) != len(binding.value.atoms):
        frame.state.env[path] = binding._replace(value=Value(kept))
        if frame.meter is not None and not truthy:
            frame.meter.missed(binding.born)


def _keep_sentinel(frame: Frame, path: str, sentinel: External, positive: bool) -> None:
    binding = frame.state.env.get(path)
    kept = tuple(a for a in binding.value.atoms if (a == sentinel) == positive) if binding is not None else ()
    if binding is not None and kept and len(kept) != len(binding.value.atoms):
        frame.state.env[path] = binding._replace(value=Value(kept))


def _keep_class(frame: Frame, expr: f.Call, positive: bool) -> None:
    path = dotted(expr.args[0])
    binding = frame.state.env.get(path) if path else None
    if binding is None or path is None:
        return
    kept = isinstances.narrowed(frame, binding.value, expr.args[1], positive)
    if kept and len(kept) != len(binding.value.atoms):
        frame.state.env[path] = binding._replace(value=Value(kept))


def truth(value: Value) -> bool | None:
    """Return the truth of a value where a literal settles it."""
    known: bool | None = None
    for atom in value.atoms:
        kind = type(atom)
        if kind is Const:
            one = bool(atom.value)
        elif kind in (Session, SessionFactory, ClassRef, Function, ModuleRef) or (kind is Instance and atom.exact):
            one = True  # a row or a declared instance may be None where the annotation does not say so
        elif kind in (Many, Mapping) and atom.size is not None and atom.size != SOME_FIXED:
            one = atom.size > 0
        else:
            return None
        if known is not None and known != one:
            return None
        known = one
    return known
