"""Bounds: how often a loop runs, where the source fixes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import call_name, dotted
from nplus1_lint.infer import library as lib
from nplus1_lint.infer.values import (
    UNKNOWN,
    ClassRef,
    Const,
    External,
    Many,
    Mapping,
    Reflection,
    Statement,
    Tuple,
    Value,
)

if TYPE_CHECKING:
    from nplus1_lint.infer.frame import Frame


def is_bounded(frame: Frame, iterable: f.Expr, over: Value) -> bool:
    """True if the source fixes how often the loop runs: a literal, a constant, an Enum, ``range`` of a constant."""
    if isinstance(iterable, f.Display):
        starred = [item.value for item in iterable.items if isinstance(item, f.Starred)]
        return all(is_bounded(frame, one, frame_value(frame, one, UNKNOWN)) for one in starred)
    if isinstance(iterable, f.Binary):
        sides = (iterable.left, iterable.right)
        return all(is_bounded(frame, side, frame_value(frame, side, UNKNOWN)) for side in sides)
    if isinstance(iterable, (f.Dict, f.Const)):
        return True
    if isinstance(iterable, f.Call) and _bounded_call(frame, iterable, over):
        return True
    return _is_fixed(frame, over) or _constant_name(frame, iterable) or _written_once(iterable)


def _bounded_call(frame: Frame, iterable: f.Call, over: Value) -> bool:
    inner = _inner_iterables(iterable)
    name = call_name(iterable)
    if name == "range":
        return all(_is_constant(frame, argument) for argument in iterable.args)
    if inner is not None and name in ("enumerate", "reversed", "sorted", "list", "tuple", "set", "iter"):
        return is_bounded(frame, inner[0], frame_value(frame, inner[0], over))
    if name == "zip" and inner:
        return any(is_bounded(frame, one, frame_value(frame, one, UNKNOWN)) for one in inner)
    if name == "__subclasses__":
        return True
    if name in ("items", "keys", "values") and isinstance(iterable.func, f.Attr):
        if _constant_name(frame, iterable.func.value) or _written_once(iterable.func.value):
            return True
    return False


def _is_fixed(frame: Frame, over: Value) -> bool:
    """True if the value itself says how many items there are."""
    if any(type(a) is ClassRef and frame.engine.classes.is_enum(a.id) for a in over.atoms):
        return True
    if over.atoms and all(
        a.size is not None if type(a) in (Many, Mapping) else type(a) in (Const, Tuple) for a in over.atoms
    ):
        return True
    if any(type(a) is Statement and "single" in a.flags for a in over.atoms):
        return True
    items = [a.item for a in over.atoms if type(a) is Many]
    if items and all(item.atoms and all(type(a) in (Const, Reflection) for a in item.atoms) for item in items):
        return True  # collected from literals alone
    if over.atoms and all(type(a) is Tuple for a in over.atoms):
        return True
    return is_of_schema(over)


def is_of_schema(value: Value) -> bool:
    """True for the tables and columns of a schema, which are fixed in the source: of a ``MetaData`` or of its owner."""
    return any(
        type(a) is Reflection
        or (type(a) is External and ("MetaData()." in a.name or (".metadata." in a.name and lib.is_sql(a.name))))
        for a in value.atoms
    )


def _written_once(expr: f.Expr) -> bool:
    """An Enum's members and the classes of a registry are fixed in the source."""
    if not isinstance(expr, f.Attr):
        return False
    registry = isinstance(expr.value, f.Attr) and expr.value.name == "registry"
    return expr.name == "__members__" or (expr.name == "mappers" and registry)


def frame_value(frame: Frame, expr: f.Expr, default: Value) -> Value:
    """Return the value of a name without running anything."""
    path = dotted(expr)
    known = frame.lookup(path) if path else None
    if known is not None:
        return known[0]
    if isinstance(expr, f.Name):
        return frame.engine.global_value(frame.path, expr.id, frame.function.facts.qualname)
    return default


def _inner_iterables(call: f.Call) -> tuple[f.Expr, ...] | None:
    return call.args if call.args else None


def _is_constant(frame: Frame, expr: f.Expr) -> bool:
    if isinstance(expr, f.Const):
        return True
    if isinstance(expr, f.Name) and expr.id.isupper() and _constant_name(frame, expr):
        return True
    if isinstance(expr, f.Binary):
        return _is_constant(frame, expr.left) and _is_constant(frame, expr.right)
    if isinstance(expr, f.Call) and call_name(expr) == "min" and len(expr.args) > 1:
        return any(_is_constant(frame, argument) for argument in expr.args)
    value = frame_value(frame, expr, UNKNOWN)
    return bool(value.atoms) and all(type(a) is Const for a in value.atoms)


def _constant_name(frame: Frame, expr: f.Expr) -> bool:
    """A module or class constant that is a literal collection and is never rebound."""
    if isinstance(expr, f.Name) and frame.lookup(expr.id) is None:
        return frame.engine.is_constant_collection(frame.path, expr.id)
    if isinstance(expr, f.Attr):
        path = dotted(expr)
        last = expr.name
        return bool(path) and last.isupper() and frame.lookup(path or "") is None
    return False
