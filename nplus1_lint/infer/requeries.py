"""Queries for rows that an eager relationship of a row in hand has already loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nplus1_lint.index.walk import dotted
from nplus1_lint.infer import loading
from nplus1_lint.infer.effects import Kind, Requery
from nplus1_lint.infer.values import Const, Criterion, Row, Statement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nplus1_lint.index import facts as f
    from nplus1_lint.infer.frame import Frame, Place
    from nplus1_lint.link.models import Model, Relationship

_OTHER: Final = frozenset(
    {"limit", "paged", "single", "group_by", "joined", "for_update", "populate_existing", "subquery", "from_statement"}
)
_CHANGES: Final = frozenset({Kind.WRITE, Kind.CHANGE, Kind.COMMIT})


def write_key(frame: Frame, place: Place | None, expr: f.Expr | None) -> None:
    """Remember how the value of a criterion is written: a name, an attribute of one."""
    text = dotted(expr) if expr is not None else None
    if place is not None and text is not None:
        frame.key_texts[place] = text


def note_row(frame: Frame, place: Place, model: Model | None, criteria: tuple[Criterion, ...]) -> None:
    """Remember by which key a query has fetched its one row."""
    for criterion in criteria:
        if model is not None and criterion.op == "Eq" and (criterion.column,) == model.primary_key:
            text = _text(frame, criterion)
            if text is not None:
                frame.row_keys[place] = text


def _text(frame: Frame, criterion: Criterion) -> str | None:
    own = criterion.value is not None and criterion.function == frame.function.id
    return frame.key_texts.get(criterion.value) if own and criterion.value is not None else None


def note(frame: Frame, atom: Statement, place: Place, kind: Kind, subject: str) -> None:
    """Record a query whose rows, or whose number of rows, a row in hand already knows.

    Args:
        frame: the running function.
        atom: the statement.
        place: its execution.
        kind: what it does.
        subject: id of the class that it selects from or counts.
    """
    plain = kind is Kind.COUNT or (kind is Kind.SELECT and len(atom.entities) == 1 and atom.entities[0][0] == "row")
    if not plain or len(atom.criteria) != 1 or atom.flags & _OTHER:
        frame.narrowed.add(place)  # what is held does not do on this path
        return
    text = _text(frame, atom.criteria[0])
    if text is None or atom.criteria[0].op != "Eq" or _changed(frame, subject):
        return
    for name, row in _rows_in_hand(frame):
        parent = frame.engine.project.models[row.model]
        if text in _keys(frame, name, row, parent):
            for relationship in parent.relationships.values():
                if _holds(frame, row, relationship, subject, atom.criteria[0].column, parent):
                    origin = row.origin.site if row.origin is not None else None
                    frame.requeries.append(
                        Requery(frame.site(place), frame.scopes[-1], parent.id, relationship.name, name, origin)
                    )
                    return


def _changed(frame: Frame, model: str) -> bool:
    """True if rows of a class may have been added, changed or deleted on the way."""
    effects = (frame.emissions[index].effect for index in frame.state.pending)
    return any(effect.kind in _CHANGES and effect.subject in ("", model) for effect in effects)


def _rows_in_hand(frame: Frame) -> Iterator[tuple[str, Row]]:
    for name, binding in sorted(frame.state.env.items()):
        rows = binding.value.only(Row)
        others = [a for a in binding.value.atoms if type(a) not in (Row, Const)]
        if rows and not others and all(r.origin is not None and r.loads is not None for r in rows):
            yield name, rows[0]


def _keys(frame: Frame, name: str, row: Row, parent: Model) -> set[str]:
    """The texts that stand for the key of a row: its attribute, and the value by which it was fetched."""
    if len(parent.primary_key) != 1:
        return set()
    keys = {f"{name}.{parent.primary_key[0]}"}
    site = row.origin.site if row.origin is not None and not row.origin.path else None
    if site is not None and site.function == frame.function.id and site.place in frame.row_keys:
        keys.add(frame.row_keys[site.place])
    return keys


def _holds(frame: Frame, row: Row, relationship: Relationship, subject: str, column: str, parent: Model) -> bool:
    """True if a loaded collection is what ``subject.column == parent's key`` selects."""
    child = frame.engine.project.models.get(subject)
    if child is None or not relationship.uselist or loading.state_of(row.loads, relationship) is not True:
        return False
    declared = child.columns.get(column)
    refers = declared is not None and (declared.foreign_key or "").rpartition(".")[0] == parent.table
    return refers and (relationship.target == subject or relationship.secondary == child.table)
