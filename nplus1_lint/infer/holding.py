"""Rows that names hold: while they are held, the weak identity map answers for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.index import facts as f
from nplus1_lint.infer import loading
from nplus1_lint.infer.effects import Kind
from nplus1_lint.infer.values import Atom, Many, Mapping, Row, Tuple, Value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nplus1_lint.infer.effects import Effect
    from nplus1_lint.infer.frame import Frame
    from nplus1_lint.link.models import Relationship


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


def target_held(frame: Frame, relationship: Relationship) -> Row | None:
    """Return a row of the target that a name holds in a queried collection, so that the identity map answers."""
    rows = held_rows(frame, relationship.target)
    return next((row for holder, row in rows if row.origin is not None or type(holder) is Mapping), None)


def unanswered(frame: Frame, effects: tuple[Effect, ...]) -> tuple[Effect, ...]:
    """Return a callee's effects without the lazy loads that rows answer which a name of the caller holds.

    Args:
        frame: the caller.
        effects: in the order of execution.

    Returns:
        Those that send a statement: a many-to-one to a row that is held does not, nor does what is loaded on that row.
    """
    models = frame.engine.project.models
    asked = {effect.site for effect in effects if effect.query is not None}
    held: dict[str, Row] = {}  # what the callee's reads give, by its class
    kept: list[Effect] = []
    for effect in effects:
        model = models.get(effect.subject) if effect.kind is Kind.LAZY_LOAD else None
        relationship = model.relationships.get(effect.attribute) if model is not None else None
        row = held.get(effect.subject) if _is_read_there(effect) and effect.origin not in asked else None
        if relationship is None or relationship.target is None:
            kept.append(effect)
        elif row is not None and loading.state_of(row.loads, relationship):
            loads = loading.below(row.loads, relationship.name)
            held[relationship.target] = row._replace(model=relationship.target, loads=loads)
        elif not relationship.uselist and (found := target_held(frame, relationship)) is not None:
            held[relationship.target] = found
            frame.held[found.model] = None
        else:
            kept.append(effect)
    return tuple(kept) if held else effects


def _is_read_there(effect: Effect) -> bool:
    """True if the row of a lazy load was made where the callee runs: by a query or a read of its own."""
    return effect.origin is not None and any(effect.origin.function == s.function for s in (effect.site, *effect.chain))


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
