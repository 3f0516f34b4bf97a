"""Who calls whom, over all runs: which runs stand for a call that can happen, and where a function's result goes."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from nplus1_lint.infer.classes import decorator_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nplus1_lint.infer.effects import Facts, Key
    from nplus1_lint.infer.solve import Engine

# Decorators whose function's result is the caller's as it stands.
_TRANSPARENT = frozenset({
    "staticmethod", "classmethod", "property", "abstractmethod", "override", "contextmanager", "asynccontextmanager",
    "cached_property", "lru_cache", "cache", "wraps", "hybrid_property", "hybrid_method", "retry", "overload",
})  # fmt: skip


class Way(enum.Enum):
    """Where a function's result goes.

    FOLLOWED: to callers whose runs take it over.
    ONWARDS: to code of the project that is known by name at most.
    OUT: to callers outside the project.
    """

    FOLLOWED = "followed"
    ONWARDS = "onwards"
    OUT = "out"


class Callers:
    """The call graph of all runs.

    Attributes:
        live: the runs that an entry leads to, in the order of the runs.
    """

    def __init__(self, engine: Engine, handlers: Iterable[str]) -> None:
        self._engine = engine
        self._handlers = frozenset(handlers)
        self._calls: dict[str, dict[str, None]] = {}
        self._callers: dict[str, dict[str, None]] = {}
        for facts in engine.facts.values():
            for key in facts.calls if facts.function else ():
                self._calls.setdefault(facts.function, {})[key[0]] = None
                self._callers.setdefault(key[0], {})[facts.function] = None
        self._named = {name for facts in engine.facts.values() for name in facts.trail.blind}
        self.live: tuple[Facts, ...] = tuple(self._live(engine.facts))

    def _live(self, runs: dict[Key, Facts]) -> Iterator[Facts]:
        """A run on declared arguments of a function whose callers are all known stands for no call."""
        reached: set[int] = set()  # by identity: a key is long, and long to hash
        functions: set[str] = set()

        def reach(stack: list[Facts]) -> None:
            while stack:
                facts = stack.pop()
                if id(facts) not in reached:
                    reached.add(id(facts))
                    functions.add(facts.function)
                    stack += filter(None, map(runs.get, facts.calls))

        entries = {function for function in {facts.function for facts in runs.values()} if self._is_entry(function)}
        reach([facts for facts in runs.values() if facts.function in entries])
        for facts in runs.values():
            if facts.function not in functions:
                reach([facts])  # functions that only call each other
        return (facts for facts in runs.values() if id(facts) in reached)

    def _is_entry(self, function: str) -> bool:
        return function in self._handlers or self.way_out(function) is not Way.FOLLOWED or self._may_be_named(function)

    def _may_be_named(self, function: str) -> bool:
        """True if some code calls a method of this function's name on a value of which nothing is known."""
        return self._engine.definition(function).facts.name in self._named

    def way_out(self, function: str) -> Way:
        """Say where a function's result goes.

        Args:
            function: the function's id.
        """
        if function in self._handlers:
            return Way.FOLLOWED  # the response schema has read it, or it has escaped
        if function in self._engine.dependencies:
            return Way.ONWARDS
        if function not in self._callers:
            return Way.OUT
        wrapped = set(decorator_names(self._engine.definition(function).facts)) - _TRANSPARENT
        return Way.ONWARDS if wrapped or self._may_be_named(function) else Way.FOLLOWED

    def of(self, function: str) -> tuple[str, ...]:
        """Return the functions that call one."""
        return tuple(self._callers.get(function, ()))

    def hands_back(self, function: str) -> bool:
        """True if a function's result goes to its callers; a route handler's has been read by then."""
        return function not in self._handlers and self.way_out(function) is Way.FOLLOWED

    def around(self, function: str) -> tuple[str, ...]:
        """Return a function, all that it calls, and its callers: what is likely to share a session with it."""
        found = {function: None, **self._callers.get(function, {})}
        stack = [function]
        while stack:
            for callee in self._calls.get(stack.pop(), ()):
                if callee not in found:
                    found[callee] = None
                    stack.append(callee)
        return tuple(found)

    def runs_around(self, function: str) -> tuple[Facts, ...]:
        """Return the runs of a function and of its callers, and all that they call in turn.

        Args:
            function: the function's id.
        """
        runs = self._engine.facts
        near = {function, *self._callers.get(function, {})}
        stack = [facts for facts in self.live if facts.function in near]
        found: dict[int, Facts] = {}
        while stack:
            facts = stack.pop()
            if id(facts) not in found:
                found[id(facts)] = facts
                stack += filter(None, map(runs.get, facts.calls))
        return tuple(found.values())
