"""What ``cost`` says of a project: how many statements each function sends, as a polynomial in named sizes.

Places are named from the working directory; the texts are ready to print. Statements are counted as SQLAlchemy's event
``before_cursor_execute`` sees them: no BEGIN, no COMMIT; a statement for many rows (``executemany``) is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from nplus1_lint.findings import ScanError, Step


class SizeKind(str, Enum):
    """What a size counts.

    ROWS: items of a loop; it grows with the data.
    KEYS: different keys among the items of a loop that asks a memo first.
    BATCHES: pages or chunks of a fixed number of rows: one until there are more rows than that.
    FIXED: items that the source fixes without writing them in one place.
    ONCE: one, until a loop around it asks for more keys; never printed.
    """

    ROWS = "rows"
    KEYS = "keys"
    BATCHES = "batches"
    FIXED = "fixed"
    ONCE = "once"


class Size(NamedTuple):
    """A number that is not known before the program runs.

    Attributes:
        name: as the code has it: ``artifacts``.
        owner: what tells it from another of that name: a function, or nothing.
        kind: what it counts.
    """

    name: str
    owner: str = ""
    kind: SizeKind = SizeKind.ROWS

    @property
    def grows(self) -> bool:
        """True if it grows with the data, so that it counts for the degree."""
        return self.kind in (SizeKind.ROWS, SizeKind.KEYS)


Monomial: TypeAlias = tuple[Size, ...]
"""A product of sizes, sorted; of none, 1."""

_ORDINARY: Final = 50
"""Every size, where two polynomials are compared of which neither is the greater for all sizes."""


@dataclass(frozen=True, slots=True)
class Polynomial:
    """A sum of products of sizes with whole, positive coefficients.

    Attributes:
        terms: each product with its coefficient, in a fixed order; equal polynomials have equal terms.
    """

    terms: tuple[tuple[Monomial, int], ...] = ()

    @staticmethod
    def constant(number: int) -> Polynomial:
        """Return a number of statements that depends on nothing."""
        return Polynomial((((), number),)) if number else ZERO

    @staticmethod
    def size(size: Size) -> Polynomial:
        """Return a size itself."""
        return Polynomial((((size,), 1),))

    @staticmethod
    def collected(parts: Iterable[tuple[Monomial, int]]) -> Polynomial:
        """Return the sum of products, each sorted, that may occur more than once."""
        found: dict[Monomial, int] = {}
        for monomial, count in parts:
            found[monomial] = found.get(monomial, 0) + count
        kept = ((monomial, count) for monomial, count in found.items() if count)
        return Polynomial(tuple(sorted(kept, key=lambda term: (len(term[0]), term))))

    def __add__(self, other: Polynomial) -> Polynomial:
        if not other.terms:
            return self
        if not self.terms:
            return other
        return Polynomial.collected((*self.terms, *other.terms))

    def __mul__(self, other: Polynomial) -> Polynomial:
        return Polynomial.collected(
            (tuple(sorted((*left, *right))), one * two) for left, one in self.terms for right, two in other.terms
        )

    def beyond(self, other: Polynomial) -> Polynomial:
        """Return what this has more than another, term by term; where it has less, nothing."""
        known = dict(other.terms)
        return Polynomial.collected((m, max(0, count - known.get(m, 0))) for m, count in self.terms)

    def replaced(self, change: Callable[[Size], Polynomial]) -> Polynomial:
        """Return the polynomial with another one in the place of each size."""
        total = ZERO
        for monomial, count in self.terms:
            product = Polynomial.constant(count)
            for size in monomial:
                product = product * change(size)
            total = total + product
        return total

    @property
    def degree(self) -> int:
        """The greatest number of sizes that grow with the data in one product."""
        return max((sum(size.grows for size in monomial) for monomial, _ in self.terms), default=0)

    @property
    def fixed(self) -> int:
        """The part that depends on no size."""
        return dict(self.terms).get((), 0)

    @property
    def sizes(self) -> tuple[Size, ...]:
        """All sizes in it, each once."""
        return tuple(sorted({size for monomial, _ in self.terms for size in monomial}))

    def value(self, sizes: Mapping[str, int], default: int) -> int:
        """Return the number for assumed sizes.

        Args:
            sizes: numbers by name.
            default: the number of every other size that grows with the data; pages, chunks and the like count as one.
        """
        total = 0
        for monomial, count in self.terms:
            for size in monomial:
                count *= sizes.get(size.name, default if size.grows else 1)
            total += count
        return total

    def __str__(self) -> str:
        return " + ".join(_written(monomial, count) for monomial, count in self.terms) or "0"


ZERO: Final = Polynomial()
ONE: Final = Polynomial((((), 1),))


def greater(left: Polynomial, right: Polynomial) -> Polynomial:
    """Return the greater of two polynomials: the one that grows faster, else the one that costs more at equal sizes.

    What is greater for all sizes always is the greater one. Of equals the left one is returned.
    """
    return right if _rank(right) > _rank(left) else left


def _rank(polynomial: Polynomial) -> tuple[int, int]:
    return polynomial.degree, polynomial.value({}, _ORDINARY)


def _written(monomial: Monomial, count: int) -> str:
    names = [size.name for size in monomial]
    product = "·".join(
        name if names.count(name) == 1 else f"{name}{_superscript(names.count(name))}" for name in dict.fromkeys(names)
    )
    if not product:
        return str(count)
    return product if count == 1 else f"{count}·{product}"


def _superscript(power: int) -> str:
    return str(power).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))


@dataclass(frozen=True, slots=True)
class CostTerm:
    """One product of a formula.

    Attributes:
        count: its coefficient.
        sizes: names of the sizes that are multiplied; none for the constant.
        evidence: where the statements come from, in the order of the code: the loop, each call on the way, the
            statement; one after the other.
    """

    count: int
    sizes: tuple[str, ...]
    evidence: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class CostEntry:
    """What one call of a function costs, at the most; of branches the dearer one counts.

    Attributes:
        path: its file.
        line: its definition; it counts from 1.
        function: qualified name inside its file.
        route: method and path as in ``GET /artifacts/{id}``, or None for what is no endpoint.
        polynomial: the number of statements; no two sizes in it share a name.
        terms: the same with evidence, in the same order.
        after: the number once the loops that have a finding with a rewrite send their statements once; None where
            findings were not asked for.
        complete: nothing that may query was unknown on the way.
        notes: sentences without a full stop: branches that were not taken into account, caches, what is unknown.
    """

    path: str
    line: int
    function: str
    route: str | None
    polynomial: Polynomial
    terms: tuple[CostTerm, ...]
    after: Polynomial | None
    complete: bool
    notes: tuple[Step, ...] = ()

    @property
    def formula(self) -> str:
        """The polynomial as text."""
        return str(self.polynomial)

    @property
    def degree(self) -> int:
        """The greatest number of unbounded sizes multiplied in one term."""
        return self.polynomial.degree

    @property
    def constant(self) -> int:
        """The statements that depend on no size."""
        return self.polynomial.fixed


@dataclass(frozen=True, slots=True)
class Assumptions:
    """Numbers for sizes.

    Attributes:
        sizes: by name.
        default: for every other size that grows with the data.
    """

    sizes: Mapping[str, int]
    default: int = _ORDINARY

    def statements(self, polynomial: Polynomial) -> int:
        """Return the number of statements for these sizes."""
        return polynomial.value(self.sizes, self.default)


@dataclass(frozen=True, slots=True)
class CostTable:
    """The costs of a project.

    Attributes:
        entries: by path, line and route.
        errors: files that could not be read or parsed, so that the table knows nothing of them.
    """

    entries: tuple[CostEntry, ...]
    errors: tuple[ScanError, ...] = ()

    @property
    def endpoints(self) -> tuple[CostEntry, ...]:
        """The entries that answer a route."""
        return tuple(entry for entry in self.entries if entry.route is not None)


def worst_first(entries: Iterable[CostEntry], assumed: Assumptions) -> tuple[CostEntry, ...]:
    """Return entries by falling number of statements; of equals those that grow faster come first, then by place."""
    return tuple(
        sorted(
            entries,
            key=lambda entry: (
                -assumed.statements(entry.polynomial),
                -entry.degree,
                entry.path,
                entry.line,
                entry.route or "",
            ),
        )
    )


class Verdict(str, Enum):
    """What has become of an entry between two revisions."""

    WORSE = "worse"
    NEW = "new"
    BETTER = "better"
    GONE = "gone"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class CostChange:
    """An entry in two revisions.

    Attributes:
        before: None for what was not there.
        after: None for what is not there any more.
        verdict: by the degree and the number of statements for the assumed sizes.
    """

    before: CostEntry | None
    after: CostEntry | None
    verdict: Verdict

    @property
    def entry(self) -> CostEntry:
        """The entry, as it is now where it still is."""
        found = self.after or self.before
        assert found is not None
        return found


@dataclass(frozen=True, slots=True)
class CostDiff:
    """What has changed between a revision and the working tree.

    Attributes:
        base: the revision, as it was named.
        changes: the worse first, then new, better, gone, and those with another formula of the same cost.
        errors: files that could not be read or parsed.
    """

    base: str
    changes: tuple[CostChange, ...]
    errors: tuple[ScanError, ...] = ()


def compare(
    base: str,
    before: Iterable[CostEntry],
    after: Iterable[CostEntry],
    assumed: Assumptions,
    errors: tuple[ScanError, ...] = (),
) -> CostDiff:
    """Compare entries of two revisions; those with the same formula are left out.

    An entry is known again by its route, or by file and name where it has none: a moved handler stays the same.

    Args:
        base: the name of the first revision.
        before: its entries.
        after: those of the other one.
        assumed: sizes.
        errors: files that could not be read.
    """
    old, new = _keyed(before), _keyed(after)
    found = []
    for key in {**old, **new}:
        one, two = old.get(key), new.get(key)
        if one is None or two is None or one.polynomial != two.polynomial or one.complete != two.complete:
            found.append(CostChange(one, two, _verdict(one, two, assumed)))
    order = list(Verdict)
    rank = {id(entry): place for place, entry in enumerate(worst_first((c.entry for c in found), assumed))}
    ordered = sorted(found, key=lambda change: (order.index(change.verdict), rank[id(change.entry)]))
    return CostDiff(base, tuple(ordered), errors)


def _keyed(entries: Iterable[CostEntry]) -> dict[tuple[str, ...], CostEntry]:
    found: dict[tuple[str, ...], CostEntry] = {}
    for entry in entries:
        key: tuple[str, ...] = (entry.route,) if entry.route is not None else (entry.path, entry.function)
        while key in found:  # two functions of one name in a file, or a route that is answered twice
            key = (*key, "again")
        found[key] = entry
    return found


def _verdict(before: CostEntry | None, after: CostEntry | None, assumed: Assumptions) -> Verdict:
    if before is None:
        return Verdict.NEW
    if after is None:
        return Verdict.GONE
    one = (before.degree, assumed.statements(before.polynomial))
    two = (after.degree, assumed.statements(after.polynomial))
    if one == two:
        return Verdict.CHANGED
    return Verdict.WORSE if two[0] > one[0] or (two[0] == one[0] and two[1] > one[1]) else Verdict.BETTER
