"""Builtins and the standard library's helpers that take collections or callbacks."""

from __future__ import annotations

from typing import Final

from nplus1_lint.index import facts as f
from nplus1_lint.infer import isinstances, records, reflection, rows, stores
from nplus1_lint.infer import library as lib
from nplus1_lint.infer.effects import Kind
from nplus1_lint.infer.frame import Arguments, Frame, Place, Val
from nplus1_lint.infer.futures import LOOPS, POOL_CALLS, RUNS_IN_THREAD, call_later
from nplus1_lint.infer.joins import join, join_all
from nplus1_lint.infer.looping_helpers import call_helper, iterate_argument, keyed, ordered, size_of
from nplus1_lint.infer.values import (
    MAX_ATOMS,
    NONE,
    SCALAR,
    SOME_FIXED,
    UNKNOWN,
    Const,
    External,
    Function,
    Instance,
    Many,
    Mapping,
    Row,
    Statement,
    Tuple,
    Value,
    class_of,
    many,
    mapping,
    of,
    tuple_of,
    unknown,
)

_FETCHED = frozenset({"rows", "result", "scalars"})
_READS_ALL = frozenset({"vars", "asdict", "jsonable_encoder", "dir", "astuple", "to_dict", "model_to_dict"})
_KEEPS = frozenset({
    "isinstance", "len", "bool", "hasattr", "id", "type", "print", "hash", "issubclass", "callable", "any", "all",
    "sum", "min", "max", "abs", "round", "int", "float", "open", "input", "ord", "chr", "format", "divmod",
    "delattr", "setattr", "exec", "eval", "memoryview", "bytes", "slice", "object", "property", "super",
})  # fmt: skip

HELPER_ROOTS: Final = frozenset({"builtins", "collections", "itertools", "functools", "operator"}) | LOOPS | lib.POOLS
"""Where `call_builtin` knows names."""
HELPERS: Final = frozenset({"partial", "NewType"}) | RUNS_IN_THREAD | lib.TRANSPARENT_WRAPPERS | _READS_ALL
"""Names that it knows wherever they come from."""


def call_builtin(frame: Frame, name: str, root: str, last: str, arguments: Arguments, place: Place) -> Val | None:
    """Call a builtin or a well-known helper; None when it is neither."""
    first = arguments.positional[0] if arguments.positional else None
    found = call_helper(frame, root, last, arguments, place)
    if found is not None:
        return found
    if last in lib.KEYED_HELPERS and root == "builtins" and "key" in arguments.keywords and first is not None:
        arguments = keyed(frame, last, arguments, place)
        first = arguments.positional[0]
    if last == "partial" and first is not None:
        return _partial(arguments), arguments.mask
    if last in lib.MATERIALISE and root in ("builtins", "collections", "itertools"):
        return _materialise(frame, last, arguments, place) if first else (many(UNKNOWN, lib.MATERIALISE[last]), 0)
    if root in LOOPS or last in RUNS_IN_THREAD or (root in lib.POOLS and last in POOL_CALLS):
        return call_later(frame, root, last, arguments, place)
    if last == "cast" and root in ("typing", "typing_extensions") and len(arguments.exprs) > 1:
        return _cast(frame, arguments)
    if last in lib.TRANSPARENT_WRAPPERS and first is not None:
        return arguments.positional[1 if last == "cast" and len(arguments.positional) > 1 else 0]
    if last == "NewType" and len(arguments.positional) == 1:  # a type that it has made gives back what it is given
        return arguments.positional[0]
    if last in _READS_ALL:
        for value, _ in arguments.positional:
            rows.escape(frame, value, place, f"{last}() reads everything")
        return mapping(SCALAR, UNKNOWN), arguments.mask
    if root == "builtins":
        return _builtin(frame, last, arguments, place)
    if last in ("defaultdict", "OrderedDict", "Counter") and root == "collections":
        return _default_dict(frame, last, arguments, place)
    if root == "operator" and last in ("attrgetter", "methodcaller"):
        return _getter(last, arguments)
    if last in ("count", "cycle", "repeat") and root == "itertools":
        return many(SCALAR, "iterator"), arguments.mask
    return None


def _builtin(frame: Frame, last: str, arguments: Arguments, place: Place) -> Val | None:
    first = arguments.positional[0] if arguments.positional else None
    if last == "enumerate" and first is not None:
        item, mask = iterate_argument(frame, arguments, 0, first, place)
        return many(tuple_of((SCALAR, item)), "iterator", size_of(first[0])), mask
    if last == "zip":
        items = [iterate_argument(frame, arguments, i, a, place) for i, a in enumerate(arguments.positional)]
        return many(tuple_of(tuple(v for v, _ in items)), "iterator"), arguments.mask
    if last == "range":
        return many(SCALAR, "iterator"), arguments.mask
    if last == "dict":
        return _dict(frame, arguments, place)
    if last in ("next", "anext") and first is not None:
        item, mask = iterate_argument(frame, arguments, 0, first, place)
        default = arguments.positional[1][0] if len(arguments.positional) > 1 else UNKNOWN
        return join(item, default), mask
    if last == "type" and first is not None and len(arguments.positional) == 1:
        classes = [class_of(atom) for atom in first[0].atoms if type(atom) in (Row, Instance)]
        return (join_all(classes), 0) if classes and len(classes) == len(first[0].atoms) else None
    if last == "getattr" and first is not None:
        return _getattr(frame, arguments, place)
    if last == "setattr":
        _setattr(frame, arguments)
    if last in ("str", "repr", "format") and first is not None:
        rows.written(frame, first, place)
        return (first[0] if reflection.is_named(first[0]) else SCALAR), arguments.mask
    if last == "print":
        for argument in arguments.positional:
            rows.written(frame, argument, place)
        return NONE, 0
    if last in ("min", "max") and first is not None and len(arguments.positional) == 1:
        one = iterate_argument(frame, arguments, 0, first, place)
        ordered(frame, last, one, arguments, place)
        return (one[0] if one[0].atoms else SCALAR), arguments.mask
    if last == "len" and first is not None:
        _counted(frame, arguments)
        rows.special(frame, first, ("__len__",), place)
        return SCALAR, first[1]
    if last in ("any", "all", "sum", "str") and first is not None:
        iterate_argument(frame, arguments, 0, first, place)
        return SCALAR, arguments.mask
    return (SCALAR, arguments.mask) if last in _KEEPS else None


def _counted(frame: Frame, arguments: Arguments) -> None:
    """``len(q.all())`` counts: the query that its argument has just run is a COUNT that fetches rows."""
    places = _call_chain(arguments.exprs[0]) if arguments.exprs else frozenset()
    for index, emission in enumerate(frame.emissions):
        query = emission.effect.query
        if (
            emission.place in places
            and emission.effect.kind in (Kind.SELECT, Kind.GET)
            and query is not None
            and not emission.effect.chain
        ):
            counted = emission.effect._replace(kind=Kind.COUNT, query=query._replace(aggregate="count"))
            frame.emissions[index] = emission._replace(effect=counted)


def _call_chain(expr: f.Expr) -> frozenset[Place]:
    """The places of the calls in ``a.b().c()``, outermost to innermost."""
    places = set()
    while isinstance(expr, (f.Call, f.Attr)):
        if isinstance(expr, f.Call):
            places.add(expr.pos)
            expr = expr.func
        else:
            expr = expr.value
    return frozenset(places)


def _materialise(frame: Frame, last: str, arguments: Arguments, place: Place) -> Val:
    items, mask = UNKNOWN, 0
    sizes: list[int | None] = []
    for position, argument in enumerate(arguments.positional[:1] if last != "chain" else arguments.positional):
        item, one = iterate_argument(frame, arguments, position, argument, place)
        items, mask = join(items, item), mask | one
        sizes.append(size_of(argument[0]))
    size = sizes[0] if len(sizes) == 1 else None if None in sizes or not sizes else SOME_FIXED
    if last == "sorted":
        ordered(frame, last, (items, mask), arguments, place)
    fetched = any(
        type(a) is Statement or (type(a) is Many and a.kind in _FETCHED)
        for v, _ in arguments.positional
        for a in v.atoms
    )
    return many(items, "rows" if fetched else lib.MATERIALISE[last], size), mask


def _cast(frame: Frame, arguments: Arguments) -> Val:
    """``cast(T, value)``: what is known of the value and may be a ``T``; else what the type says."""
    value, mask = arguments.positional[1]
    declared = frame.engine.annotations.value(frame.path, arguments.exprs[0], frame.concrete_class())
    return isinstances.as_declared(frame, value, declared), mask


def _default_dict(frame: Frame, last: str, arguments: Arguments, place: Place) -> Val:
    if last == "Counter" and arguments.positional:
        key, mask = iterate_argument(frame, arguments, 0, arguments.positional[0], place)
        return mapping(key, SCALAR), mask
    if last == "OrderedDict":
        return _dict(frame, arguments, place)
    inner = UNKNOWN
    for value, _ in arguments.positional[:1]:
        for atom in value.only(External):
            last = lib.root_and_last(atom.name)[1]
            inner = many(UNKNOWN, "set" if last == "set" else "list") if last in ("list", "set") else (
                mapping(SCALAR, UNKNOWN) if last == "dict" else SCALAR)  # fmt: skip
    return mapping(SCALAR, inner), arguments.mask


def _dict(frame: Frame, arguments: Arguments, place: Place) -> Val:
    if frame.engine.templates.active:
        records.note_call(frame, place, arguments)
    values = [value for value, _ in arguments.keywords.values()]
    for first in arguments.positional[:1]:
        values += [a.value for a in first[0].only(Mapping)]
        pairs = iterate_argument(frame, arguments, 0, first, place)[0]
        for atom in pairs.only(Tuple):
            if len(atom.items) == 2:
                return mapping(atom.items[0], atom.items[1]), arguments.mask
    return mapping(SCALAR, join_all(values)), arguments.mask


def _getter(last: str, arguments: Arguments) -> Val | None:
    """``attrgetter("team.slug")``, written as the name of a function."""
    names = [value.first(Const) for value, _ in arguments.positional]
    if any(name is None or not isinstance(name.value, str) for name in names) or arguments.keywords:
        return None
    if last == "methodcaller" and len(names) != 1:
        return None
    return of(External("external", f"{GETTERS[last]}{','.join(name.value for name in names)}")), 0


GETTERS: Final = {"attrgetter": "operator.attrgetter:", "methodcaller": "operator.methodcaller:"}


def call_getter(frame: Frame, name: str, argument: Val, place: Place) -> Val:
    """Call what ``attrgetter`` or ``methodcaller`` gave: a path of attributes, or a method without arguments."""
    kind, _, written = name.partition(":")
    found: list[Val] = []
    for path in written.split(","):
        val = argument
        for attribute in path.split("."):
            val = frame.attribute(val, attribute, place)
        if kind.endswith("methodcaller"):
            val = frame.call(val, Arguments((), {}), place)
        found.append(val)
    mask = argument[1]
    for _, one in found:
        mask |= one
    return (found[0][0] if len(found) == 1 else tuple_of(tuple(value for value, _ in found))), mask


def _getattr(frame: Frame, arguments: Arguments, place: Place) -> Val:
    """``getattr(row, "name")`` reads that attribute; with a variable name the row escapes."""
    if len(arguments.positional) < 2:
        return UNKNOWN, arguments.mask
    atoms = arguments.positional[1][0].atoms
    names = [atom.value for atom in atoms if type(atom) is Const and isinstance(atom.value, str)]
    if names and len(names) == len(atoms) < MAX_ATOMS:  # a full set may have lost some
        found = [frame.attribute(arguments.positional[0], name, place) for name in names]
        value, mask = join_all([one for one, _ in found]), 0
        for _, one in found:
            mask |= one
        if len(arguments.positional) > 2:
            value = join(value, arguments.positional[2][0])
        return value, mask
    if reflection.is_named(arguments.positional[1][0]) and arguments.positional[0][0].first(Row) is not None:
        return reflection.read(frame, arguments.positional[0], arguments.positional[1][0], place)
    rows.escape(frame, arguments.positional[0][0], place, "getattr with a variable name")
    return unknown("getattr with a variable name"), arguments.mask


def _setattr(frame: Frame, arguments: Arguments) -> None:
    for value, _ in arguments.positional[2:]:
        frame.tracker.leave(value, "kept in an attribute")
    for expr in arguments.exprs[:1]:
        stores.store(frame, stores.holder(frame, expr), arguments.mask)


def _partial(arguments: Arguments) -> Value:
    bound = tuple(v for v, _ in arguments.positional[1:])
    named = {name: value for name, (value, _) in arguments.keywords.items()}

    def fixed(atom: Function) -> Function:
        captured = tuple(sorted({**dict(atom.captured), **named}.items())) if named else atom.captured
        return atom._replace(bound=(*atom.bound, *bound), captured=captured)

    return Value(tuple(fixed(a) if type(a) is Function else a for a in arguments.positional[0][0].atoms))


def with_callbacks(frame: Frame, arguments: Arguments, place: Place) -> None:
    """A function handed to unknown code may run: once, with what stands behind it in the call as its arguments."""
    given = (*arguments.positional, *arguments.keywords.values())
    for value, _ in given:
        if value.first(Function) is not None:
            break
    else:
        return
    frame.state.asked.clear()  # what it does may change every answer
    frame.handed += 1
    _hand_over(frame, arguments, place)
    frame.handed -= 1


def _hand_over(frame: Frame, arguments: Arguments, place: Place) -> None:
    for position, (value, mask) in enumerate(arguments.positional):
        callbacks = Value(tuple(a for a in value.atoms if type(a) is Function))
        if callbacks.atoms:
            rest = Arguments(arguments.positional[position + 1 :], {} if position else dict(arguments.keywords))
            result, _ = frame.call((callbacks, _if_not_nested(callbacks, mask)), rest, place)
            frame.tracker.leave(result, "returned to a caller of callbacks")
            return
    for value, mask in arguments.keywords.values():
        callbacks = Value(tuple(a for a in value.atoms if type(a) is Function))
        if callbacks.atoms:
            result, _ = frame.call((callbacks, _if_not_nested(callbacks, mask)), Arguments((), {}), place)
            frame.tracker.leave(result, "returned to a caller of callbacks")


def _if_not_nested(callbacks: Value, mask: int) -> int:
    """What another function's callback depends on counts for nothing: unknown code may keep it and never call it."""
    return 0 if any(type(a) is Function and a.captured for a in callbacks.atoms) else mask
