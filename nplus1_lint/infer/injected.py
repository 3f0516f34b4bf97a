"""Queries that a framework runs for many routes, because their handlers depend on the function that sends them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from nplus1_lint.infer.binding import providers
from nplus1_lint.infer.library import LOADING_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from nplus1_lint.infer.analysis import Reach
    from nplus1_lint.infer.effects import Execution, Key, Read
    from nplus1_lint.infer.loaders import Loader
    from nplus1_lint.infer.solve import Engine
    from nplus1_lint.link.hierarchy import Function as Definition

    Of = Callable[[Sequence[Key]], Reach]


class Injected(NamedTuple):
    """An option of a query that a dependency sends, and what the routers do with what it loads.

    Attributes:
        execution: the query.
        loader: the option.
        routers: project paths of the routers with a handler that depends on the query.
        readers: those among them that read what the option loads.
        losers: those that do not, but give the rows to code that cannot be followed.
        reads: the reads.
    """

    execution: Execution
    loader: Loader
    routers: tuple[str, ...]
    readers: tuple[str, ...]
    losers: tuple[str, ...]
    reads: tuple[Read, ...]


def injected(engine: Engine, handlers: Iterable[tuple[Definition, Key]], reach_of: Of) -> tuple[Injected, ...]:
    """Return what routers do with what the queries of their dependencies load by option.

    Args:
        engine: the finished analysis.
        handlers: the functions that answer routes, each with the context in which it has run.
        reach_of: gives what some contexts and all that they call execute and read.

    Returns:
        One entry per query and option, in the order of the code.
    """
    routers: dict[str, dict[Key, None]] = {}
    wanted: dict[str, dict[Key, None]] = {}
    for definition, key in handlers:
        routers.setdefault(definition.path, {})[key] = None
        wanted.setdefault(definition.path, {}).update((key, None) for _, key in providers(engine, definition))
    sends = {key: _optioned(reach_of([key])) for key in {key for keys in wanted.values() for key in keys}}
    found: dict[tuple[Execution, Loader], dict[str, Reach]] = {}
    for path in sorted(routers):
        options = {option: None for key in wanted[path] for option in sends[key]}
        if options:
            reach = reach_of([*routers[path], *wanted[path]])
            for option in options:
                found.setdefault(option, {})[path] = reach
    ordered = sorted(found, key=lambda option: (option[0].site, option[1].path, option[1].site))
    return tuple(_judged(execution, loader, found[execution, loader]) for execution, loader in ordered)


def _optioned(reach: Reach) -> tuple[tuple[Execution, Loader], ...]:
    pairs = ((execution, loader) for execution in reach.executions for loader in execution.loaders)
    return tuple(dict.fromkeys((one, loader) for one, loader in pairs if loader.strategy in LOADING_OPTIONS))


def _judged(execution: Execution, loader: Loader, reaches: dict[str, Reach]) -> Injected:
    reads: dict[Read, None] = {}
    readers: list[str] = []
    losers: list[str] = []
    for path, reach in reaches.items():
        here = [read for read in reach.reads if read.site == execution.site and _through(read.path, loader.path)]
        reads.update(dict.fromkeys(here))
        if here:
            readers.append(path)
        elif any(one.site == execution.site and _through(loader.path, one.path) for one in reach.escapes):
            losers.append(path)
    return Injected(execution, loader, tuple(reaches), tuple(readers), tuple(losers), tuple(reads))


def _through(path: tuple[str, ...], start: tuple[str, ...]) -> bool:
    return path[: len(start)] == start
