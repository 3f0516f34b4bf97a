"""Serialisers' schemas: which attributes of an object their fields read. This file: pydantic and what builds on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import last_name
from nplus1_lint.infer.values import Instance, Many, Mapping, Tuple, Value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nplus1_lint.infer.frame import Frame


class Schema(NamedTuple):
    """A schema as it is used.

    Attributes:
        cls: id of its class.
        only: the fields that are dumped, or None for all.
        exclude: the fields that are not.
        bound: what type arguments make of fields' annotations: ``items`` of ``Page[TeamOut]``.
    """

    cls: str
    only: frozenset[str] | None = None
    exclude: frozenset[str] = frozenset()
    bound: tuple[tuple[str, Value], ...] = ()


class Field(NamedTuple):
    """What a field does with the object.

    Attributes:
        path: the attributes that it reads, one of the other.
        nested: the schemas that read what it finds.
        function: what is called with the object instead, or None.
    """

    path: tuple[str, ...]
    nested: tuple[Schema, ...]
    function: Value | None = None


def fields(frame: Frame, schema: Schema) -> Iterator[Field]:
    """Yield the fields of a pydantic model.

    A field with a validation alias reads that name instead of its own; ``exclude=True`` leaves it out of the output
    but it is read all the same (measured).
    """
    engine = frame.engine
    bound = dict(schema.bound)
    for name, (path, annotation) in engine.classes.annotated_fields(schema.cls).items():
        if isinstance(annotation, f.Subscript) and last_name(annotation.value) == "ClassVar":
            continue
        nested = schemas_in(bound.get(name) or engine.annotations.value(path, annotation))
        default = engine.project.hierarchy.find_attribute(schema.cls, name)
        aliases = _aliases(default[1]) if default is not None else ()
        if isinstance(annotation, f.Subscript) and last_name(annotation.value) == "Annotated":
            parts = annotation.index.items if isinstance(annotation.index, f.Display) else ()
            aliases = aliases or next((found for part in parts if (found := _aliases(part))), ())
        for alias in aliases or (name,):
            yield Field((alias,), nested)


def _aliases(default: f.Expr) -> tuple[str, ...]:
    """The names under which ``Field(alias=…)`` looks its value up; of a path the first step."""
    if not isinstance(default, f.Call) or last_name(default.func) != "Field":
        return ()
    keywords = dict(default.keywords)
    written = keywords.get("validation_alias") or keywords.get("alias")
    return tuple(_alias_names(written)) if written is not None else ()


def _alias_names(written: f.Expr) -> Iterator[str]:
    if isinstance(written, f.Const) and isinstance(written.value, str):
        yield written.value
    elif isinstance(written, f.Call) and last_name(written.func) == "AliasChoices":
        for choice in written.args:
            yield from _alias_names(choice)
    elif isinstance(written, f.Call) and last_name(written.func) == "AliasPath" and written.args:
        yield from _alias_names(written.args[0])


def converts(facts: f.FunctionFacts) -> bool:
    """True for a validator that sees the object before any field is read."""
    return any(_is_before_validator(decorator) for decorator in facts.decorators)


def _is_before_validator(decorator: f.Expr) -> bool:
    if not isinstance(decorator, f.Call):
        return False
    keywords = {key: value.value for key, value in decorator.keywords if isinstance(value, f.Const)}
    name = last_name(decorator.func)
    return (name == "model_validator" and keywords.get("mode") == "before") or (
        name == "root_validator" and keywords.get("pre") is True
    )


def schemas_in(value: Value) -> tuple[Schema, ...]:
    """Return the classes that an annotation names as schemas, in collections too, each once."""
    found: list[Schema] = []
    for atom in value.atoms:
        if type(atom) is Instance:
            found.append(Schema(atom.cls, bound=atom.fields))
        elif type(atom) in (Many, Mapping):
            found += schemas_in(atom.item if type(atom) is Many else atom.value)
        elif type(atom) is Tuple:
            for item in atom.items:
                found += schemas_in(item)
    return tuple(dict.fromkeys(found))
