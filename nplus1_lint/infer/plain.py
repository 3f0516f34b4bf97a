"""What the database could compute of a row: conditions, keys and sums over plain columns alone."""

from __future__ import annotations

from typing import NamedTuple

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import children, names

_ARITHMETIC = frozenset({"Add", "Sub", "Mult", "Div", "USub"})


class Columns(NamedTuple):
    """The columns of a class.

    Attributes:
        plain: all of them.
        booleans: those that are true or false.
        keys: those of the primary key.
    """

    plain: frozenset[str] = frozenset()
    booleans: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()

    def both(self, other: Columns) -> Columns:
        """Return what rows of either class have."""
        return Columns(*(mine & others for mine, others in zip(self, other, strict=True)))


class Subject(NamedTuple):
    """The rows of which something is asked.

    Attributes:
        row: the name that stands for a row.
        columns: its columns.
        changing: names that change from row to row: what is compared with them is no condition on a column.
    """

    row: str
    columns: Columns
    changing: frozenset[str] = frozenset()

    def is_column(self, expr: f.Expr) -> bool:
        """True for ``row.column``."""
        return (
            isinstance(expr, f.Attr)
            and isinstance(expr.value, f.Name)
            and expr.value.id == self.row
            and expr.name in self.columns.plain
        )

    def is_free(self, expr: f.Expr) -> bool:
        """True for what is the same for all rows."""
        return not _has_lambda(expr) and not ({self.row, *self.changing} & set(names(expr)))

    def is_condition(self, expr: f.Expr) -> bool:
        """True for a condition on plain columns, such as ``row.power > least and row.alive``."""
        if isinstance(expr, f.Not):
            return self.is_condition(expr.operand)
        if isinstance(expr, f.BoolOp):
            parts = [one for one in expr.operands if not self.is_free(one)]
            return bool(parts) and all(map(self.is_condition, parts))
        if isinstance(expr, f.Compare):
            sides = [one for one in (expr.left, *expr.right) if not self.is_free(one)]
            return bool(sides) and all(map(self.is_column, sides))
        return self.is_column(expr)

    def is_filter(self, conditions: tuple[f.Expr, ...]) -> bool:
        """True for conditions of which at least one asks of a column, and none of anything else of the row."""
        asked = [one for one in conditions if not self.is_free(one)]
        return bool(asked) and all(map(self.is_condition, asked))

    def narrows(self, expr: f.Expr, wanted: bool = True) -> bool:
        """True for a condition that is more than a guard.

        A guard asks whether a value is there, leaves out one row by its key, or looks a value up in a collection, which
        may be too long for a query.

        Args:
            expr: the condition.
            wanted: rows are kept for which it is true.
        """
        if self.is_free(expr):
            return False
        if isinstance(expr, f.Not):
            return self.narrows(expr.operand, not wanted)
        if isinstance(expr, f.BoolOp):
            parts = [self.narrows(one, wanted) for one in expr.operands]
            return any(parts) if expr.is_and == wanted else all(parts)
        if not isinstance(expr, f.Compare):
            return not wanted or getattr(expr, "name", "") in self.columns.booleans
        if expr.ops[0] in ("In", "NotIn"):
            return isinstance(expr.right[0], f.Display)
        equal = (expr.ops[0] in ("Eq", "Is")) == wanted
        sides = (expr.left, *expr.right)
        if any(isinstance(side, f.Const) and side.value is None for side in sides):
            return equal
        by_key = any(self.is_column(side) and getattr(side, "name", "") in self.columns.keys for side in sides)
        return not by_key or equal or expr.ops[0] not in ("Eq", "NotEq")

    def is_computed(self, expr: f.Expr) -> bool:
        """True for a column, or what arithmetic makes of columns."""
        if isinstance(expr, f.Binary) and expr.op in _ARITHMETIC:
            sides = [one for one in (expr.left, expr.right) if not self.is_free(one)]
            return bool(sides) and all(map(self.is_computed, sides))
        if isinstance(expr, f.BoolOp) and not expr.is_and:  # `row.amount or 0`
            return self.is_column(expr.operands[0]) and all(map(self.is_free, expr.operands[1:]))
        return self.is_column(expr)


def key_is_plain(key: f.Expr | None, columns: Columns) -> bool:
    """True for ``key=lambda row: row.column``, also a tuple of columns, and for ``attrgetter("column")``."""
    if isinstance(key, f.Lambda) and len(key.function.params) == 1 and isinstance(key.function.body[0], f.Return):
        value = key.function.body[0].value
        subject = Subject(key.function.params[0].name, columns)
        parts = value.items if isinstance(value, f.Display) else (value,)
        return all(part is not None and subject.is_computed(part) for part in parts)
    if isinstance(key, f.Call) and (getattr(key.func, "id", None) or getattr(key.func, "name", "")) == "attrgetter":
        return all(isinstance(one, f.Const) and one.value in columns.plain for one in key.args)
    return False


def _has_lambda(expr: f.Expr) -> bool:
    return isinstance(expr, f.Lambda) or any(map(_has_lambda, children(expr)))
