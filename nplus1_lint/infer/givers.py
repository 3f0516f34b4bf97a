"""What becomes of a query's rows in the hands of the function that gave the query its options.

A helper that takes options from its callers runs one query for all of them; each reads the rows that it asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from nplus1_lint.infer.callers import Callers, Way

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nplus1_lint.infer.effects import Execution, Facts
    from nplus1_lint.infer.loaders import Loader
    from nplus1_lint.infer.solve import Engine
    from nplus1_lint.infer.values import Origin, Site

Paths: TypeAlias = "frozenset[tuple[str, ...]] | set[tuple[str, ...]]"
NO_PATHS: Final[Paths] = frozenset()
_MOST_CALLERS = 16


class Ways(NamedTuple):
    """Ways of a query's rows, each by the relationships from the query's entity.

    Attributes:
        reads: relationships that are read on them.
        escapes: rows that go where nobody can follow.
        leaves: rows that go on where values are not followed.
        touched: rows of which anything is read.
    """

    reads: Paths
    escapes: Paths
    leaves: Paths
    touched: Paths


class Givers:
    """The functions that give options to queries of others.

    Args:
        engine: the engine after all functions have run.
        callers: who calls whom.
    """

    def __init__(self, engine: Engine, callers: Callers) -> None:
        self._facts = engine.facts
        self._callers = callers
        self._runs: dict[str, list[Facts]] = {}
        for facts in engine.facts.values():
            self._runs.setdefault(facts.function, []).append(facts)
        self._found: dict[tuple[str, Site], Ways | None] = {}
        self._below: dict[str, tuple[Facts, ...]] = {}

    def ways(self, execution: Execution, loader: Loader) -> Ways | None:
        """Return the ways of a query's rows as far as the function that wrote one of its options gets them.

        Args:
            execution: the query.
            loader: the option.

        Returns:
            None where the query's own function wrote the option, or one that does not call it with the option.
        """
        giver, site = loader.site.function, execution.site
        if giver == site.function or giver not in self._runs:
            return None
        if not any(loader in one.loaders for facts in self._runs_below(giver) for one in facts.executions):
            return None
        if (giver, site) not in self._found:
            group = self._holders(giver, site)
            self._found[giver, site] = self._of(group, site) if group else None
        return self._found[giver, site]

    def _runs_below(self, function: str) -> tuple[Facts, ...]:
        """The runs of a function and all that they call, each once."""
        if function not in self._below:
            found: dict[int, Facts] = {}
            stack = list(self._runs.get(function, ()))
            while stack:
                facts = stack.pop()
                if id(facts) not in found:
                    found[id(facts)] = facts
                    stack += filter(None, map(self._facts.get, facts.calls))
            self._below[function] = tuple(found.values())
        return self._below[function]

    def _holders(self, giver: str, site: Site) -> tuple[str, ...]:
        """The giver, and the callers to which it returns the rows; none where they are too many."""
        found = {giver: None}
        stack = [giver]
        while stack:
            function = stack.pop()
            if self._returns(self._runs.get(function, ()), site) and self._callers.hands_back(function):
                for caller in self._callers.of(function):
                    if caller not in found:
                        found[caller] = None
                        stack.append(caller)
            if len(found) > _MOST_CALLERS:
                return ()
        return tuple(found)

    def _returns(self, runs: Iterable[Facts], site: Site) -> bool:
        return any(origin.site == site for facts in runs for origin in facts.trail.returned)

    def _of(self, holders: Iterable[str], site: Site) -> Ways:
        runs = {id(facts): facts for function in holders for facts in self._runs_below(function)}
        reads: set[tuple[str, ...]] = set()
        escapes: set[tuple[str, ...]] = set()
        leaves: set[tuple[str, ...]] = set()
        touched: set[tuple[str, ...]] = set()
        for facts in runs.values():
            reads.update(one.path for one in facts.reads if one.site == site)
            escapes.update(one.path for one in facts.escapes if one.site == site)
            leaves.update(one.path for one in facts.trail.leaves if one.site == site)
            touched.update(_paths(facts.trail.touched, site))
            way = self._callers.way_out(facts.function) if facts.trail.returned else Way.FOLLOWED
            if way is not Way.FOLLOWED:
                (escapes if way is Way.OUT else leaves).update(_paths(facts.trail.returned, site))
        return Ways(reads, escapes, leaves, touched)


def _paths(origins: Iterable[Origin], site: Site) -> Iterator[tuple[str, ...]]:
    return (origin.path for origin in origins if origin.site == site)
