"""Serialisers: a schema's fields read the attributes of the rows it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.infer import library as lib
from nplus1_lint.infer import rows
from nplus1_lint.infer.values import SCALAR, ClassRef, Instance, Many, Row, Value, item_of, many, of

if TYPE_CHECKING:
    from nplus1_lint.infer.frame import Arguments, Frame, Place, Val

_DEPTH = 5


def class_call(frame: Frame, cls: ClassRef, name: str, arguments: Arguments, place: Place) -> Val:
    """``Schema.model_validate(row)`` and other class methods from outside the project."""
    made = of(Instance("instance", cls.id, True, ()))
    if name in lib.VALIDATORS and arguments.positional:
        value, mask = arguments.positional[0]
        read(frame, value, mask, cls.id, place)
        return made, mask
    return (
        many(made) if name == "__members__" else SCALAR if frame.engine.classes.is_enum(cls.id) else made
    ), arguments.mask


def read(frame: Frame, value: Value, mask: int, schema: str, place: Place, depth: int = _DEPTH) -> None:
    """Read from rows every attribute that a schema's fields name, nested schemas included."""
    if depth == 0:
        return
    for atom in value.atoms:
        if type(atom) is Row:
            _read_row(frame, atom, mask, schema, place, depth)
        elif type(atom) is Many:
            read(frame, atom.item, mask, schema, place, depth)
        elif type(atom) is Instance and atom.fields:
            for _, field in atom.fields:
                rows.escape(frame, field, place, "serialised inside another object")


def _read_row(frame: Frame, atom: Row, mask: int, schema: str, place: Place, depth: int) -> None:
    model = frame.engine.project.models[atom.model]
    for name, (path, annotation) in frame.engine.classes.annotated_fields(schema).items():
        known = name in model.relationships or name in model.proxies
        if not known and not frame.engine.project.hierarchy.find_method(model.id, name):
            continue
        found, one = frame.attribute((of(atom), mask), name, place)
        nested = frame.engine.annotations.value(path, annotation)
        for inner in _schemas(nested):
            read(frame, found if not found.only(Many) else item_of(found), one, inner, place, depth - 1)


def _schemas(value: Value) -> list[str]:
    found: list[str] = []
    for atom in value.atoms:
        if type(atom) is Instance:
            found.append(atom.cls)
        elif type(atom) is Many:
            found += _schemas(atom.item)
    return found


def response(frame: Frame, value: Value, mask: int, annotation: Value, place: Place) -> bool:
    """Read a handler's result as its response schema does; False when there is no schema to follow."""
    schemas = _schemas(annotation)
    for schema in schemas:
        read(frame, value, mask, schema, place)
    return bool(schemas)
