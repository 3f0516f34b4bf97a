"""What is computed once: summaries in their contexts, and the values that many of them share.

A result is kept for good only where it depends on the project alone. Whoever reads what is still being computed gets
what is known of it so far; such a result holds for the computation that is under way and is dropped with it. So no
result depends on which function was looked at first, and one of a former run can stand in for a computation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    from nplus1_lint.findings import NodeKind
    from nplus1_lint.infer.effects import Facts, Key, Summary
    from nplus1_lint.infer.values import Function, Site

T = TypeVar("T")

Source: TypeAlias = str
"""The project path of a file whose top level was read."""

MAX_PARTS = 100  # contexts of one recursion that are computed again wherever it is entered
_NOTHING_BELOW = 1 << 30


class Cell(NamedTuple):
    """What is known of a function in one context.

    Attributes:
        summary: what its callers need.
        facts: what it contributes to the analysis.
        uses: the contexts that it has asked for, in order.
        sources: the files whose top levels it has read.
        nodes: the syntax at the places where it meets a cost.
        dependencies: ids of functions whose result a framework passes on to it.
        defined: its nested functions, with what they capture.
        parts: contexts of the same recursion, as they were in its course.
    """

    summary: Summary
    facts: Facts
    uses: tuple[Key, ...]
    sources: tuple[Source, ...]
    nodes: tuple[tuple[Site, NodeKind], ...]
    dependencies: tuple[str, ...]
    defined: tuple[Function, ...]
    parts: tuple[tuple[Key, Cell], ...] = ()


class Running:
    """A computation under way, and what it has asked for so far.

    Attributes:
        position: how many others are under way below it.
        low: the lowest of those whose unfinished result it has read.
        again: its own unfinished result was read.
        summary: what is known of it so far.
    """

    __slots__ = ("again", "dependencies", "low", "nodes", "parts", "position", "sources", "summary", "uses")

    def __init__(self, position: int, summary: Summary | None = None) -> None:
        self.position = position
        self.summary = summary
        self.start()

    def start(self) -> None:
        """Forget what a former round has asked for."""
        self.low = _NOTHING_BELOW
        self.again = False
        self.uses: dict[Key, None] = {}
        self.sources: dict[Source, None] = {}
        self.nodes: dict[Site, NodeKind] = {}
        self.dependencies: dict[str, None] = {}
        self.parts: dict[Key, Cell] = {}

    @property
    def is_final(self) -> bool:
        """True if it has read nothing unfinished of the computations below it."""
        return self.low >= self.position

    def take_over(self, other: Running) -> None:
        """Ask for all that another computation has asked for: its result is a part of this one's."""
        self.uses.update(other.uses)
        self.sources.update(other.sources)
        self.nodes.update(other.nodes)
        self.dependencies.update(other.dependencies)
        self.parts.update(other.parts)


class Held(NamedTuple):
    """A shared value, what was asked for to compute it, and the lowest unfinished result behind it, or -1."""

    value: Any
    asked: Running | None
    low: int


class Cells:
    """The computations of one analysis: those that are finished and those under way.

    Attributes:
        done: what is finished.
        stack: what is under way.
        merges: a bound was met, so that what is found depends on the order of the runs.
    """

    def __init__(self) -> None:
        self.merges = False
        self.done: dict[Key, Cell] = {}
        self.stack: list[Running] = [Running(0)]
        self._running: dict[Key, Running] = {}
        self._passing: dict[Key, tuple[Cell, int]] = {}
        self._passing_values: list[tuple[dict[Any, Held], Hashable]] = []
        self._reached: tuple[tuple[int, int], dict[Key, Cell]] | None = None

    @property
    def unfinished(self) -> int:
        """How many results hold only while a computation is under way: those of one recursion."""
        return len(self._passing)

    # -- contexts -------------------------------------------------------------------------------------------------

    def find(self, key: Key) -> Summary | None:
        """Return what is known of a context, for whoever is computed now; None if it has to be computed."""
        top = self.stack[-1]
        cell = self.done.get(key)
        if cell is not None:
            top.uses[key] = None
            return cell.summary
        passing = self._passing.get(key)
        if passing is not None:
            top.uses[key] = None
            top.low = min(top.low, passing[1])
            return passing[0].summary
        running = self._running.get(key)
        if running is not None:
            return self.so_far(key, running)
        return None

    def is_running(self, key: Key) -> bool:
        """True if a context is being computed."""
        return key in self._running

    def so_far(self, key: Key, running: Running | None = None) -> Summary:
        """Return what is known of a context that is being computed."""
        running = running or self._running[key]
        running.again = True
        self.rest_on(key)
        assert running.summary is not None
        return running.summary

    def rest_on(self, key: Key) -> None:
        """What is computed now holds only while a context is being computed."""
        top = self.stack[-1]
        top.uses[key] = None
        top.low = min(top.low, self._running[key].position)

    def solve(
        self, key: Key, first: Summary, rounds: int, run: Callable[[], tuple[Summary, Facts, tuple[Function, ...]]]
    ) -> Summary:
        """Compute a context, again while it reads its own result and that changes.

        What has met it on the way is computed once: to run all of a recursion in each round lets values grow.

        Args:
            key: the context.
            first: what it is taken for in the first round.
            rounds: at most so many.
            run: computes it once.
        """
        running = Running(len(self.stack), first)
        self.stack.append(running)
        self._running[key] = running
        below, values_below = len(self._passing), len(self._passing_values)
        try:
            for _ in range(rounds):
                running.start()
                previous = running.summary
                summary, facts, defined = run()
                if not running.again or summary._replace(cost=None) == previous:
                    break
                running.summary = summary._replace(cost=None)
        finally:
            self.stack.pop()
            del self._running[key]
        self._finish(key, running, Cell(summary, facts, *_asked(running), defined), below, values_below)
        return summary

    def _finish(self, key: Key, running: Running, cell: Cell, below: int, values_below: int) -> None:
        top = self.stack[-1]
        top.uses[key] = None
        if not running.is_final:
            self._passing[key] = cell._replace(parts=tuple(running.parts.items())), running.low
            top.low = min(top.low, running.low)
            self._lower(running.low, below, values_below)
            return
        parts = self._drop(below, values_below)
        if len(parts) > MAX_PARTS:  # an interpreter: each of its functions is a way into it
            self.merges = True
            for one, part in running.parts.items():
                self.done.setdefault(one, part)
            self.done.update(parts)
        elif parts or running.parts:
            cell = cell._replace(parts=tuple({**running.parts, **parts}.items()))
        self.done[key] = cell

    def _lower(self, low: int, below: int, values_below: int) -> None:
        """What held only while a computation was under way holds on, where that itself only holds for one below it."""
        for key in list(self._passing)[below:]:
            cell, own = self._passing[key]
            self._passing[key] = cell, min(own, low)
        for table, name in self._passing_values[values_below:]:
            held = table[name]
            table[name] = held._replace(low=min(held.low, low))

    def _drop(self, below: int, values_below: int) -> dict[Key, Cell]:
        """Forget what held only for a computation that has ended, and return it."""
        dropped = {key: cell for key, (cell, _) in list(self._passing.items())[below:]} if self._passing else {}
        for key in dropped:
            del self._passing[key]
        for table, name in self._passing_values[values_below:]:
            del table[name]
        del self._passing_values[values_below:]
        return dropped

    # -- shared values --------------------------------------------------------------------------------------------

    def share(self, table: dict[Any, Held], key: Hashable, meanwhile: T, compute: Callable[[], T]) -> T:
        """Return a value that many contexts share, computed at the first request.

        Args:
            table: the values of its kind.
            key: its name there.
            meanwhile: what it is taken for while it is being computed.
            compute: computes it.
        """
        held = table.get(key)
        if held is None:
            return self._compute(table, key, meanwhile, compute)
        if held.asked is not None:
            self.stack[-1].take_over(held.asked)
        if held.low >= 0:
            top = self.stack[-1]
            top.low = min(top.low, held.low)
        value: T = held.value
        return value

    def _compute(self, table: dict[Any, Held], key: Hashable, meanwhile: T, compute: Callable[[], T]) -> T:
        running = Running(len(self.stack))
        below, values_below = len(self._passing), len(self._passing_values)
        self.stack.append(running)
        table[key] = Held(meanwhile, None, running.position)
        try:
            value = compute()
        finally:
            self.stack.pop()
            del table[key]
        top = self.stack[-1]
        if running.is_final:
            running.parts.update(self._drop(below, values_below))
            asked = running if running.uses or running.sources or running.nodes or running.dependencies else None
            table[key] = Held(value, asked, -1)
        else:
            self._lower(running.low, below, values_below)
            table[key] = Held(value, running, running.low)
            self._passing_values.append((table, key))
            top.low = min(top.low, running.low)
        top.take_over(running)
        return value

    # -- the end --------------------------------------------------------------------------------------------------

    def reached(self) -> dict[Key, Cell]:
        """Return every context that was asked for, after those that it has asked for itself."""
        outside = self.stack[0]
        asked = len(outside.uses), len(outside.parts)
        if self._reached is None or self._reached[0] != asked:
            found: dict[Key, Cell] = {}
            self._reach(outside.uses, outside.parts, set(), found)
            self._reached = asked, found
        return self._reached[1]

    def _reach(self, keys: Iterable[Key], parts: dict[Key, Cell], seen: set[Key], found: dict[Key, Cell]) -> None:
        for key in keys:
            if key in seen:
                continue
            seen.add(key)
            cell = self.done.get(key) or parts[key]
            inside = {**parts, **dict(cell.parts)} if cell.parts else parts
            self._reach(cell.uses, inside, seen, found)
            found[key] = cell


def height(cells: dict[Key, Cell]) -> int:
    """Return how many contexts, at most, ask for one another in a row."""
    heights: dict[Key, int] = {}
    for key, cell in cells.items():  # what a context asks for stands before it, but for a recursion
        heights[key] = 1 + max((heights.get(use, 0) for use in cell.uses), default=0)
    return max(heights.values(), default=0)


def _asked(running: Running) -> tuple[Any, Any, Any, Any]:
    return (
        tuple(running.uses), tuple(running.sources), tuple(running.nodes.items()), tuple(running.dependencies)
    )  # fmt: skip
