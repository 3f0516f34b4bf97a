"""Operators and truth tests that run methods of the project's classes: ``in``, ``<``, ``if row``, ``not row``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nplus1_lint.infer import rows, sql
from nplus1_lint.infer.values import Instance, Row

if TYPE_CHECKING:
    from nplus1_lint.index import facts as f
    from nplus1_lint.infer.frame import Frame, Val

_COMPARING: Final = {
    "Lt": "__lt__", "LtE": "__le__", "Gt": "__gt__", "GtE": "__ge__", "Eq": "__eq__", "NotEq": "__eq__",
}  # fmt: skip
_TRUTH: Final = ("__bool__", "__len__")


def compared(frame: Frame, expr: f.Compare, left: Val, right: Val) -> Val | None:
    """Run what ``item in holder`` or ``one < other`` calls, where a class of the project defines it.

    Args:
        frame: the running function.
        expr: a comparison with one operator; its operands have been evaluated.
        left: the left operand.
        right: the right operand.

    Returns:
        What the method returns, or None.
    """
    op = expr.ops[0]
    if op in ("In", "NotIn"):
        return _run(frame, expr.right[0], right, ("__contains__",), left)
    name = _COMPARING.get(op)
    return _run(frame, expr.left, left, (name,), right) if name is not None else None


def tested(frame: Frame, expr: f.Expr, val: Val) -> None:
    """Run what asking for the truth of a value calls."""
    _run(frame, expr, val, _TRUTH)


def _run(frame: Frame, expr: f.Expr, val: Val, names: tuple[str, ...], *given: Val) -> Val | None:
    for atom in val[0].atoms:  # a plain loop: every condition asks
        if type(atom) is Row or type(atom) is Instance:
            break
    else:
        return None
    anchor = sql.anchor(expr)
    if anchor is None:
        return None
    mark = frame.mark()
    found = rows.special(frame, val, names, anchor.pos, *given)
    frame.note_node(anchor, mark)
    return found
