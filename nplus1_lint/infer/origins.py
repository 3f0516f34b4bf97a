"""Where rows come from: the queries behind each read of a relationship."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nplus1_lint.infer.effects import Execution, Facts, Key, Read
    from nplus1_lint.infer.loaders import Loader
    from nplus1_lint.infer.solve import Engine
    from nplus1_lint.infer.values import Site

_TRACED = 3  # lazy loads on the way from a query to a read


class Load(NamedTuple):
    """A relationship as it is read on the rows of a query.

    Attributes:
        query: the execution that made the rows.
        models: ids of the classes whose rows that execution gives.
        path: relationships from these rows to the one read, itself included.
    """

    query: Site
    models: tuple[str, ...]
    path: tuple[str, ...]


class Origins:
    """Where rows come from.

    Args:
        engine: the engine after all functions have run.
    """

    def __init__(self, engine: Engine) -> None:
        self._facts = engine.facts
        self._models: dict[Site, dict[str, None]] = {}
        self._executions: dict[Site, dict[Execution, None]] = {}
        self._runs: dict[str, list[Key]] = {}
        self._found: dict[str, dict[tuple[Site, str], tuple[Load, ...]]] = {}
        self._reads: dict[Site, dict[Read, None]] = {}
        for key, facts in engine.facts.items():
            self._runs.setdefault(facts.function, []).append(key)
            for execution in facts.executions:
                self._executions.setdefault(execution.site, {})[execution] = None
                self._models.setdefault(execution.site, {}).update(dict.fromkeys(execution.models))
            for read in facts.reads:
                self._reads.setdefault(read.place, {})[read] = None

    def loads(self, keys: list[Key]) -> dict[tuple[Site, str], tuple[Load, ...]]:
        """Return the reads of these runs and of all that they call, each with the queries behind it."""
        found: dict[tuple[Site, str], dict[Load, None]] = {}
        for read in self._reached(keys):
            for load in self._traced(read, _TRACED):
                found.setdefault((read.place, read.path[-1]), {})[load] = None
        return {where: tuple(loads) for where, loads in found.items()}

    def behind(self, function: str) -> dict[tuple[Site, str], tuple[Load, ...]]:
        """Return what a function and all that it calls read, each read (its place and attribute) with its queries."""
        if function not in self._found:
            self._found[function] = self.loads(self._runs.get(function, []))
        return self._found[function]

    def read_of(self, loads: Iterable[Load]) -> tuple[Site, ...]:
        """Return every place in the project at which these relationships are read on the rows of these queries."""
        wanted = {(load.query, load.path) for load in loads}
        names = {path[-1] for _, path in wanted}
        return tuple(
            sorted(
                place
                for place, reads in self._reads.items()
                if any(
                    (load.query, load.path) in wanted
                    for read in reads
                    if read.path[-1] in names
                    for load in self._traced(read, _TRACED)
                )
            )
        )

    def executions(self, query: Site) -> tuple[Execution, ...]:
        """Return what runs at a place and gives whole rows."""
        return tuple(self._executions.get(query, ()))

    def unread(self, function: str, query: Site) -> tuple[Loader, ...]:
        """Return the options of a query that load what a function, with all that it calls, does not read.

        Args:
            function: id of the function.
            query: the executing call, in the function or in what it calls.

        Returns:
            The options; none where rows of the query leave the function by a way that is not followed.
        """
        runs = self._runs.get(function, [])
        if any(origin.site == query for key in runs for origin in self._facts[key].trail.returned):
            return ()
        read: set[tuple[str, ...]] = set()
        for facts in self._below(runs):
            gone = {escape.site for escape in facts.escapes} | {leave.site for leave in facts.trail.leaves}
            if query in gone:
                return ()
            read.update(one.path for one in facts.reads if one.site == query)
        loaders = (loader for execution in self.executions(query) for loader in execution.loaders)
        return tuple(one for one in loaders if not any(path[: len(one.path)] == one.path for path in read))

    def _reached(self, keys: list[Key]) -> dict[Read, None]:
        return {read: None for facts in self._below(keys) for read in facts.reads}

    def _below(self, keys: list[Key]) -> list[Facts]:
        """The facts of some runs and of all that they call, each once."""
        found: list[Facts] = []
        seen: set[Key] = set()
        stack = list(reversed(keys))
        while stack:
            key = stack.pop()
            facts = self._facts.get(key)
            if key not in seen and facts is not None:
                seen.add(key)
                found.append(facts)
                stack += reversed(facts.calls)
        return found

    def _traced(self, read: Read, depth: int) -> list[Load]:
        """Rows that were loaded lazily come from the place of that read: what was read there goes before."""
        before = self._reads.get(read.site, {}) if depth else {}
        if not before:
            return [Load(read.site, tuple(self._models.get(read.site, ())), read.path)]
        traced = [load for one in before for load in self._traced(one, depth - 1)]
        return [load._replace(path=(*load.path, *read.path)) for load in traced]
