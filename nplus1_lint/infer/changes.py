"""Which places add, change and delete rows of a table."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import dotted
from nplus1_lint.infer.effects import Change, Kind
from nplus1_lint.infer.holding import rows_in
from nplus1_lint.infer.values import ClassRef, Const, Row

if TYPE_CHECKING:
    from nplus1_lint.infer.frame import Arguments, Frame, Place
    from nplus1_lint.infer.values import Statement, Value

_COLLECTION_METHODS: Final = frozenset({"append", "add", "insert", "extend", "remove", "discard", "pop", "clear"})
_BULK: Final = {"bulk_save_objects": "insert", "bulk_insert_mappings": "insert", "bulk_update_mappings": "update"}
_WRITING: Final = re.compile(
    r"\b(?:insert\s+into|replace\s+into|update|delete\s+from|truncate(?:\s+table)?)\s+([\w\".`]+)"
)


def executed(frame: Frame, atom: Statement, place: Place, kind: Kind, method: str) -> None:
    """Note ``execute(insert(Model))``, ``query.delete()`` and the like."""
    if kind is not Kind.WRITE:
        return
    how = atom.style if atom.style in ("insert", "update", "delete") else method
    for model in {name for entity, name in atom.entities if entity == "row"}:
        frame.changes[Change(frame.site(place), model, how)] = None


def session_call(frame: Frame, name: str, arguments: Arguments, place: Place) -> None:
    """Note what ``session.add(row)``, ``delete(row)``, ``merge(row)`` and the bulk methods write."""
    how = {"add": "insert", "add_all": "insert", "merge": "insert", "delete": "delete", **_BULK}.get(name)
    first = arguments.positional[0][0] if arguments.positional else None
    if how is None or first is None:
        return
    rows = {row.model for row in rows_in(first) if how != "insert" or row.origin is None}
    if name in _BULK:
        rows |= {one.id for one in first.only(ClassRef) if one.id in frame.engine.project.models}
    for model in sorted(rows):
        frame.changes[Change(frame.site(place), model, how)] = None


def constructed(frame: Frame, model: str, place: Place) -> None:
    """Note ``Model(…)``: a session may take it along with what refers to it."""
    frame.changes[Change(frame.site(place), model, "made")] = None


def assigned(frame: Frame, row: Row, name: str, place: Place) -> None:
    """Note ``row.name = value``; a collection that is set anew changes the rows that it held."""
    relationship = frame.engine.project.models[row.model].relationships.get(name)
    how = "collection" if relationship is not None and relationship.uselist else "update"
    frame.changes[Change(frame.site(place), row.model, how, name)] = None


def collected(frame: Frame, receiver: f.Expr, method: str, place: Place) -> None:
    """Note ``row.children.append(child)`` and its kind, for a row that a name holds."""
    owner = dotted(receiver.value) if method in _COLLECTION_METHODS and isinstance(receiver, f.Attr) else None
    known = frame.lookup(owner) if owner is not None else None
    if known is None or not isinstance(receiver, f.Attr):
        return
    for row in known[0].only(Row):
        relationship = frame.engine.project.models[row.model].relationships.get(receiver.name)
        if relationship is not None and relationship.uselist:
            frame.changes[Change(frame.site(place), row.model, "collection", receiver.name)] = None
            if relationship.lazy in ("dynamic", "write_only"):
                frame.emit(Kind.CHANGE, place)  # its next query sends it before: autoflush


def written(frame: Frame, statement: Value, place: Place) -> None:
    """Note the tables that SQL text writes to."""
    for atom in statement.only(Const):
        if isinstance(atom.value, str):
            for table in _WRITING.findall(atom.value.lower()):
                name = table.strip('"`').rpartition(".")[2].strip('"`')
                frame.changes[Change(frame.site(place), name, "text")] = None
