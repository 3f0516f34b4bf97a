"""Filters that are nothing but columns compared with values: what tells one COUNT from another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import dotted
from nplus1_lint.infer import library as lib
from nplus1_lint.infer import lookups
from nplus1_lint.infer.values import (
    Aggregate,
    ClassRef,
    ColumnRef,
    Condition,
    External,
    RelationRef,
    Statement,
    Value,
)
from nplus1_lint.link.symbols import ClassSymbol, ExternalSymbol

if TYPE_CHECKING:
    from nplus1_lint.infer.frame import Arguments, Frame, Val
    from nplus1_lint.infer.values import Atom

_MAX: Final = 6


class Equality(NamedTuple):
    """``model.column == value`` as a part of a filter that is nothing but such parts.

    Attributes:
        model: id of the mapped class.
        column: the mapped attribute.
        constant: the value as written, where it is a literal or a class' member; an empty string where it varies.
    """

    model: str
    column: str
    constant: str


Equalities = tuple[Equality, ...]


def compared(frame: Frame, expr: f.Compare, left: Val, rights: list[Val]) -> Equalities | None:
    """Return what ``Model.column == value`` says; None for any other comparison."""
    if len(expr.ops) != 1 or expr.ops[0] != "Eq":
        return None
    sides = ((expr.left, left[0], expr.right[0], rights[0][0]), (expr.right[0], rights[0][0], expr.left, left[0]))
    for written, column, other_written, other in sides:
        if isinstance(written, f.Attr) and len(column.atoms) == 1 and type(column.atoms[0]) is ColumnRef:
            if any(_is_sql(atom) for atom in other.atoms):
                return None
            atom = column.atoms[0]
            return (Equality(atom.model, atom.column, _constant(frame, other_written)),)
    return None


def asked(frame: Frame, atom: ColumnRef, name: str, arguments: Arguments) -> Equalities | None:
    """Return what ``Model.column.is_(True)`` says; None for any other method."""
    if name != "is_" or len(arguments.exprs) != 1 or arguments.receiver in frame.derived:
        return None
    constant = _constant(frame, arguments.exprs[0])
    return (Equality(atom.model, atom.column, constant),) if constant else None


def conjunction(parts: tuple[Value, ...]) -> Equalities | None:
    """Return what ``and_(…)`` of conditions says, or None when one of them is more than a comparison with a value."""
    found: list[Equality] = []
    for part in parts:
        only = part.atoms[0] if len(part.atoms) == 1 else None
        if type(only) is not Condition or only.equalities is None:
            return None
        found += only.equalities
    return tuple(found) if len(found) <= _MAX else None


def chained(frame: Frame, atom: Statement, name: str, arguments: Arguments) -> Equalities | None:
    """Return what the whole filter of a statement says after one more method of its chain.

    Args:
        frame: the running function.
        atom: the statement before.
        name: the method.
        arguments: its arguments.

    Returns:
        The columns that equal values; None when the filter is more than that.
    """
    if name not in ("filter", "where", "filter_by", "having", "with_parent") or atom.equalities is None:
        return atom.equalities
    if arguments.starred or name in ("having", "with_parent") or any(key is None for key, _ in arguments.keyword_exprs):
        return None
    added: Equalities | None = conjunction(tuple(value for value, _ in arguments.positional))
    if name == "filter_by":
        model = lookups.filtered_by(frame, atom)
        written = [(key, expr) for key, expr in arguments.keyword_exprs if key is not None]
        columns = [lookups.column_of(frame, model, key) for key, _ in written]
        added = tuple(
            Equality(model, column, _constant(frame, expr)) for column, (_, expr) in zip(columns, written, strict=True)
        )
        added = added if all(columns) else None
    if added is None or len(atom.equalities) + len(added) > _MAX:
        return None
    return (*atom.equalities, *(one for one in added if one not in atom.equalities))


def counted_column(arguments: Arguments) -> str:
    """Return what ``func.count(…)`` counts: an empty string for rows, ``Model.column``, or ``?``."""
    if arguments.starred or len(arguments.positional) > 1:
        return "?"
    if not arguments.positional:
        return ""
    value, written = arguments.positional[0][0], arguments.exprs[0] if arguments.exprs else None
    if isinstance(written, f.Const):
        return ""  # count("*"), count(1)
    column = value.atoms[0] if len(value.atoms) == 1 else None
    if type(column) is ColumnRef and isinstance(written, f.Attr):
        return f"{column.model}.{column.column}"
    return "?"


def _is_sql(atom: Atom) -> bool:
    """True for what is surely or perhaps an SQL expression rather than a value."""
    if type(atom) is External:
        return lib.is_sql(atom.name)
    return type(atom) in (ColumnRef, RelationRef, Condition, Statement, ClassRef, Aggregate)


def _constant(frame: Frame, expr: f.Expr) -> str:
    """Write a literal, or a member of a class, as the source has it; an empty string for what varies."""
    if isinstance(expr, f.Const):
        return repr(expr.value)
    path = dotted(expr) if isinstance(expr, f.Attr) else None
    root = path.partition(".")[0] if path is not None else ""
    if path is None or frame.lookup(root) is not None:
        return ""
    symbol = frame.engine.project.symbols.resolve(frame.path, root)
    return path if isinstance(symbol, (ClassSymbol, ExternalSymbol)) else ""
