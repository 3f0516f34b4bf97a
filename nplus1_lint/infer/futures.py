"""Futures and tasks: what a pool or an event loop runs now and hands out later.

A future stands for what it will give. ``await`` leaves no trace in the facts, so that a task and what it gives are one
value; ``result()`` is what remains to be told.

Sources: https://docs.python.org/3/library/concurrent.futures.html and
https://docs.python.org/3/library/asyncio-task.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nplus1_lint.infer import library as lib
from nplus1_lint.infer.frame import Arguments
from nplus1_lint.infer.joins import item_of, join_all
from nplus1_lint.infer.values import (
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
    from nplus1_lint.infer.frame import Frame, Place, Val

_CALLABLES = (Function, BoundMethod, ClassRef, External)
LOOPS: Final = frozenset({"asyncio", "anyio", "contextvars"})
"""Packages whose helpers run what they are given."""
RUNS_IN_THREAD: Final = frozenset({"run_in_threadpool", "to_thread", "run_in_executor"})
"""Helpers that do, wherever they come from."""
POOL_CALLS: Final = frozenset({"submit", "as_completed", "wait"})
"""What a pool is asked for."""

_CALLS = RUNS_IN_THREAD | {"run", "submit", "run_sync"}
_GIVEN = frozenset({Many, Mapping, Tuple, Row, Instance})


def call_later(frame: Frame, root: str, last: str, arguments: Arguments, place: Place) -> Val | None:
    """Call a helper that runs what it is given, or collects what was run; None when it is none of them.

    Args:
        frame: the running function.
        root: first part of the helper's name: ``asyncio``, ``concurrent``.
        last: its last part.
        arguments: of the call.
        place: of the call.
    """
    if last == "gather":
        return _gathered(arguments), arguments.mask
    if last in _CALLS and (root != "asyncio" or last != "run") and (root == "anyio" or last != "run_sync"):
        return _called(frame, 1 if last == "run_in_executor" else 0, arguments, place)
    if not arguments.positional:
        return None
    value, mask = arguments.positional[0]
    if last == "as_completed":
        return many(item_of(value), "iterator"), mask
    if last == "wait":  # done, and not done
        return tuple_of((many(item_of(value)), many(item_of(value)))), mask
    return (value, mask) if last in lib.TRANSPARENT_WRAPPERS or last == "run" else None


def is_given(frame: Frame, value: Value) -> bool:
    """Return True if ``result()`` of a value can only be a future's: nothing that it may be has one of its own."""
    found = [atom for atom in value.atoms if type(atom) in _GIVEN]
    return bool(found) and not any(_has_result(frame, atom) for atom in found)


def _has_result(frame: Frame, atom: Row | Instance | Many | Mapping | Tuple) -> bool:
    if not isinstance(atom, (Row, Instance)):
        return False
    project, own = frame.engine.project, atom.model if isinstance(atom, Row) else atom.cls
    if project.hierarchy.find_method(own, "result") is not None:
        return True
    if isinstance(atom, Instance):
        return "result" in frame.engine.classes.fields(atom)
    model = project.models[own]
    return any("result" in names for names in (model.columns, model.relationships, model.proxies))


def _gathered(arguments: Arguments) -> Value:
    """``gather(one(), other())`` gives a result for each, ``gather(*calls)`` as many as there are."""
    given = [value for value, _ in arguments.positional]
    if arguments.starred:
        return many(join_all([*given, *(item_of(value) for value, _ in arguments.starred)]))
    return tuple_of(tuple(given))


def _called(frame: Frame, skip: int, arguments: Arguments, place: Place) -> Val | None:
    """The callee is the first argument, or the second; what stands behind it is what it is called with."""
    if len(arguments.positional) <= skip:
        return None
    callee = arguments.positional[skip]
    if not any(type(a) in _CALLABLES for a in callee[0].atoms):
        return callee
    return frame.call(callee, Arguments(arguments.positional[skip + 1 :], arguments.keywords, arguments.starred), place)
