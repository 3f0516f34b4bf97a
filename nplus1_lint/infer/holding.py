"""Rows that names hold: while they are held, the weak identity map answers for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.index import facts as f
from nplus1_lint.infer.values import Atom, Many, Mapping, Row, Tuple, Value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nplus1_lint.infer.frame import Frame


def rows_in(value: Value, depth: int = 4) -> list[Row]:
    """Return the rows that a value holds, in collections and tuples too."""
    found: list[Row] = []
    if depth == 0:
        return found
    for atom in value.atoms:
        kind = type(atom)
        if kind is Row:
            found.append(atom)
        elif kind is Many:
            found += rows_in(atom.item, depth - 1)
        elif kind is Mapping:
            found += rows_in(atom.value, depth - 1)
        elif kind is Tuple:
            for item in atom.items:
                found += rows_in(item, depth - 1)
    return found


def held_rows(frame: Frame, model: str | None) -> Iterator[tuple[Atom, Row]]:
    """Yield the rows of a class in queried collections and in dictionaries, each with what holds it.

    Args:
        frame: the running function.
        model: id of the mapped class.
    """
    for binding in frame.state.env.values():
        for atom in binding.value.atoms:
            held = atom.item if type(atom) is Many and atom.kind == "rows" else (
                atom.value if type(atom) is Mapping else None)  # fmt: skip
            for row in held.only(Row) if held is not None else ():
                if row.model == model:
                    yield atom, row


def holds_any(frame: Frame, model: str) -> bool:
    """Return True if a name holds a row of a class, or a collection of such rows."""
    return any(row.model == model for binding in frame.state.env.values() for row in rows_in(binding.value, 3))


def key_of_row(frame: Frame, expr: f.Expr | None) -> str:
    """Return the name of the row of which an expression is the primary key, or an empty string."""
    if type(expr) is not f.Attr or type(expr.value) is not f.Name:
        return ""
    known = frame.lookup(expr.value.id)
    models = {row.model for row in known[0].only(Row)} if known is not None else set()
    if len(models) != 1 or frame.engine.project.models[models.pop()].primary_key != (expr.name,):
        return ""
    return expr.value.id


def holds_row(frame: Frame, name: str, model: str | None) -> bool:
    """Return True if a name holds a row of a class."""
    known = frame.lookup(name) if name else None
    return known is not None and any(row.model == model for row in known[0].only(Row))
