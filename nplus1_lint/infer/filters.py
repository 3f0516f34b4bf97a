"""Every executed query with the columns by which it finds its rows, and how often it may run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nplus1_lint.infer.effects import Filter, Key
    from nplus1_lint.infer.solve import Engine
    from nplus1_lint.infer.values import Site
    from nplus1_lint.link.hierarchy import Function as Definition


@dataclass(frozen=True, slots=True)
class Filtered:
    """A query that finds rows by columns.

    Attributes:
        filter: the query.
        routers: how many modules with route handlers run it, themselves or through calls.
        repeated: a loop runs it.
    """

    filter: Filter
    routers: int
    repeated: bool


def filtered(
    engine: Engine, entries: Iterable[tuple[Definition, Key, bool]], repeated: frozenset[Site]
) -> Iterator[Filtered]:
    """Yield each query once per set of columns.

    Args:
        engine: the engine after all functions have run.
        entries: the entry points, each with its context and whether it is a route handler.
        repeated: executing calls that loops repeat.

    Yields:
        The queries in the order of their sites.
    """
    handlers: dict[str, list[Key]] = {}
    for definition, key, is_handler in entries:
        if is_handler:
            handlers.setdefault(definition.path, []).append(key)
    routers: dict[Filter, set[str]] = {one: set() for facts in engine.facts.values() for one in facts.filters}
    for path, keys in handlers.items():
        for key in _reached(engine, keys):
            for one in engine.facts[key].filters:
                routers[one].add(path)
    for one in sorted(routers, key=_in_order):
        yield Filtered(one, len(routers[one]), one.site in repeated)


def _reached(engine: Engine, keys: Iterable[Key]) -> set[Key]:
    seen: set[Key] = set()
    stack = list(keys)
    while stack:
        key = stack.pop()
        if key not in seen and key in engine.facts:
            seen.add(key)
            stack += engine.facts[key].calls
    return seen


def _in_order(one: Filter) -> tuple[object, ...]:
    lookups = tuple((lk.function, lk.place, lk.model, lk.column, lk.op, lk.other or ("", "")) for lk in one.lookups)
    return one.site, lookups, one.counts
