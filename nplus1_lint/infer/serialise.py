"""Serialisers: a schema's fields read the attributes of the rows that it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.index import facts as f
from nplus1_lint.infer import expiry, marshmallow, page_classes, pages, rows, schemas
from nplus1_lint.infer import library as lib
from nplus1_lint.infer.annotations import substitute
from nplus1_lint.infer.effects import Loop, Reader
from nplus1_lint.infer.frame import Arguments
from nplus1_lint.infer.holding import rows_in
from nplus1_lint.infer.schemas import Schema, schemas_in
from nplus1_lint.infer.shapes import NO_SHAPE
from nplus1_lint.infer.sizes import times
from nplus1_lint.infer.values import (
    SCALAR,
    UNKNOWN,
    Adapter,
    ClassRef,
    Function,
    Instance,
    Many,
    Mapping,
    Row,
    Tuple,
    Value,
    many,
    of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nplus1_lint.infer.frame import Frame, Place, Val
    from nplus1_lint.infer.schemas import Field
    from nplus1_lint.link.models import Model

_DEPTH = 5


# -- who calls a serialiser ------------------------------------------------------------------------------------------


def class_call(frame: Frame, cls: ClassRef, name: str, arguments: Arguments, place: Place) -> Val:
    """``Schema.model_validate(row)`` and other class methods from outside the project."""
    if name == "create":
        return page_classes.created(arguments)
    made = of(Instance("instance", cls.id, True, ()))
    if name in lib.VALIDATORS and arguments.positional:
        value, mask = arguments.positional[0]
        read(frame, value, mask, (Schema(cls.id),), place)
        return made, mask
    return (
        many(made) if name == "__members__" else SCALAR if frame.engine.classes.is_enum(cls.id) else made
    ), arguments.mask


def adapter(frame: Frame, arguments: Arguments) -> Val:
    """``TypeAdapter(list[Schema])``."""
    if not arguments.exprs:
        return UNKNOWN, 0
    annotation = frame.engine.annotations.value(frame.path, arguments.exprs[0], frame.concrete_class())
    return of(Adapter("adapter", tuple(dict.fromkeys(schema.cls for schema in schemas_in(annotation))))), 0


def adapter_method(frame: Frame, atom: Adapter, name: str, arguments: Arguments, place: Place) -> Val:
    """``TypeAdapter(…).validate_python(rows)`` and its kind."""
    if name in lib.ADAPTER_READS and arguments.positional:
        value, mask = arguments.positional[0]
        read(frame, value, mask, tuple(map(Schema, atom.schemas)), place)
        made = of(*(Instance("instance", schema, True, ()) for schema in atom.schemas))
        return (many(made) if value.only(Many) else made), mask
    return SCALAR, arguments.mask


def dump(frame: Frame, schema: Instance, name: str, arguments: Arguments, place: Place) -> Val:
    """``TeamSchema(many=True).dump(rows)``."""
    given = arguments.get(0, "obj")
    if name in marshmallow.DUMPS and given is not None:
        read(frame, given[0], given[1], (marshmallow.of_instance(schema),), place)
    return SCALAR, arguments.mask


def response(frame: Frame, value: Value, mask: int, annotation: Value, place: Place) -> bool:
    """Read a handler's result as its response schema does; False when there is no schema to follow."""
    found = marshmallow.schemas_in(frame.engine, annotation) or schemas_in(annotation)
    read(frame, pages.read_by_schema(value), mask, found, place)
    return bool(found)


def constructed(frame: Frame, cls: ClassRef, fields: tuple[tuple[str, Value], ...], mask: int, place: Place) -> None:
    """``Page[TeamOut](items=rows)``: pydantic validates its arguments, so the field's schema reads the rows."""
    hierarchy, annotations = frame.engine.project.hierarchy, frame.engine.annotations
    if not frame.engine.classes.extends(cls.id, lib.SCHEMA_BASES):
        return
    declared = frame.engine.classes.annotated_fields(cls.id)
    given = zip(hierarchy.classes[cls.id].type_params, cls.arguments, strict=False)
    bound = {param: annotations.instance(argument) for param, argument in given if argument}
    for name, value in fields:
        if name in declared and rows_in(value):
            path, annotation = declared[name]
            found = substitute(annotation, bound) or annotations.value(path, annotation)
            read(frame, value, mask, schemas_in(found), place)


# -- what it reads ---------------------------------------------------------------------------------------------------


def read(frame: Frame, value: Value, mask: int, wanted: tuple[Schema, ...], place: Place) -> None:
    """Read rows as schemas do, and say so of every effect on the way.

    Args:
        frame: the running function.
        value: what is serialised: rows, collections of rows, other schemas.
        mask: what it depends on.
        wanted: the schemas that may read it.
        place: the call or the returned expression.
    """
    outer = frame.reader
    for schema in wanted:
        frame.reader = Reader(schema.cls, "", ())
        _read(frame, value, mask, schema, place, _DEPTH)
    frame.reader = outer


def _read(frame: Frame, value: Value, mask: int, schema: Schema, place: Place, depth: int) -> None:
    if depth == 0:
        return
    inside = _root_schemas(frame, schema)
    if inside:
        for inner in inside:
            _read(frame, value, mask, inner, place, depth - 1)
        return
    for atom in value.atoms:
        kind = type(atom)
        if kind is Row:
            _read_row(frame, atom, value, mask, schema, place, depth)
        elif kind is Many:
            _read_each(frame, atom, mask, schema, place, depth)
        elif kind is Mapping:
            _read(frame, atom.value, mask, schema, place, depth)
            _read_fields(frame, atom, mask, schema, place, depth)
        elif kind is Tuple:
            for item in atom.items:
                _read(frame, item, mask, schema, place, depth)
        elif kind is Instance and atom.fields and atom.cls != schema.cls:
            _read_object(frame, atom, mask, schema, place, depth)


def _root_schemas(frame: Frame, schema: Schema) -> list[Schema]:
    """The schemas inside a ``RootModel``: ``class Teams(RootModel[list[TeamOut]])``, or its field ``root``."""
    hierarchy = frame.engine.project.hierarchy
    for cls in hierarchy.mro(schema.cls):
        for base in cls.facts.bases:
            written = base.value if isinstance(base, f.Subscript) else base
            if (hierarchy.external_name(cls.path, written) or "").rpartition(".")[2] != "RootModel":
                continue
            declared = frame.engine.classes.annotated_fields(schema.cls).get("root")
            if declared is None and isinstance(base, f.Subscript):
                declared = (cls.path, base.index)
            return list(schemas_in(frame.engine.annotations.value(*declared))) if declared is not None else []
    return []


def _read_fields(frame: Frame, atom: Mapping, mask: int, schema: Schema, place: Place, depth: int) -> None:
    """``Page.model_validate({"items": rows})``: rows in a dict are for the one field that has a schema of its own."""
    if not rows_in(atom.value):
        return
    nested = [field.nested for field in _fields(frame, schema, atom.value, place) if field.nested]
    if len(nested) == 1:
        for inner in nested[0]:
            _read(frame, atom.value, mask, inner, place, depth - 1)


def _read_each(frame: Frame, atom: Many, mask: int, schema: Schema, place: Place, depth: int) -> None:
    """A schema reads a collection row by row: a loop that no line of the program shows."""
    if not rows_in(atom.item):
        return
    name = schema.cls.rpartition(":")[2]
    bit = frame.loop_bit(place)
    loop = Loop(
        frame.site(place), "schema", bit, None, f"each row that {name} reads", atom.size is not None, False, False,
        frozenset(), of(atom), times(frame, None, of(atom), atom.size is not None, "schema"),
    )  # fmt: skip

    def body() -> None:
        _read(frame, atom.item, mask | bit, schema, place, depth)

    frame.run_loop(loop, NO_SHAPE, lambda: None, body, endless=False)


def _read_object(frame: Frame, atom: Instance, mask: int, schema: Schema, place: Place, depth: int) -> None:
    """An object with rows in its fields: read field by field where the schema names them."""
    wanted = {field.path[0]: field.nested for field in _fields(frame, schema, of(atom), place) if field.path}
    for name, value in atom.fields:
        for nested in wanted.get(name, ()):
            _read(frame, value, mask, nested, place, depth - 1)
        if not wanted.get(name):
            rows.escape(frame, value, place, "serialised inside another object")


def _fields(frame: Frame, schema: Schema, value: Value, place: Place) -> Iterator[Field]:
    if marshmallow.is_schema(frame.engine, schema.cls):
        frame.tracker.leave(value, "dumped, perhaps by fields and hooks that are not understood")
        return marshmallow.fields(frame, schema, place)
    return schemas.fields(frame, schema)


def _read_row(frame: Frame, atom: Row, given: Value, mask: int, schema: Schema, place: Place, depth: int) -> None:
    """Read a row that is one of what is given."""
    itself = atom
    model = frame.engine.project.models[atom.model]
    if not _converted(frame, atom, mask, schema, place).only(Row):
        return
    around = frame.reader or Reader(schema.cls, "", ())
    for field in _fields(frame, schema, of(atom), place):
        if field.function is not None:
            frame.call((field.function, mask), Arguments(((of(atom), mask),), {}), place)
        elif field.path and _matters(frame, atom, model, field.path[0]):
            if itself not in rows.but_perhaps_loaded(frame, given.atoms, field.path[0]):
                continue
            found, one, path = of(atom), mask, around.path
            for step in field.path:
                path = (*path, step)
                frame.reader = around._replace(model=around.model or model.id, path=path)
                found, one = frame.attribute((found, one), step, place)
            atom = expiry.fresh(atom)  # the first read reloads an expired row
            for inner in field.nested:
                _read(frame, found, one, inner, place, depth - 1)
    frame.reader = around


def _matters(frame: Frame, atom: Row, model: Model, name: str) -> bool:
    """True if reading an attribute may query, or gives what a nested schema reads."""
    if name in model.relationships or name in model.proxies:
        return True
    if name in model.columns:
        return model.columns[name].deferred or bool(atom.loads)
    return frame.engine.project.hierarchy.find_method(model.id, name) is not None


def _converted(frame: Frame, atom: Row, mask: int, schema: Schema, place: Place) -> Value:
    """What ``@model_validator(mode="before")`` makes of the row before any field is read."""
    value = of(atom)
    for cls in frame.engine.project.hierarchy.mro(schema.cls):
        for method in cls.methods.values():
            if schemas.converts(method.facts):
                function = of(Function("function", method.id, of(ClassRef("class", schema.cls)), (), ()))
                value, mask = frame.call((function, mask), Arguments(((value, mask),), {}), place)
    return value if value.atoms else of(atom)
