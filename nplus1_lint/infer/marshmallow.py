"""marshmallow's schemas, with those of marshmallow-sqlalchemy and Flask-Marshmallow.

Sources: marshmallow 3 and 4, "Nesting Schemas", "Custom Fields"; marshmallow-sqlalchemy, "Recipes".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import call_name, last_name
from nplus1_lint.infer import library as lib
from nplus1_lint.infer.frame import Arguments
from nplus1_lint.infer.schemas import Field, Schema
from nplus1_lint.infer.values import ClassRef, Const, Function, Instance, Tuple, Value, of, tuple_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nplus1_lint.infer.frame import Frame, Place
    from nplus1_lint.infer.solve import Engine
    from nplus1_lint.link.hierarchy import Class

_ROOTS: Final = frozenset(
    {"marshmallow", "marshmallow_sqlalchemy", "flask_marshmallow", "apiflask", "flask_smorest", "webargs"}
)
_BASES: Final = frozenset({"Schema", "SQLAlchemySchema", "SQLAlchemyAutoSchema", "ModelSchema", "TableSchema"})
DUMPS: Final = frozenset({"dump", "dumps", "jsonify"})


def is_schema(engine: Engine, class_id: str) -> bool:
    """True for a class that extends one of marshmallow's schemas."""
    parts = (lib.root_and_last(base) for base in engine.project.hierarchy.external_bases(class_id))
    return any(root in _ROOTS and last in _BASES for root, last in parts)


def restrictions(keywords: tuple[tuple[str | None, f.Expr], ...]) -> tuple[tuple[str, Value], ...]:
    """Return what ``Schema(only=…, exclude=…)`` says, as fields of the instance."""
    kept = {}
    for name, expr in keywords:
        if name in ("only", "exclude"):
            kept[name] = tuple_of(tuple(of(Const("const", one)) for one in sorted(_strings(expr))))
    return tuple(sorted(kept.items()))


def of_instance(instance: Instance) -> Schema:
    """Return the schema that an instance is."""
    said = dict(instance.fields)
    only = frozenset(_constants(said["only"])) if "only" in said else None
    return Schema(instance.cls, only, frozenset(_constants(said["exclude"])) if "exclude" in said else frozenset())


def schemas_in(engine: Engine, value: Value) -> tuple[Schema, ...]:
    """Return the schemas of marshmallow that a value is one of, given as instances or classes."""
    instances = [of_instance(one) for one in value.only(Instance) if is_schema(engine, one.cls)]
    return (*instances, *(Schema(one.id) for one in value.only(ClassRef) if is_schema(engine, one.id)))


def _constants(value: Value) -> Iterator[str]:
    for atom in value.only(Tuple):
        for item in atom.items:
            for inner in item.only(Const):
                yield str(inner.value).partition(".")[0]


def _strings(expr: f.Expr | None) -> frozenset[str]:
    items = expr.items if isinstance(expr, f.Display) else (expr,)
    return frozenset(item.value for item in items if isinstance(item, f.Const) and isinstance(item.value, str))


def fields(frame: Frame, schema: Schema, place: Place) -> Iterator[Field]:
    """Yield the fields that a schema dumps."""
    found: dict[str, Field | None] = {}
    excluded, limits = set(schema.exclude), schema.only
    for cls in reversed(frame.engine.project.hierarchy.mro(schema.cls)):
        found |= dict(_of_meta(frame.engine, cls, excluded))
        listed = _listed(frame.engine, cls)
        if listed:
            limits = listed if schema.only is None else schema.only & listed
        for name, expr in cls.attributes.items():
            if isinstance(expr, f.Call) and _is_field(frame.engine, cls, expr):
                found[name] = _field(frame, cls, name, expr, schema, place)
    for name, field in found.items():
        if field is not None and name not in excluded and (limits is None or name in limits):
            yield field
    yield from _hooks(frame.engine, schema.cls)


def _hooks(engine: Engine, class_id: str) -> Iterator[Field]:
    """Methods that are given each row before it is dumped: ``@pre_dump``, but for those that get all rows at once."""
    methods = {
        name: one for cls in reversed(engine.project.hierarchy.mro(class_id)) for name, one in cls.methods.items()
    }
    for method in methods.values():
        if any(map(_is_of_one_row, method.facts.decorators)):
            yield Field((), (), of(Function("function", method.id, _itself(class_id), (), ())))


def _is_of_one_row(decorator: f.Expr) -> bool:
    """True for ``@pre_dump`` without ``pass_many`` or ``pass_collection``."""
    keywords = dict(decorator.keywords) if isinstance(decorator, f.Call) else {}
    return (call_name(decorator) or last_name(decorator)) == "pre_dump" and keywords.keys().isdisjoint(
        ("pass_many", "pass_collection")
    )


def _itself(class_id: str) -> Value:
    return of(Instance("instance", class_id, True, ()))


def _of_meta(engine: Engine, cls: Class, excluded: set[str]) -> Iterator[tuple[str, Field]]:
    """What ``class Meta`` adds: named fields, and the columns and relationships of a model."""
    meta = engine.project.hierarchy.classes.get(f"{cls.id}.Meta")
    if meta is None:
        return
    excluded |= _strings(meta.attributes.get("exclude"))
    for key in ("fields", "additional"):
        for name in sorted(_strings(meta.attributes.get(key))):
            yield name, Field((name,), ())
    related = meta.attributes.get("include_relationships")
    written = meta.attributes.get("model")
    all_of_it = engine.classes.extends(cls.id, ("ModelSchema",))
    if written is None or not (all_of_it or (isinstance(related, f.Const) and related.value is True)):
        return
    for atom in engine.constant(meta.path, written).only(ClassRef):
        model = engine.project.models.get(atom.id)
        for name in model.relationships if model is not None else ():
            yield name, Field((name,), ())


def _listed(engine: Engine, cls: Class) -> frozenset[str]:
    """The fields to which ``class Meta: fields = (…)`` limits a schema; none where it does not."""
    meta = engine.project.hierarchy.classes.get(f"{cls.id}.Meta")
    return _strings(meta.attributes.get("fields")) if meta is not None else frozenset()


def _is_field(engine: Engine, cls: Class, expr: f.Call) -> bool:
    name = engine.project.hierarchy.external_name(cls.path, expr.func) or ""
    return lib.root_and_last(name)[0] in _ROOTS


def _field(frame: Frame, cls: Class, name: str, expr: f.Call, schema: Schema, place: Place) -> Field | None:
    keywords = dict(expr.keywords)
    hidden = keywords.get("load_only")
    if isinstance(hidden, f.Const) and hidden.value is True:
        return None
    kind = expr.func.name if isinstance(expr.func, f.Attr) else expr.func.id if isinstance(expr.func, f.Name) else ""
    first = expr.args[0] if expr.args else None
    if kind == "Method" and isinstance(first, f.Const):
        method = frame.engine.project.hierarchy.find_method(schema.cls, str(first.value))
        called = of(Function("function", method.id, _itself(schema.cls), (), ())) if method is not None else None
        return Field((), (), called)
    if kind == "Function" and first is not None:
        return Field((), (), frame.engine.constant(cls.path, first))
    renamed = keywords.get("attribute") or (first if kind == "auto_field" else None)
    attribute = renamed.value if isinstance(renamed, f.Const) and isinstance(renamed.value, str) else name
    return Field(tuple(attribute.split(".")), tuple(_nested(frame, cls, expr, kind, place)))


def _nested(frame: Frame, cls: Class, expr: f.Call, kind: str, place: Place) -> Iterator[Schema]:
    inner = expr.args[0] if expr.args else dict(expr.keywords).get("nested")
    if kind == "List" and isinstance(inner, f.Call):
        yield from _nested(frame, cls, inner, inner.func.name if isinstance(inner.func, f.Attr) else "", place)
    elif kind in ("Nested", "Pluck") and inner is not None:
        keywords = dict(expr.keywords)
        only = _strings(keywords["only"]) if "only" in keywords else None
        if kind == "Pluck" and len(expr.args) > 1:
            only = _strings(expr.args[1])
        exclude = _strings(keywords.get("exclude"))
        for found in _schemas(frame, cls, inner, place):
            yield Schema(found.cls, only if only is not None else found.only, exclude | found.exclude)


def _schemas(frame: Frame, cls: Class, expr: f.Expr, place: Place) -> Iterator[Schema]:
    """The schema that ``Nested`` names: a class, an instance, a string, a lambda."""
    engine = frame.engine
    if isinstance(expr, f.Const) and isinstance(expr.value, str):
        name = expr.value.rpartition(".")[2]
        named = [c.id for c in engine.project.hierarchy.classes.values() if c.name == name]
        ids = [cls.id] if name == "self" else named
        if len(ids) == 1:
            yield Schema(ids[0])
        return
    value = engine.constant(cls.path, expr)
    if value.only(Function):
        value = frame.call((value, 0), Arguments((), {}), place)[0]
    for atom in value.atoms:
        if type(atom) is ClassRef:
            yield Schema(atom.id)
        elif type(atom) is Instance:
            yield of_instance(atom)
