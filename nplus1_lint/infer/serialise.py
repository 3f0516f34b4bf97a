"""Serialisers: a pydantic schema's fields read the attributes of the rows that it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.index import facts as f
from nplus1_lint.infer import expiry, rows
from nplus1_lint.infer import library as lib
from nplus1_lint.infer.annotations import substitute
from nplus1_lint.infer.effects import Loop, Reader
from nplus1_lint.infer.frame import Arguments
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

_DEPTH = 5


def class_call(frame: Frame, cls: ClassRef, name: str, arguments: Arguments, place: Place) -> Val:
    """``Schema.model_validate(row)`` and other class methods from outside the project."""
    made = of(Instance("instance", cls.id, True, ()))
    if name in lib.VALIDATORS and arguments.positional:
        value, mask = arguments.positional[0]
        validate(frame, value, mask, (cls.id,), place)
        return made, mask
    return (
        many(made) if name == "__members__" else SCALAR if frame.engine.classes.is_enum(cls.id) else made
    ), arguments.mask


def adapter(frame: Frame, arguments: Arguments) -> Val:
    """``TypeAdapter(list[Schema])``."""
    if not arguments.exprs:
        return UNKNOWN, 0
    annotation = frame.engine.annotations.value(frame.path, arguments.exprs[0], frame.concrete_class())
    return of(Adapter("adapter", tuple(schemas_in(annotation)))), 0


def adapter_method(frame: Frame, atom: Adapter, name: str, arguments: Arguments, place: Place) -> Val:
    """``TypeAdapter(…).validate_python(rows)`` and its kind."""
    if name in lib.ADAPTER_READS and arguments.positional:
        value, mask = arguments.positional[0]
        validate(frame, value, mask, atom.schemas, place)
        made = of(*(Instance("instance", schema, True, ()) for schema in atom.schemas))
        return (many(made) if value.only(Many) else made), mask
    return SCALAR, arguments.mask


def validate(frame: Frame, value: Value, mask: int, schemas: tuple[str, ...], place: Place) -> None:
    """Read rows as schemas do, and say so of every effect on the way.

    Args:
        frame: the running function.
        value: what is serialised: rows, collections of rows, other schemas.
        mask: what it depends on.
        schemas: ids of the schemas that may read it.
        place: the call or the returned expression.
    """
    outer = frame.reader
    for schema in schemas:
        frame.reader = Reader(schema, "", ())
        _read(frame, value, mask, schema, place, _DEPTH)
    frame.reader = outer


def _read(frame: Frame, value: Value, mask: int, schema: str, place: Place, depth: int) -> None:
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
            _read_row(frame, atom, mask, schema, place, depth)
        elif kind is Many:
            _read_each(frame, atom, mask, schema, place, depth)
        elif kind is Mapping:
            _read(frame, atom.value, mask, schema, place, depth)
            _read_fields(frame, atom, mask, schema, place, depth)
        elif kind is Tuple:
            for item in atom.items:
                _read(frame, item, mask, schema, place, depth)
        elif kind is Instance and atom.fields and atom.cls != schema:
            _read_object(frame, atom, mask, schema, place, depth)


def _root_schemas(frame: Frame, schema: str) -> list[str]:
    """The schemas inside a ``RootModel``: ``class Teams(RootModel[list[TeamOut]])``, or its field ``root``."""
    hierarchy = frame.engine.project.hierarchy
    for cls in hierarchy.mro(schema):
        for base in cls.facts.bases:
            written = base.value if isinstance(base, f.Subscript) else base
            if (hierarchy.external_name(cls.path, written) or "").rpartition(".")[2] != "RootModel":
                continue
            declared = frame.engine.classes.annotated_fields(schema).get("root")
            if declared is None and isinstance(base, f.Subscript):
                declared = (cls.path, base.index)
            return schemas_in(frame.engine.annotations.value(*declared)) if declared is not None else []
    return []


def _read_fields(frame: Frame, atom: Mapping, mask: int, schema: str, place: Place, depth: int) -> None:
    """``Page.model_validate({"items": rows})``: rows in a dict are for the one field that has a schema of its own."""
    if not rows.rows_in(atom.value):
        return
    found = [frame.engine.annotations.value(path, one) for _, path, one in attributes_read(frame, schema)]
    nested = [inner for inner in map(schemas_in, found) if inner]
    if len(nested) == 1:
        for inner_schema in nested[0]:
            _read(frame, atom.value, mask, inner_schema, place, depth - 1)


def _read_each(frame: Frame, atom: Many, mask: int, schema: str, place: Place, depth: int) -> None:
    """A schema reads a collection row by row: a loop that no line of the program shows."""
    if not rows.rows_in(atom.item):
        return
    name = schema.rpartition(":")[2]
    bit = frame.loop_bit(place)
    loop = Loop(
        frame.site(place), "schema", bit, None, f"each row that {name} reads", atom.size is not None, False, False,
        frozenset(), of(atom),
    )  # fmt: skip

    def body() -> None:
        _read(frame, atom.item, mask | bit, schema, place, depth)

    frame.run_loop(loop, frozenset(), lambda: None, body, endless=False)


def _read_object(frame: Frame, atom: Instance, mask: int, schema: str, place: Place, depth: int) -> None:
    """An object with rows in its fields: read field by field where the schema names them."""
    wanted = {name: (path, annotation) for name, path, annotation in attributes_read(frame, schema)}
    for field, value in atom.fields:
        found = wanted.get(field)
        inner = schemas_in(frame.engine.annotations.value(*found)) if found is not None else []
        for nested in inner:
            _read(frame, value, mask, nested, place, depth - 1)
        if not inner:
            rows.escape(frame, value, place, "serialised inside another object")


def _read_row(frame: Frame, atom: Row, mask: int, schema: str, place: Place, depth: int) -> None:
    model = frame.engine.project.models[atom.model]
    converted = _converted(frame, atom, mask, schema, place)
    if not any(type(a) is Row for a in converted.atoms):
        return
    expired = expiry.EXPIRED in (atom.loads or ())
    around = frame.reader or Reader(schema, "", ())
    for name, path, annotation in attributes_read(frame, schema):
        known = name in model.relationships or name in model.proxies or (expired and name in model.columns)
        if not known and name in model.columns:
            known = model.columns[name].deferred or (atom.loads is not None and bool(atom.loads))
        if not known and not frame.engine.project.hierarchy.find_method(model.id, name):
            continue
        frame.reader = around._replace(model=around.model or model.id, path=(*around.path, name))
        found, one = frame.attribute((of(atom), mask), name, place)
        if expired:
            # The first read reloads the row; the others find it fresh.
            atom, expired = expiry.fresh(atom), False
        nested = frame.engine.annotations.value(path, annotation)
        for inner in schemas_in(nested):
            _read(frame, found, one, inner, place, depth - 1)
    frame.reader = around


def _converted(frame: Frame, atom: Row, mask: int, schema: str, place: Place) -> Value:
    """What ``@model_validator(mode="before")`` makes of the row before any field is read."""
    value = of(atom)
    for cls in frame.engine.project.hierarchy.mro(schema):
        for method in cls.methods.values():
            if any(_is_before_validator(d) for d in method.facts.decorators):
                function = of(Function("function", method.id, of(ClassRef("class", schema)), (), ()))
                value, mask = frame.call((function, mask), Arguments(((value, mask),), {}), place)
    return value if value.atoms else of(atom)


def _is_before_validator(decorator: f.Expr) -> bool:
    if not isinstance(decorator, f.Call) or not isinstance(decorator.func, (f.Name, f.Attr)):
        return False
    name = decorator.func.id if isinstance(decorator.func, f.Name) else decorator.func.name
    keywords = {key: value.value for key, value in decorator.keywords if isinstance(value, f.Const)}
    return (name == "model_validator" and keywords.get("mode") == "before") or (
        name == "root_validator" and keywords.get("pre") is True
    )


def attributes_read(frame: Frame, schema: str) -> Iterator[tuple[str, str, f.Expr]]:
    """Yield what a schema reads of an object: the attribute's name, and the field's annotation with its module.

    A field with a validation alias reads that name instead of its own; ``exclude=True`` leaves it out of the output
    but it is read all the same (measured).
    """
    hierarchy = frame.engine.project.hierarchy
    for name, (path, annotation) in frame.engine.classes.annotated_fields(schema).items():
        if isinstance(annotation, f.Subscript) and _last(annotation.value) == "ClassVar":
            continue
        default = hierarchy.find_attribute(schema, name)
        aliases = _aliases(default[1]) if default is not None else ()
        if isinstance(annotation, f.Subscript) and _last(annotation.value) == "Annotated":
            parts = annotation.index.items if isinstance(annotation.index, f.Display) else ()
            aliases = aliases or next((found for part in parts if (found := _aliases(part))), ())
        for alias in aliases or (name,):
            yield alias, path, annotation


def _aliases(default: f.Expr) -> tuple[str, ...]:
    """The names under which ``Field(alias=…)`` looks its value up; of a path the first step."""
    if not isinstance(default, f.Call) or _last(default.func) != "Field":
        return ()
    keywords = dict(default.keywords)
    written = keywords.get("validation_alias") or keywords.get("alias")
    return tuple(_alias_names(written)) if written is not None else ()


def _alias_names(written: f.Expr) -> Iterator[str]:
    if isinstance(written, f.Const) and isinstance(written.value, str):
        yield written.value
    elif isinstance(written, f.Call) and _last(written.func) == "AliasChoices":
        for choice in written.args:
            yield from _alias_names(choice)
    elif isinstance(written, f.Call) and _last(written.func) == "AliasPath" and written.args:
        yield from _alias_names(written.args[0])


def _last(expr: f.Expr) -> str:
    return expr.id if isinstance(expr, f.Name) else expr.name if isinstance(expr, f.Attr) else ""


def schemas_in(value: Value) -> list[str]:
    """Return the classes that an annotation names, in collections too."""
    found: list[str] = []
    for atom in value.atoms:
        if type(atom) is Instance:
            found.append(atom.cls)
        elif type(atom) in (Many, Mapping):
            found += schemas_in(atom.item if type(atom) is Many else atom.value)
        elif type(atom) is Tuple:
            for item in atom.items:
                found += schemas_in(item)
    return list(dict.fromkeys(found))


def response(frame: Frame, value: Value, mask: int, annotation: Value, place: Place) -> bool:
    """Read a handler's result as its response schema does; False when there is no schema to follow."""
    schemas = schemas_in(annotation)
    validate(frame, value, mask, tuple(schemas), place)
    return bool(schemas)


def constructed(frame: Frame, cls: ClassRef, fields: tuple[tuple[str, Value], ...], mask: int, place: Place) -> None:
    """``Page[TeamOut](items=rows)``: pydantic validates its arguments, so the field's schema reads the rows."""
    hierarchy, annotations = frame.engine.project.hierarchy, frame.engine.annotations
    if not any(lib.root_and_last(b)[1] in lib.SCHEMA_BASES for b in hierarchy.external_bases(cls.id)):
        return
    declared = frame.engine.classes.annotated_fields(cls.id)
    given = zip(hierarchy.classes[cls.id].type_params, cls.arguments, strict=False)
    bound = {param: annotations.instance(argument) for param, argument in given if argument}
    for name, value in fields:
        if name in declared and rows.rows_in(value):
            path, annotation = declared[name]
            field = substitute(annotation, bound) or annotations.value(path, annotation)
            validate(frame, value, mask, tuple(schemas_in(field)), place)
