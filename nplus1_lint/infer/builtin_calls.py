"""Builtins and the standard library's helpers that take collections or callbacks."""

from __future__ import annotations

from nplus1_lint.index import facts as f
from nplus1_lint.infer import expiry, records, rows
from nplus1_lint.infer import library as lib
from nplus1_lint.infer.bounds import is_bounded
from nplus1_lint.infer.effects import Kind, Loop
from nplus1_lint.infer.frame import Arguments, Frame, Place, Val
from nplus1_lint.infer.values import (
    MAX_ATOMS,
    SCALAR,
    UNKNOWN,
    BoundMethod,
    ClassRef,
    Const,
    External,
    Function,
    Many,
    Mapping,
    Statement,
    Value,
    item_of,
    join,
    join_all,
    many,
    mapping,
    tuple_of,
    unknown,
)

_CALLABLES = (Function, BoundMethod)
_FETCHED = frozenset({"rows", "result", "scalars"})
_READS_ALL = frozenset({"vars", "asdict", "jsonable_encoder", "dir", "astuple", "to_dict", "model_to_dict"})
_KEEPS = frozenset({
    "isinstance", "len", "bool", "hasattr", "id", "type", "print", "hash", "issubclass", "callable", "any", "all",
    "sum", "min", "max", "abs", "round", "int", "float", "open", "input", "ord", "chr", "format", "divmod",
    "delattr", "setattr", "exec", "eval", "memoryview", "bytes", "slice", "object", "property", "super",
})  # fmt: skip


def call_builtin(frame: Frame, name: str, root: str, last: str, arguments: Arguments, place: Place) -> Val | None:
    """Call a builtin or a well-known helper; None when it is neither."""
    first = arguments.positional[0] if arguments.positional else None
    if last in lib.LOOPING_HELPERS and root in ("builtins", "functools", "itertools") and len(arguments.positional) > 1:
        found = looped(frame, arguments.positional[0], list(arguments.positional[1:]), place, last)
        return (
            many(found[0], "iterator") if last in ("map", "starmap") else many(item_of(arguments.positional[1][0]))
        ), found[1]
    if last in lib.KEYED_HELPERS and root == "builtins" and "key" in arguments.keywords and first is not None:
        mark = frame.mark()
        looped(frame, arguments.keywords["key"], [first], place, last, arguments)
        if any(e.effect.attribute == "expired" for e in frame.emissions[mark:]):
            renewed = (expiry.unexpired(first[0]), first[1])
            arguments = arguments._replace(positional=(renewed, *arguments.positional[1:]))
            first = renewed
            for expr in arguments.exprs[:1]:
                expiry.refreshed(frame, expr, mark)
    if last == "partial" and first is not None:
        return _partial(arguments), arguments.mask
    if last in lib.MATERIALISE and root in ("builtins", "collections", "itertools") and first is not None:
        return _materialise(frame, last, arguments, place)
    if root == "asyncio" or last in ("run_in_threadpool", "to_thread", "run_in_executor"):
        return _async_helper(frame, last, arguments, place)
    if last in lib.TRANSPARENT_WRAPPERS and first is not None:
        return arguments.positional[1 if last == "cast" and len(arguments.positional) > 1 else 0]
    if last in _READS_ALL:
        for value, _ in arguments.positional:
            rows.escape(frame, value, place, f"{last}() reads everything")
        return mapping(SCALAR, UNKNOWN), arguments.mask
    if root == "builtins":
        return _builtin(frame, last, arguments, place)
    if last in ("defaultdict", "OrderedDict", "Counter") and root == "collections":
        return _default_dict(arguments)
    if last in ("count", "cycle", "repeat") and root == "itertools":
        return many(SCALAR, "iterator"), arguments.mask
    return None


def _builtin(frame: Frame, last: str, arguments: Arguments, place: Place) -> Val | None:
    first = arguments.positional[0] if arguments.positional else None
    if last == "enumerate" and first is not None:
        item, mask = _iterate_argument(frame, arguments, 0, first, place)
        return many(tuple_of((SCALAR, item)), "iterator", _size(first[0])), mask
    if last == "zip":
        items = [_iterate_argument(frame, arguments, i, a, place) for i, a in enumerate(arguments.positional)]
        return many(tuple_of(tuple(v for v, _ in items)), "iterator"), arguments.mask
    if last == "range":
        return many(SCALAR, "iterator"), arguments.mask
    if last in ("dict",):
        if frame.engine.templates.active:
            records.note_call(frame, place, arguments)
        return _dict(first, arguments)
    if last in ("next", "anext") and first is not None:
        item, mask = _iterate_argument(frame, arguments, 0, first, place)
        default = arguments.positional[1][0] if len(arguments.positional) > 1 else UNKNOWN
        return join(item, default), mask
    if last == "getattr" and first is not None:
        return _getattr(frame, arguments, place)
    if last == "setattr":
        for value, _ in arguments.positional[2:]:
            frame.tracker.leave(value, "kept in an attribute")
    if last in ("str", "repr", "format") and first is not None:
        rows.written(frame, first, place)
        return SCALAR, arguments.mask
    if last in ("min", "max") and first is not None and len(arguments.positional) == 1:
        item = item_of(first[0])
        return (item if item.atoms else SCALAR), arguments.mask
    if last == "len" and first is not None:
        _counted(frame, arguments)
        return SCALAR, first[1]
    if last in ("any", "all", "sum", "str") and first is not None:
        _iterate_argument(frame, arguments, 0, first, place)
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


def _iterate_argument(frame: Frame, arguments: Arguments, position: int, val: Val, place: Place) -> Val:
    """Iterate an argument; a query that it executes stands on the argument itself."""
    if position < len(arguments.exprs):
        return frame.iterate_expr(arguments.exprs[position], val)
    return frame.iterate(val, place)


def _size(value: Value) -> int | None:
    if any(type(a) is External and "MetaData()." in a.name for a in value.atoms):
        return 1  # as many tables as the source declares: fixed, if not known here
    sizes = {a.size for a in value.atoms if type(a) is Many}
    return sizes.pop() if len(sizes) == 1 and len(value.atoms) == 1 else None


def _materialise(frame: Frame, last: str, arguments: Arguments, place: Place) -> Val:
    items, mask = UNKNOWN, 0
    size: int | None = None
    for position, argument in enumerate(arguments.positional[:1] if last != "chain" else arguments.positional):
        item, one = _iterate_argument(frame, arguments, position, argument, place)
        items, mask = join(items, item), mask | one
        size = _size(argument[0])
    fetched = any(
        type(a) is Statement or (type(a) is Many and a.kind in _FETCHED)
        for v, _ in arguments.positional
        for a in v.atoms
    )
    return many(items, "rows" if fetched else lib.MATERIALISE[last], size), mask


def _default_dict(arguments: Arguments) -> Val:
    inner = UNKNOWN
    for value, _ in arguments.positional[:1]:
        for atom in value.only(External):
            last = lib.root_and_last(atom.name)[1]
            inner = many(UNKNOWN, "set" if last == "set" else "list") if last in ("list", "set") else (
                mapping(SCALAR, UNKNOWN) if last == "dict" else SCALAR)  # fmt: skip
    return mapping(SCALAR, inner), arguments.mask


def _dict(first: Val | None, arguments: Arguments) -> Val:
    values = [value for value, _ in arguments.keywords.values()]
    if first is not None:
        values += [a.value for a in first[0].only(Mapping)]
        pairs = item_of(first[0])
        for atom in pairs.atoms:
            if hasattr(atom, "items") and len(atom.items) == 2:
                return mapping(atom.items[0], atom.items[1]), arguments.mask
    return mapping(SCALAR, join_all(values)), arguments.mask


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
    rows.escape(frame, arguments.positional[0][0], place, "getattr with a variable name")
    return unknown("getattr with a variable name"), arguments.mask


def _partial(arguments: Arguments) -> Value:
    bound = tuple(v for v, _ in arguments.positional[1:])
    atoms = [
        a._replace(bound=(*a.bound, *bound)) if type(a) is Function else a for a in arguments.positional[0][0].atoms
    ]
    return Value(tuple(atoms))


def _async_helper(frame: Frame, last: str, arguments: Arguments, place: Place) -> Val | None:
    """``gather`` collects what its coroutines gave; ``to_thread`` and its kind call what they are given."""
    if last == "gather":
        items = [value for value, _ in arguments.positional]
        items += [item_of(value) for value, _ in arguments.starred]
        return many(join_all(items)), arguments.mask
    if last in ("to_thread", "run_in_threadpool", "run_in_executor", "run"):
        skip = 1 if last == "run_in_executor" else 0
        if len(arguments.positional) > skip:
            callee = arguments.positional[skip]
            if any(type(a) in _CALLABLES for a in callee[0].atoms):
                rest = Arguments(arguments.positional[skip + 1 :], arguments.keywords)
                return frame.call(callee, rest, place)
            return callee
    if last in lib.TRANSPARENT_WRAPPERS and arguments.positional:
        return arguments.positional[0]
    if last in ("as_completed", "wait") and arguments.positional:
        return arguments.positional[0]
    return None


def with_callbacks(frame: Frame, arguments: Arguments, place: Place) -> None:
    """A function handed to unknown code may run: once, with what stands behind it in the call as its arguments."""
    given = [v for v, _ in (*arguments.positional, *arguments.keywords.values())]
    if any(value.first(Function) is not None for value in given):
        frame.state.asked.clear()  # what it does may change every answer
    frame.handed += 1
    _hand_over(frame, arguments, place)
    frame.handed -= 1


def _hand_over(frame: Frame, arguments: Arguments, place: Place) -> None:
    for position, (value, mask) in enumerate(arguments.positional):
        callbacks = Value(tuple(a for a in value.atoms if type(a) is Function))
        if callbacks.atoms:
            rest = Arguments(arguments.positional[position + 1 :], {} if position else dict(arguments.keywords))
            frame.tracker.leave(frame.call((callbacks, mask), rest, place)[0], "returned to a caller of callbacks")
            return
    for value, mask in arguments.keywords.values():
        callbacks = Value(tuple(a for a in value.atoms if type(a) is Function))
        if callbacks.atoms:
            result, _ = frame.call((callbacks, mask), Arguments((), {}), place)
            frame.tracker.leave(result, "returned to a caller of callbacks")


def looped(
    frame: Frame, callback: Val, iterables: list[Val], place: Place, helper: str, arguments: Arguments | None = None
) -> Val:
    """Run a callback once per item, as ``map`` and ``sorted(key=…)`` do."""
    if not any(type(a) in (Function, BoundMethod, ClassRef) for a in callback[0].atoms):
        for value, _ in iterables:
            frame.tracker.leave(value, "given to an unknown callback")
        return UNKNOWN, callback[1]
    if arguments is not None:
        items = [_iterate_argument(frame, arguments, 0, iterables[0], place)]
    else:
        items = [frame.iterate(i, place) for i in iterables]
    written = arguments.exprs[0] if arguments is not None and arguments.exprs else None
    bounded = is_bounded(frame, written, iterables[0][0]) if written is not None else _size(iterables[0][0]) is not None
    loop = Loop(
        frame.site(place), helper, frame.loop_bit(place), None, f"{helper}() over each item",
        bounded, False, False, frozenset(), iterables[0][0],
    )  # fmt: skip
    result: list[Val] = []

    def body() -> None:
        passed = tuple((value, mask | loop.bit) for value, mask in items)
        result.append(frame.call(callback, Arguments(passed, {}), place))

    frame.run_loop(loop, frozenset(), lambda: None, body, endless=False)
    mask = 0
    for _, one in result:
        mask |= one
    return join_all([v for v, _ in result]), mask
