"""Helpers that run a callback once per item: `map`, `sorted(key=…)`, `reduce`, `groupby`, a pool's `map`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.infer import expiry, reflection, rereads
from nplus1_lint.infer import library as lib
from nplus1_lint.infer.bounds import is_bounded, is_of_schema
from nplus1_lint.infer.effects import Loop
from nplus1_lint.infer.frame import Arguments
from nplus1_lint.infer.joins import join, join_all
from nplus1_lint.infer.shapes import NO_SHAPE
from nplus1_lint.infer.sizes import times
from nplus1_lint.infer.values import (
    SOME_FIXED,
    UNKNOWN,
    BoundMethod,
    ClassRef,
    External,
    Function,
    Instance,
    Many,
    Mapping,
    Row,
    Tuple,
    Value,
    many,
    tuple_of,
)

if TYPE_CHECKING:
    from nplus1_lint.index import facts as f
    from nplus1_lint.infer.frame import Frame, Place, Val

_CALLABLES = (Function, BoundMethod, ClassRef, External, Instance)


def call_helper(frame: Frame, root: str, last: str, arguments: Arguments, place: Place) -> Val | None:
    """Call a helper that loops over what it is given; None when it is none of them."""
    if len(arguments.positional) + len(arguments.keywords) < 2:
        return None
    if last == "groupby" and root == "itertools":
        return _group_by(frame, arguments, place)
    if len(arguments.positional) < 2:
        return None
    if last == "reduce" and root == "functools":
        return _reduce(frame, arguments, place)
    if (last in lib.LOOPING_HELPERS and root in ("builtins", "itertools")) or (
        last in lib.POOL_MAPS and root in lib.POOLS
    ):
        return _map(frame, root, last, arguments, place)
    return None


def _map(frame: Frame, root: str, last: str, arguments: Arguments, place: Place) -> Val:
    callback, *over = arguments.positional
    items = [iterate_argument(frame, arguments, i, val, place) for i, val in enumerate(over, start=1)]
    bounded, kind = _bounded(frame, arguments, 1), "pool" if root in lib.POOLS else ""
    result, mask = looped(
        frame, callback, items, over[0][0], place, last, bounded, kind, written=_written(arguments, 1)
    )
    if last in lib.POOL_MAPS or last == "starmap":
        return many(result, "iterator"), mask
    return reflection.vaguely(many(items[0][0])), mask | items[0][1]


def _reduce(frame: Frame, arguments: Arguments, place: Place) -> Val:
    item = iterate_argument(frame, arguments, 1, arguments.positional[1], place)
    first = arguments.positional[2] if len(arguments.positional) > 2 else item
    over = arguments.positional[1][0]
    bounded = _bounded(frame, arguments, 1)
    result, mask = looped(frame, arguments.positional[0], [first, item], over, place, "reduce", bounded)
    return join(first[0], result), mask | first[1]


def _group_by(frame: Frame, arguments: Arguments, place: Place) -> Val | None:
    first, key = arguments.get(0, "iterable"), arguments.get(1, "key")
    if first is None or key is None:
        return None
    item, mask = iterate_argument(frame, arguments, 0, first, place)
    bounded = _bounded(frame, arguments, 0)
    found, key_mask = looped(frame, key, [(item, mask)], first[0], place, "groupby", bounded)
    return many(tuple_of((found, many(item, "iterator"))), "iterator"), mask | key_mask


def keyed(frame: Frame, last: str, arguments: Arguments, place: Place) -> Arguments:
    """Run ``sorted(rows, key=…)``'s key on each row; return the arguments as they are afterwards."""
    mark = frame.mark()
    first = arguments.positional[0]
    items = [iterate_argument(frame, arguments, 0, first, place)]
    bounded = _bounded(frame, arguments, 0)
    frame.engine.forget_loaded()
    looped(frame, arguments.keywords["key"], items, first[0], place, last, bounded, written=_written(arguments, 0))
    loaded = {one.model: one.marks for one in frame.engine.last_loaded if one.position == 0}
    if loaded:
        for expr in arguments.exprs[:1]:
            rereads.learn(frame, expr, loaded.items())
        first = (rereads.marked(first[0], loaded), first[1])
        arguments = arguments._replace(positional=(first, *arguments.positional[1:]))
    if not any(e.effect.attribute == "expired" for e in frame.emissions[mark:]):
        return arguments
    for expr in arguments.exprs[:1]:
        expiry.refreshed(frame, expr, mark)
    return arguments._replace(positional=((expiry.unexpired(first[0]), first[1]), *arguments.positional[1:]))


def ordered(frame: Frame, last: str, item: Val, arguments: Arguments, place: Place) -> None:
    """Run what ``sorted(rows)``, ``min(rows)`` or ``max(rows)`` compares them by, where their class defines it."""
    hierarchy = frame.engine.project.hierarchy
    found = []
    for atom in item[0].atoms if "key" not in arguments.keywords else ():
        cls = atom.model if type(atom) is Row else atom.cls if type(atom) is Instance else ""
        methods = (
            hierarchy.find_method(cls, name) for name in (("__gt__", "__lt__") if last == "max" else ("__lt__",))
        )
        method = next(filter(None, methods), None) if cls else None
        if method is None:
            return
        found.append(Function("function", method.id, None, (), ()))
    if found:
        over, bounded = arguments.positional[0][0], _bounded(frame, arguments, 0)
        written = _written(arguments, 0)
        looped(frame, (Value(tuple(found)), 0), [item, item], over, place, last, bounded, written=written)


def _written(arguments: Arguments, position: int) -> f.Expr | None:
    return arguments.exprs[position] if position < len(arguments.exprs) else None


def _bounded(frame: Frame, arguments: Arguments, position: int) -> bool:
    value = arguments.positional[position][0] if position < len(arguments.positional) else UNKNOWN
    if position < len(arguments.exprs):
        return is_bounded(frame, arguments.exprs[position], value)
    return size_of(value) is not None


def size_of(value: Value) -> int | None:
    """Return how many items a collection has where the source fixes it."""
    if is_of_schema(value):
        return 1  # as many tables as the source declares: fixed, if not known here
    sizes = {len(a.items) if type(a) is Tuple else a.size if type(a) in (Many, Mapping) else None for a in value.atoms}
    if not sizes or None in sizes:
        return None
    return sizes.pop() if len(sizes) == 1 else SOME_FIXED


def iterate_argument(frame: Frame, arguments: Arguments, position: int, val: Val, place: Place) -> Val:
    """Iterate an argument; a query that it executes stands on the argument itself."""
    if position < len(arguments.exprs):
        return frame.iterate_expr(arguments.exprs[position], val)
    return frame.iterate(val, place)


def looped(
    frame: Frame,
    callback: Val,
    items: list[Val],
    over: Value,
    place: Place,
    helper: str,
    bounded: bool,
    kind: str = "",
    written: f.Expr | None = None,
) -> Val:
    """Run a callback once per item.

    Args:
        frame: the running function.
        callback: what the helper calls.
        items: what it is given each time, by position.
        over: what is iterated.
        place: the helper's call.
        helper: its name.
        bounded: the source fixes how often it runs.
        kind: the loop's kind where it is not the helper's name.
        written: what is iterated as written, or None.
    """
    if not any(type(a) in _CALLABLES for a in callback[0].atoms):
        for value, _ in items:
            frame.tracker.leave(value, "given to an unknown callback")
        return UNKNOWN, callback[1]
    loop = Loop(
        frame.site(place), kind or helper, frame.loop_bit(place), None, f"{helper}() over each item",
        bounded, False, False, frozenset(), over, times(frame, written, over, bounded, helper),
    )  # fmt: skip
    result: list[Val] = []

    def body() -> None:
        passed = tuple((value, mask | loop.bit) for value, mask in items)
        if helper == "starmap" and passed:
            passed = _spread(passed[0])
        result.append(frame.call(callback, Arguments(passed, {}), place))

    frame.run_loop(loop, NO_SHAPE, lambda: None, body, endless=False)
    mask = 0
    for _, one in result:
        mask |= one
    return join_all([v for v, _ in result]), mask


def _spread(val: Val) -> tuple[Val, ...]:
    value, mask = val
    pair = value.first(Tuple)
    return tuple((item, mask) for item in pair.items) if pair is not None else (val,)
