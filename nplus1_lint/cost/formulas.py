"""Formulas with evidence: where the statements of each term come from, and what is left of them after the fixes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nplus1_lint.findings import Step
from nplus1_lint.infer.recorder import LAMBDA
from nplus1_lint.infer.spent import repeated
from nplus1_lint.query_costs import ONE, ZERO, Monomial, Polynomial, Size, SizeKind

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from nplus1_lint.infer.spent import FunctionCost, Item

Fixed = tuple[str, int, int]
"""Where a finding with a rewrite stands: project path, line, and column counting from 1."""

Unloaded = tuple[str, int, str]
"""An eager load: project path and line of the query, class and attribute as in ``Team.heroes``."""

_WAYS: Final = 40
_STEPS: Final = 12

Way = tuple[Step, ...]
"""The loop, each call on the way, the statement."""


class Formulas:
    """Reads what inference has counted.

    Args:
        path_of: a function's id to its project path.
        name_of: a function's id to its qualified name.
        named: project path to the path that is shown.
        fixed: findings whose rewrite takes statements out of their loop.
        gone: statements that are not sent any more.
        unloaded: eager loads that are not made any more.
    """

    def __init__(
        self,
        path_of: Callable[[str], str],
        name_of: Callable[[str], str],
        named: Callable[[str], str],
        fixed: Collection[Fixed] = frozenset(),
        *,
        gone: Collection[Fixed] = frozenset(),
        unloaded: Collection[Unloaded] = frozenset(),
    ) -> None:
        self._path_of = path_of
        self._name_of = name_of
        self._named = named
        self._fixed = fixed
        self._gone = gone
        self._unloaded = unloaded
        self._known_after: dict[tuple[int, bool], Polynomial] = {}
        self._known_ways: dict[int, dict[Monomial, tuple[Way, ...]]] = {}

    def after(self, cost: FunctionCost, *, handed: bool = False) -> Polynomial:
        """Return the statements once each loop sends those of its fixed findings once.

        Args:
            cost: what a function costs.
            handed: a finding at the call of the function says that it calls a lambda which it is handed too often.
        """
        key = (id(cost), handed)
        if key not in self._known_after:
            total = ZERO
            for item in cost.items:
                total = total + self._item_after(cost.function, item, handed)
            self._known_after[key] = total
        return self._known_after[key]

    def _item_after(self, function: str, item: Item, handed: bool) -> Polynomial:
        if item.kind == "call" and item.callee is not None:
            known = dict(item.sizes)
            after = self.after(item.callee, handed=self._is_fixed(function, item))
            return after.replaced(lambda size: known[size])
        if item.kind != "loop":
            return ZERO if self._is_gone(function, item) else item.cost
        total = ZERO
        for part, times in item.parts:
            cost = self._item_after(function, part, handed)
            once = self._is_fixed(function, part) or (handed and _is_lambda(part))
            total = total + (cost if once else repeated(cost, times))
        return total

    def _is_fixed(self, function: str, item: Item) -> bool:
        if item.callee is not None and _is_lambda(item):
            # A finding about what a lambda runs stands inside it.
            return any(self._is_fixed(item.callee.function, inner) for inner in item.callee.items)
        return (self._path_of(function), item.place[0], item.place[1] + 1) in self._fixed

    def _is_gone(self, function: str, item: Item) -> bool:
        if item.kind == "eager":
            label = item.what.rpartition(" ")[2]
            return (self._path_of(function), item.place[0], label) in self._unloaded
        return (self._path_of(function), item.place[0], item.place[1] + 1) in self._gone

    def ways(self, cost: FunctionCost) -> dict[Monomial, tuple[Way, ...]]:
        """Return by which ways the statements of each product come about, the first few of them."""
        if id(cost) not in self._known_ways:
            self._known_ways[id(cost)] = {}  # a function inside itself adds nothing
            found: dict[Monomial, dict[Way, None]] = {}
            for item in cost.items:
                for monomial, way in self._item_ways(cost.function, item):
                    found.setdefault(monomial, {})[way] = None
            self._known_ways[id(cost)] = {m: tuple(ways)[:_WAYS] for m, ways in found.items()}
        return self._known_ways[id(cost)]

    def _item_ways(self, function: str, item: Item) -> list[tuple[Monomial, Way]]:
        if item.kind == "call" and item.callee is not None:
            return self._call_ways(function, item, item.callee)
        if item.kind != "loop":
            step = self._step(function, item, item.what)
            return [(monomial, (step,)) for monomial, _ in item.cost.terms]
        found: list[tuple[Monomial, Way]] = []
        header = self._step(function, item, f"loop: {item.what}")
        for part, times in item.parts:
            for monomial, way in self._item_ways(function, part):
                once = Polynomial(((monomial, 1),))
                kept = way if times == ONE else (header, *way)
                found += [(product, kept[:_STEPS]) for product, _ in repeated(once, times).terms]
        return found

    def _call_ways(self, function: str, item: Item, callee: FunctionCost) -> list[tuple[Monomial, Way]]:
        known = dict(item.sizes)
        name = f"{self._name_of(callee.function)}()"
        step = self._step(function, item, f"calls a lambda of {name}" if _is_lambda(item) else f"calls {name}")
        found: list[tuple[Monomial, Way]] = []
        for monomial, ways in self.ways(callee).items():
            product = Polynomial(((monomial, 1),)).replaced(lambda size: known.get(size, Polynomial.size(size)))
            found += [(one, (step, *way)[:_STEPS]) for one, _ in product.terms for way in ways]
        return found

    def _step(self, function: str, item: Item, message: str) -> Step:
        return Step(self._named(self._path_of(function)), item.place[0], message)


def _is_lambda(item: Item) -> bool:
    return item.callee is not None and LAMBDA in item.callee.function


_ORDER: Final = (SizeKind.ROWS, SizeKind.KEYS, SizeKind.FIXED, SizeKind.BATCHES, SizeKind.ONCE)


def public(polynomials: list[Polynomial]) -> Callable[[Monomial], Monomial]:
    """Return how products are written where only names tell sizes apart.

    Sizes of one name are one size, but where two different ones are multiplied: there the one that stands for the
    other function's collection takes its function's name too.

    Args:
        polynomials: all that share the names.
    """
    kinds: dict[str, SizeKind] = {}
    for polynomial in polynomials:
        for size in polynomial.sizes:
            if size.kind is not SizeKind.ONCE:
                kinds[size.name] = min(kinds.get(size.name, size.kind), size.kind, key=_ORDER.index)

    def renamed(monomial: Monomial) -> Monomial:
        kept: list[Size] = []
        owners: dict[str, str] = {}
        for size in monomial:
            if size.kind is SizeKind.ONCE:
                continue
            name = size.name
            if owners.setdefault(name, size.owner) != size.owner:
                name = f"{_function(size.owner)}.{name}"
            kept.append(Size(name, "", kinds[size.name]))
        return tuple(sorted(kept))

    return renamed


def _function(owner: str) -> str:
    name = owner.partition("(")[0].partition("|")[0].rpartition(":")[2]
    return name.rpartition(".")[2].partition("@")[0] or "other"
