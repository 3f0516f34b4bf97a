"""What a path of a function has spent so far: statements one after the other, with loops and calls inside them.

Kept only when costs are asked for; a normal run has none, and pays one comparison with None per hook.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from nplus1_lint.query_costs import ZERO, Polynomial, Size, SizeKind, greater

if TYPE_CHECKING:
    from nplus1_lint.infer.values import Site

Place: TypeAlias = tuple[int, int, int, int]

Change: TypeAlias = tuple[str, str]
"""What the next flush writes: ``INSERT``, ``UPDATE`` or ``DELETE``, and the id of the mapped class (or a table)."""


class Item(NamedTuple):
    """One thing that costs, where it stands in the running function.

    Attributes:
        kind: ``statement``, ``eager`` for what is loaded beside one, ``call`` or ``loop``.
        place: the call, read or loop.
        what: the statement, the callee's id, or the loop's header.
        cost: the number of statements in the running function's sizes.
        effects: the first and the last but one of the effects that belong to it.
        memos: containers that are asked before it runs.
        keyed: it has been counted once per key of its memos already.
        callee: what the callee costs, for a call.
        sizes: the callee's sizes in the running function's terms.
        parts: what a loop's body holds, each with how often it runs.
        site: where the statement stands when that is not *place*.
    """

    kind: str
    place: Place
    what: str
    cost: Polynomial
    effects: tuple[int, int]
    memos: tuple[str, ...] = ()
    keyed: bool = False
    callee: FunctionCost | None = None
    sizes: tuple[tuple[Size, Polynomial], ...] = ()
    parts: tuple[tuple[Item, Polynomial], ...] = ()
    site: Site | None = None


class FunctionCost:
    """What one run of a function costs; two of them are equal only if they are the same.

    Attributes:
        function: the function's id.
        items: what stands on its dearest path, in the order of execution.
        total: their sum.
        dirty: what it leaves to the next flush.
        flushes: it commits or flushes.
        doubts: why the total may be wrong, by place.
        remarks: what is worth knowing of the total, by place.
        missing: what it costs when it returns None, or None where it never does or that is not known.
    """

    __slots__ = ("dirty", "doubts", "flushes", "function", "items", "missing", "remarks", "total")

    def __init__(
        self,
        function: str,
        items: tuple[Item, ...],
        total: Polynomial,
        dirty: frozenset[Change],
        flushes: bool,
        doubts: tuple[tuple[Site, str], ...],
        remarks: tuple[tuple[Site, str], ...],
        missing: FunctionCost | None = None,
    ) -> None:
        self.function = function
        self.items = items
        self.total = total
        self.dirty = dirty
        self.flushes = flushes
        self.doubts = doubts
        self.remarks = remarks
        self.missing = missing


class Spent:
    """The statements on one path, and what the next flush has to write; never changed once made."""

    __slots__ = ("before", "dirty", "item", "total")

    def __init__(
        self, before: Spent | None, item: Item | None, total: Polynomial, dirty: frozenset[Change] = frozenset()
    ) -> None:
        self.before = before
        self.item = item
        self.total = total
        self.dirty = dirty

    def paid(self, item: Item) -> Spent:
        """Return the path with one thing more."""
        return Spent(self, item, self.total + item.cost, self.dirty)

    def with_dirty(self, dirty: frozenset[Change]) -> Spent:
        """Return the path with other changes before its next flush."""
        return self if dirty == self.dirty else Spent(self.before, self.item, self.total, dirty)

    def without_rows(self, effects: frozenset[int]) -> Spent:
        """Return the path if a query has found no row: nothing is loaded beside it.

        Args:
            effects: those of the query, or of the call that runs it.
        """
        if self.item is None or self.before is None or self.item.effects[1] <= min(effects, default=0):
            return self
        before = self.before.without_rows(effects)
        first, last = self.item.effects
        item: Item | None = self.item
        if first < last and effects.issuperset(range(first, last)):
            item = _missed(self.item)
        if before is self.before and item is self.item:
            return self
        return (before.paid(item) if item is not None else before).with_dirty(self.dirty)

    def items(self) -> list[Item]:
        """Return what has been paid, in the order of execution."""
        found: list[Item] = []
        spent: Spent | None = self
        while spent is not None:
            if spent.item is not None:
                found.append(spent.item)
            spent = spent.before
        found.reverse()
        return found


def _missed(item: Item) -> Item | None:
    """What is left of something paid if it has found no row; None for nothing."""
    if item.kind == "eager":
        return None
    if item.callee is None or item.callee.missing is None:
        return item
    known = dict(item.sizes)
    missing = item.callee.missing
    if any(size not in known for size in missing.total.sizes):
        return item
    total = missing.total.replaced(lambda size: known[size])
    return item._replace(callee=missing, cost=total) if total.terms else None


NOTHING_SPENT = Spent(None, None, ZERO)


def dearer(left: Spent | None, right: Spent | None) -> Spent | None:
    """Return the dearer of two paths, with what either of them leaves to the next flush."""
    if left is right or left is None or right is None:
        return left
    chosen = left if greater(left.total, right.total) is left.total else right
    return chosen.with_dirty(left.dirty | right.dirty)


class Ways:
    """What each of several values costs where any one of them may be meant.

    Attributes:
        before: what has been spent before any of them.
        dearest: what has been spent by the dearest one so far.
    """

    __slots__ = ("_tried", "before", "dearest")

    def __init__(self, before: Spent | None) -> None:
        self.before = before
        self.dearest = before
        self._tried = False

    def take(self, spent: Spent | None) -> None:
        """One of them has been tried."""
        self.dearest = dearer(self.dearest, spent) if self._tried else spent
        self._tried = True


def dearest(found: list[Spent | None]) -> Spent | None:
    """Return the dearest of several paths."""
    chosen = found[0]
    for one in found[1:]:
        chosen = dearer(chosen, one)
    return chosen


def dearest_run(found: list[FunctionCost]) -> FunctionCost:
    """Return the dearest of several runs of a function."""
    chosen = found[0]
    for one in found[1:]:
        chosen = chosen if greater(chosen.total, one.total) is chosen.total else one
    return chosen


def repeated(cost: Polynomial, times: Polynomial) -> Polynomial:
    """Return what a loop makes of a cost: what a memo outside the loop keeps is paid once per key."""
    if not any(size.kind is SizeKind.ONCE for size in cost.sizes) or times.degree == 0:
        return cost * times
    total = ZERO
    for monomial, count in cost.terms:
        part = Polynomial(((monomial, count),))
        once = next((size for size in monomial if size.kind is SizeKind.ONCE), None)
        if once is None:
            total = total + part * times
            continue
        keys = once._replace(kind=SizeKind.KEYS)
        total = total + (part if keys in monomial else part * Polynomial.size(keys))
    return total


def remembered(cost: Polynomial, name: str) -> Polynomial:
    """Return a cost that is paid once per key, whatever loops stand around it."""
    return cost * Polynomial.size(Size(name, "", SizeKind.ONCE))
