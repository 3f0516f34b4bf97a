"""Arguments to parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from nplus1_lint.index import facts as f
from nplus1_lint.infer import keywords
from nplus1_lint.infer.classes import decorator_names, method_kind
from nplus1_lint.infer.joins import item_of, join_all
from nplus1_lint.infer.values import (
    ELLIPSIS,
    LAST_PARAM,
    NONE,
    SCALAR,
    SENTINEL,
    UNKNOWN,
    ClassRef,
    Const,
    External,
    Function,
    Instance,
    Many,
    Row,
    Value,
    many,
    mapping,
    of,
    row,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nplus1_lint.infer.effects import Key
    from nplus1_lint.infer.frame import Arguments
    from nplus1_lint.infer.solve import Engine
    from nplus1_lint.link.hierarchy import Function as Definition

_PLAIN_DECORATORS = frozenset(
    {"staticmethod", "classmethod", "property", "abstractmethod", "override", "cached_property"}
)


class Bound(NamedTuple):
    """Values of the parameters, and the masks of the arguments that gave them.

    Attributes:
        values: one for each parameter.
        masks: on what each argument depends.
        left_out: bits of the parameters that the call leaves without a value: a decorator, or the function, fills them.
        spread: bits of those that ``*args`` fill: of several arguments, which one it is cannot be told.
    """

    values: tuple[Value, ...]
    masks: tuple[int, ...]
    left_out: int = 0
    spread: int = 0


def bind_arguments(
    engine: Engine, definition: Definition, function: Function, mask: int, arguments: Arguments, whole: bool = True
) -> Bound:
    """Match a call's arguments with a function's parameters.

    Args:
        engine: evaluates annotations and defaults.
        definition: the callee.
        function: the called value: its receiver and its partially bound arguments.
        mask: what the callee value depends on (the object of a method call).
        arguments: the call's arguments.
        whole: these are all; False where code that is not known calls what it was handed.
    """
    positional = [(v, mask) for v in function.bound]
    if function.receiver is not None:
        positional.insert(0, (function.receiver, mask))
    positional += arguments.positional
    values: list[Value] = []
    masks: list[int] = []
    spread = UNKNOWN
    spread_mask = left_out = filled = 0
    for starred, one in arguments.starred:
        spread, spread_mask = item_of(starred), spread_mask | one
    captured = dict(function.captured) if function.captured else {}
    for param in definition.facts.params:
        if param.kind == "args":
            values.append(many(join_all([v for v, _ in positional])))
            masks.append(_union([m for _, m in positional]) | spread_mask)
            positional = []
        elif param.kind == "kwargs":
            names = {p.name for p in definition.facts.params}
            extra = {name: val for name, val in arguments.keywords.items() if name not in names}
            complete = whole and not captured and all(keywords.is_positional(value) for value, _ in arguments.starred)
            values.append(keywords.bound(engine, definition, {n: v for n, (v, _) in extra.items()}, complete))
            masks.append(_union([m for _, m in extra.values()]) | spread_mask)
        elif param.kind == "positional" and positional:
            value, one = positional.pop(0)
            values.append(value if value.atoms else _declared(engine, definition, param, values))
            masks.append(one)
        elif param.name in arguments.keywords:
            value, one = arguments.keywords[param.name]
            values.append(value if value.atoms else _declared(engine, definition, param, values))
            masks.append(one)
        elif arguments.starred:
            values.append(
                spread if spread.atoms and not param.annotation else _declared(engine, definition, param, values)
            )
            masks.append(spread_mask)
            filled |= 1 << min(len(masks) - 1, LAST_PARAM)
        else:
            kept = captured.get(param.name)
            values.append(kept if kept is not None else _default(engine, definition, param, values))
            masks.append(mask if kept is not None else 0)
            if kept is None and (param.default is None or (type(param.default) is f.Const and not param.default.value)):
                left_out |= 1 << min(len(masks) - 1, LAST_PARAM)
    return Bound(tuple(values), tuple(masks), left_out, filled)


def _union(masks: list[int]) -> int:
    joined = 0
    for mask in masks:
        joined |= mask
    return joined


def _declared(engine: Engine, definition: Definition, param: f.Param, earlier: list[Value]) -> Value:
    """What a parameter stands for by its annotation, or by the dependency that provides it."""
    cls = definition.cls
    if earlier:
        cls = next((a.cls for a in earlier[0].atoms if type(a) is Instance), cls)
    value = UNKNOWN
    if param.annotation is not None:
        value = engine.annotations.value(definition.path, param.annotation, cls)
    if not value.atoms:
        provided = _provided(engine, definition, param)
        return provided if provided.atoms else engine.filled_in(definition).get(param.name, provided)
    if value.first(Row) is not None:
        provided = _provided(engine, definition, param)
        return provided if provided.first(Row) is not None else value  # the provider knows how the row was loaded
    return value


def _provided(engine: Engine, definition: Definition, param: f.Param) -> Value:
    annotation, path = param.annotation, definition.path
    alias = engine.annotations.alias_of(path, annotation) if annotation is not None else None
    if alias is not None:
        path, annotation = alias
    dependency = engine.annotations.dependency(path, annotation, param.default)
    if dependency is None:
        return UNKNOWN
    callee = engine.constant(path, dependency)
    provided = UNKNOWN
    for atom in callee.atoms:
        if type(atom) is Function:
            engine.provide(atom.id)
            target = engine.definition(atom.id)
            provided = engine.run_method(target, atom.receiver, {}).returns if atom.receiver else (
                engine.summary(target, entry_arguments(engine, target, None), (), 1, None).returns)  # fmt: skip
        elif type(atom) is ClassRef:
            provided = engine.annotations.instance(atom.id)
    items = [a.item for a in provided.atoms if type(a) is Many and a.kind in ("iterator", "context")]
    return join_all(items) if items else provided


def provider(engine: Engine, definition: Definition, param: f.Param) -> list[tuple[Definition, Key]]:
    """Return the functions that a framework calls for a parameter, each with the context in which it has run."""
    annotation, path = param.annotation, definition.path
    alias = engine.annotations.alias_of(path, annotation) if annotation is not None else None
    if alias is not None:
        path, annotation = alias
    dependency = engine.annotations.dependency(path, annotation, param.default)
    found: list[tuple[Definition, Key]] = []
    for atom in engine.constant(path, dependency).atoms if dependency is not None else ():
        if type(atom) is Function and atom.receiver is None:
            target = engine.definition(atom.id)
            values = entry_arguments(engine, target, None)
            found.append((target, engine.context(target, values, ())))
    return found


def providers(engine: Engine, handler: Definition) -> Iterator[tuple[Definition, Key]]:
    """Yield the functions that a framework calls before a handler, theirs included, each once with its context."""
    seen: set[str] = set()
    stack = [handler]
    while stack:
        definition = stack.pop()
        for param in definition.facts.params:
            for target, key in provider(engine, definition, param):
                if target.id not in seen:
                    seen.add(target.id)
                    stack.append(target)
                    yield target, key


def _default(engine: Engine, definition: Definition, param: f.Param, earlier: list[Value]) -> Value:
    if param.default is None:
        return _declared(engine, definition, param, earlier)
    if isinstance(param.default, f.Const):
        value = of(Const("const", param.default.value)) if not isinstance(param.default.value, float) else SCALAR
        injected = set(decorator_names(definition.facts)) - _PLAIN_DECORATORS
        if value == NONE and injected:
            # A decorator may fill it in: `@with_session def get(self, id, session: Session = None)`.
            declared = _declared(engine, definition, param, earlier)
            return declared if declared.atoms else value
        return value
    if param.default == f.Opaque(()):  # `...`, by which an argument that is left out can be told from None
        return ELLIPSIS
    value = engine.constant(definition.path, param.default)
    if any(type(atom) is External and atom.name.startswith(SENTINEL) for atom in value.atoms):
        return value
    declared = _declared(engine, definition, param, earlier)
    return declared if declared.atoms else value


def entry_arguments(engine: Engine, definition: Definition, receiver: Value | None) -> tuple[Value, ...]:
    """Return the values of a function's parameters when nothing is known of its caller: annotations alone."""
    values: list[Value] = []
    for position, param in enumerate(definition.facts.params):
        if position == 0 and definition.cls is not None and param.kind == "positional":
            kind = method_kind(definition.facts)
            if kind == "instance":
                values.append(receiver if receiver is not None else _self(engine, definition.cls))
                continue
            if kind == "class":
                values.append(receiver if receiver is not None else of(ClassRef("class", definition.cls)))
                continue
        if param.kind == "args":
            inner = engine.annotations.value(definition.path, param.annotation) if param.annotation else UNKNOWN
            values.append(many(inner))
        elif param.kind == "kwargs":
            values.append(mapping(SCALAR, UNKNOWN))
        else:
            values.append(_declared(engine, definition, param, values))
    return tuple(values)


def _self(engine: Engine, class_id: str) -> Value:
    if class_id in engine.project.models:
        return of(row(class_id))
    session = engine.classes.session_of(class_id)
    if session is not None:
        return of(session)
    return of(Instance("instance", class_id, False, ()))
