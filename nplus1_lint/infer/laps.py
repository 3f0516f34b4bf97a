"""Loops while they are counted: what a round costs, what is paid once, and what leaves the loop with a path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.infer.effects import READS
from nplus1_lint.infer.memos import FIRST_TIME, ONE_ITERATION
from nplus1_lint.infer.periodic import EVERY_SO_OFTEN
from nplus1_lint.infer.sizes import rows_of
from nplus1_lint.infer.spent import NOTHING_SPENT, Item, Spent, dearest, repeated
from nplus1_lint.infer.state import asked_first
from nplus1_lint.query_costs import ONE, ZERO, Polynomial, Size, SizeKind

if TYPE_CHECKING:
    from nplus1_lint.infer.effects import Loop
    from nplus1_lint.infer.frame import Frame
    from nplus1_lint.infer.state import LoopState, State


class Lap:
    """The rounds of a loop while it runs, each counted from nothing."""

    def __init__(self, frame: Frame, entry: State) -> None:
        self._frame = frame
        self._entry = spent_in(entry)
        self._left = len(frame.left)
        self._memos = len(frame.memos)
        self._dirty = self._entry.dirty
        self._first: Spent | None = None
        self._back: Spent | None = None
        self._head: Spent | None = None

    def start(self, state: State) -> None:
        """Begin a round."""
        state.spent = NOTHING_SPENT.with_dirty(self._dirty)

    def end(self, at_test: State, back: State) -> None:
        """End a round: what has been spent when the head was evaluated, and when the loop goes on."""
        self._first, self._back = self._back, back.spent if back.alive else None
        self._head = at_test.spent if at_test.alive else None

    def settled(self) -> bool:
        """True if another round would begin with the same changes to be flushed."""
        settled = self._back is None or self._back.dirty == self._dirty
        if self._back is not None:
            self._dirty = self._back.dirty
        return settled

    def close(self, running: LoopState, *, endless: bool, by_head: bool) -> Spent:
        """Return what has been spent when the loop has ended; paths that return from inside it are brought up to date.

        Args:
            running: the loop, with its exits.
            endless: it ends from inside alone.
            by_head: its head can end it.
        """
        body = self._back.items() if self._back is not None else []
        after = self._entry
        for item in self._rounds(running, body):
            after = after.paid(item)
        after = after.with_dirty(self._back.dirty if self._back is not None else self._entry.dirty)
        known = frozenset() if endless else frozenset(map(_identity, body))
        for state in self._frame.left[self._left :]:
            state.spent = _onwards(after, state.spent, known)
        exits = [_onwards(after, state.spent, known) for state in running.breaks]
        if by_head or not exits:
            exits.append(_onwards(after, self._head, known) if running.loop.kind == "while" else after)
        return dearest(list(exits)) or after

    def _rounds(self, running: LoopState, body: list[Item]) -> list[Item]:
        loop, frame = running.loop, self._frame
        each = loop.times if loop.times is not None else Polynomial.size(Size("items", frame.function.id))
        batches = self._batches(running, body)
        if batches:
            each = Polynomial.size(Size(batches, "", SizeKind.BATCHES))
        inside: list[tuple[Item, Polynomial]] = []
        found: list[Item] = []
        for item in body:
            how = self._how_often(item, running, each) if not batches else each
            if how is None:
                keys = Polynomial.size(Size(keys_of(frame, item), "", SizeKind.KEYS))
                memos = item.memos
                found.append(_looped(loop, ((item, keys),))._replace(memos=memos, keyed=True))
            elif item.keyed and how == ONE:
                found.append(item)
            else:
                inside.append((item, how))
        if self._first is not None and self._back is not None:
            extra = self._first.total.beyond(self._back.total)
            if extra.terms and body:
                inside.append((body[0]._replace(what="the first iteration alone", cost=extra, callee=None), ONE))
        if inside:
            found.insert(0, _looped(loop, tuple(inside))._replace(memos=tuple(frame.memos)))
        return found

    def _how_often(self, item: Item, running: LoopState, each: Polynomial) -> Polynomial | None:
        """How often an item of the body runs; None for once per key of a memo."""
        first, last = item.effects
        if first < last and running.repeated.isdisjoint(range(first, last)):
            return ONE
        for memo in item.memos[self._memos :]:
            if memo == EVERY_SO_OFTEN:
                return Polynomial.size(Size("batches", "", SizeKind.BATCHES))
            if asked_first(memo, running):
                return ONE if memo.startswith((FIRST_TIME, ONE_ITERATION)) or item.keyed else None
        return each

    def _batches(self, running: LoopState, body: list[Item]) -> str:
        """Return what an iteration handles if it is no single row, or an empty string."""
        loop = running.loop
        if loop.chunked:
            return "chunks"
        if loop.waiting and loop.kind == "while":
            return "attempts"
        for item in body:
            for emission in self._frame.emissions[item.effects[0] : item.effects[1]]:
                query = emission.effect.query
                if query is None or emission.effect.kind not in READS:
                    continue
                if query.flags & {"limit", "paged"} and (loop.kind == "while" or "paged" in query.flags):
                    return "pages"
                if loop.kind == "while" and any(criterion.op == "In" for criterion, _ in query.criteria):
                    return "levels"
        return ""


def _looped(loop: Loop, parts: tuple[tuple[Item, Polynomial], ...]) -> Item:
    cost = ZERO
    for item, how in parts:
        cost = cost + repeated(item.cost, how)
    first = min(item.effects[0] for item, _ in parts)
    last = max(item.effects[1] for item, _ in parts)
    return Item("loop", loop.site.place, loop.text, cost, (first, last), parts=parts)


def _onwards(after: Spent, spent: Spent | None, known: frozenset[tuple[object, ...]]) -> Spent:
    """Return a path that has left a loop: what it has done in its last round beyond what every round does."""
    if spent is None:
        return after
    for item in spent.items():
        if _identity(item) not in known:
            after = after.paid(item)
    return after.with_dirty(spent.dirty)


def _identity(item: Item) -> tuple[object, ...]:
    return item.kind, item.place, item.what


def keys_of(frame: Frame, item: Item) -> str:
    """Return the name of the keys of a memo: what is looked up."""
    for emission in frame.emissions[item.effects[0] : item.effects[1]]:
        if emission.effect.subject:
            return rows_of(frame, emission.effect.subject)
    return "keys"


def spent_in(state: State) -> Spent:
    """Return what a path has spent."""
    return state.spent if state.spent is not None else NOTHING_SPENT
