"""Loop variables that no two iterations have alike, and what they guard: ``if key == "admin"`` holds at most once.

Keys of a dictionary, items of a set, the numbers of ``enumerate`` and ``range``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import dotted, names
from nplus1_lint.infer.bounds import frame_value
from nplus1_lint.infer.memos import ONE_ITERATION
from nplus1_lint.infer.values import UNKNOWN, External, Many, Mapping, Value

if TYPE_CHECKING:
    from nplus1_lint.infer.frame import Frame
    from nplus1_lint.infer.state import LoopState

_SAME_ITEMS = frozenset({"sorted", "list", "tuple", "reversed", "iter"})


def unique_names(frame: Frame, target: f.Expr, iterable: f.Expr, over: Value) -> frozenset[str]:
    """Return the names among a loop's target that are different in every iteration.

    Args:
        frame: the running function.
        target: what the loop binds.
        iterable: what it iterates, as written.
        over: what that is.
    """
    called = iterable.func.id if isinstance(iterable, f.Call) and isinstance(iterable.func, f.Name) else ""
    if isinstance(iterable, f.Call) and called in _SAME_ITEMS and iterable.args:
        inner = iterable.args[0]
        return unique_names(frame, target, inner, frame_value(frame, inner, UNKNOWN))
    if isinstance(target, f.Name):
        return frozenset({target.id}) if _gives_each_once(frame, iterable, called, over) else frozenset()
    if not isinstance(target, f.Display) or len(target.items) != 2 or not isinstance(iterable, f.Call):
        return frozenset()
    first, second = target.items
    found = frozenset({first.id}) if isinstance(first, f.Name) else frozenset()
    if called == "enumerate" and iterable.args:
        inner = iterable.args[0]
        found |= unique_names(frame, second, inner, frame_value(frame, inner, UNKNOWN))
        return found - names_twice(target)
    return found - names_twice(target) if _of_mapping(frame, iterable, "items") else frozenset()


def names_twice(target: f.Expr) -> frozenset[str]:
    """Return the names that a target binds more than once."""
    every = list(names(target))
    return frozenset(name for name in every if every.count(name) > 1)


def _gives_each_once(frame: Frame, iterable: f.Expr, called: str, over: Value) -> bool:
    if called in ("range", "set", "frozenset") or _of_mapping(frame, iterable, "keys"):
        return True
    return bool(over.atoms) and all(type(a) is Mapping or (type(a) is Many and a.kind == "set") for a in over.atoms)


def _of_mapping(frame: Frame, iterable: f.Expr, name: str) -> bool:
    """True for ``mapping.items()`` and its kind, of a dictionary or of what may well be one."""
    if not isinstance(iterable, f.Call) or iterable.args or iterable.keywords:
        return False
    if not isinstance(iterable.func, f.Attr) or iterable.func.name != name:
        return False
    holder = frame_value(frame, iterable.func.value, UNKNOWN)
    return all(type(a) in (Mapping, External) for a in holder.atoms)


def guard(frame: Frame, test: f.Expr, positive: bool = True) -> str | None:
    """Return the memo for what runs under a condition that one iteration of a loop at most meets, or None.

    Args:
        frame: the running function.
        test: the condition.
        positive: the outcome under which it runs.
    """
    if isinstance(test, f.Not):
        return guard(frame, test.operand, not positive)
    if isinstance(test, f.BoolOp) and test.is_and == positive:
        found = (guard(frame, operand, positive) for operand in test.operands)
        return next((memo for memo in found if memo is not None), None)
    if not isinstance(test, f.Compare) or len(test.ops) != 1:
        return None
    left, right = test.left, test.right[0]
    if test.ops[0] == ("In" if positive else "NotIn") and isinstance(right, f.Display):
        return _of_one(frame, left, right.items)
    if test.ops[0] == ("Eq" if positive else "NotEq"):
        return _of_one(frame, left, (right,)) or _of_one(frame, right, (left,))
    return None


def _of_one(frame: Frame, asked: f.Expr, values: tuple[f.Expr, ...]) -> str | None:
    if not isinstance(asked, f.Name):
        return None
    for running in reversed(frame.loops):
        if asked.id in running.loop.targets:
            alone = asked.id in running.loop.unique and asked.id not in running.shape.assigned
            fixed = all(_is_fixed(frame, value, running) for value in values)
            return f"{ONE_ITERATION}{running.loop.bit:x}" if alone and fixed else None
    return None


def _is_fixed(frame: Frame, expr: f.Expr, running: LoopState) -> bool:
    """True for a literal, and for a name or a chain of attributes that the loop does not change."""
    if isinstance(expr, f.Const):
        return True
    path = dotted(expr)
    if path is None:
        return False
    root = path.partition(".")[0]
    if not {path, root}.isdisjoint(running.shape.assigned | running.loop.targets):
        return False
    known = frame.lookup(path) or frame.lookup(root)
    return known is None or not known[1] & running.loop.bit
