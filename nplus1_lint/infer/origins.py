"""Where rows come from: the queries behind each read of a relationship."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from nplus1_lint.infer.loading import follow

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


class Behind:
    """The queries behind the reads of some runs, traced as they are asked for: of most reads nobody asks.

    Args:
        origins: traces a read.
        reads: by place and attribute.
    """

    def __init__(self, origins: Origins, reads: dict[tuple[Site, str], tuple[Read, ...]]) -> None:
        self._origins = origins
        self._reads = reads
        self._found: dict[tuple[Site, str], tuple[Load, ...]] = {}

    def of(self, place: Site, attribute: str) -> tuple[Load, ...]:
        """Return the loads that the read of an attribute at a place may be; none where these runs do not read it."""
        where = place, attribute
        if where not in self._found:
            reads = self._reads.get(where, ())
            self._found[where] = tuple(dict.fromkeys(load for read in reads for load in self._origins.traced(read)))
        return self._found[where]


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
        self._found: dict[str, Behind] = {}
        self._reads: dict[Site, dict[Read, None]] = {}
        self._traces: dict[tuple[Site, int], dict[str | None, tuple[Load, ...]]] = {}
        self._mapped = engine.project.models
        self._hierarchy = engine.project.hierarchy
        self._holders: dict[str, frozenset[str]] = {}
        for key, facts in engine.facts.items():
            self._runs.setdefault(facts.function, []).append(key)
            for execution in facts.executions:
                self._executions.setdefault(execution.site, {})[execution] = None
            for read in facts.reads:
                self._reads.setdefault(read.place, {})[read] = None
        for site, found in self._executions.items():
            # A schema reads the rows of ``paginate(session, query)`` at the call: what these reads load is no query's.
            queries = [one for one in found if one.takes_options]
            run = self._executions[site] = dict.fromkeys(queries) if queries else found
            self._models[site] = {model: None for one in run for model in one.models}

    def loads(self, keys: list[Key]) -> Behind:
        """Return the reads of these runs and of all that they call, each with the queries behind it."""
        reads: dict[tuple[Site, str], dict[Read, None]] = {}
        for facts in self._below(keys):
            for read in facts.reads:
                reads.setdefault((read.place, read.path[-1]), {})[read] = None
        return Behind(self, {where: tuple(some) for where, some in reads.items()})

    def behind(self, function: str) -> Behind:
        """Return what a function and all that it calls read, each read with the queries behind it."""
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
                    for load in self.traced(read)
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

    def traced(self, read: Read, depth: int = _TRACED) -> tuple[Load, ...]:
        """Return the loads that a read may be: rows that were loaded lazily come from the place of that read.

        Args:
            read: a read of a relationship.
            depth: how many lazy loads before it to follow.
        """
        before = self._before(read.site, depth) if depth else {}
        owners = self._owners(read.path[0])
        if not before or not owners.isdisjoint(self._queried(read.site)):
            return (Load(read.site, tuple(self._models.get(read.site, ())), read.path),)
        fitting = (loads for target, loads in before.items() if target is None or target in owners)
        return tuple([load._replace(path=(*load.path, *read.path)) for loads in fitting for load in loads])

    def _queried(self, place: Site) -> list[str]:
        """Ids of the classes whose rows a query gives that runs at a place, where a read may stand, too."""
        return [model for one in self._executions.get(place, ()) if one.takes_options for model in one.models]

    def _before(self, place: Site, depth: int) -> dict[str | None, tuple[Load, ...]]:
        """What may have been read at a place, by the class of the rows that it gives, where that is known."""
        known = self._traces.get((place, depth))
        if known is None:
            reads = self._reads.get(place, ())
            found: dict[str | None, dict[Load, None]] = {}
            for load in (load for read in reads for load in self.traced(read, depth - 1)):
                found.setdefault(self._target(load), {})[load] = None
            known = self._traces[place, depth] = {target: tuple(loads) for target, loads in found.items()}
        return known

    def _target(self, load: Load) -> str | None:
        ends = (follow(self._mapped, model, load.path) for model in load.models)
        return next((end.target for end in ends if end is not None), None)

    def _owners(self, relationship: str) -> frozenset[str]:
        """Ids of the classes whose rows may have a relationship of that name, those of subclasses among them."""
        if relationship not in self._holders:
            having = (model.id for model in self._mapped.values() if relationship in model.relationships)
            self._holders[relationship] = frozenset(cls.id for model in having for cls in self._hierarchy.mro(model))
        return self._holders[relationship]
