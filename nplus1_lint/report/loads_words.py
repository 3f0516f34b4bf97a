"""Words and symbols that the text and the Markdown of a matrix share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nplus1_lint.load_matrix import Use

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nplus1_lint.load_matrix import Cell, Cost, LoadMatrix, RelationshipLoads, Router

SYMBOLS: Final[dict[Use | None, str]] = {Use.READ: "●", Use.MAYBE: "?", Use.WASTED: "○", None: "·"}
_MEANINGS: Final[dict[Use | None, str]] = {
    Use.READ: "● loaded and read (by 2 of 5 queries: ●2/5)",
    Use.WASTED: "○ loaded and wasted (by 3 queries: ○3)",
    Use.MAYBE: "? loaded, its rows go where reads cannot be followed (of 1 of 4 queries: ?1/4)",
    None: "· not loaded",
}
LEGEND: Final = "\n".join(_MEANINGS.values())
"""A line per symbol."""
NO_ROUTE: Final = " (queries that no route reaches)"


def cell_of(cell: Cell | None) -> str:
    """Write a cell: its symbol and how many queries it is about.

    Args:
        cell: None for a router that does not load the relationship.
    """
    if cell is None:
        return SYMBOLS[None]
    count = len(cell.queries)
    if cell.use is Use.WASTED:
        return f"{SYMBOLS[cell.use]}{count}"
    return f"{SYMBOLS[cell.use]}{cell.count(cell.use)}/{count}"


def adds(cost: Cost) -> str:
    """Write what a relationship adds to a query."""
    parts = []
    if cost.statements:
        parts.append(f"{plural(cost.statements, 'statement')}")
    if cost.per_row:
        parts.append(f"{plural(cost.per_row, 'statement')} per row")
    if cost.joins:
        parts.append(f"{plural(cost.joins, 'join')}")
    return " and ".join(parts)


def read_by(row: RelationshipLoads) -> str:
    """Write how many routers read it, of those that load it; modules that no route reaches count as routers."""
    maybe = row.count(Use.MAYBE)
    unsure = f", perhaps by {maybe} more" if maybe else ""
    return f"read by {row.count(Use.READ)} of {len(row.cells)} that {_load(len(row.cells))} it{unsure}"


def spread(router: Router) -> str:
    """Write how many statements its queries waste: the least and the most of one query."""
    parts = [_between(query.wasted.statements for query in router.queries)]
    joins = _between(query.wasted.joins for query in router.queries)
    per_row = _between(query.wasted.per_row for query in router.queries)
    maybe = max((query.maybe.statements + query.maybe.per_row for query in router.queries), default=0)
    if per_row != "0":
        parts.append(f"{per_row} per row")
    if joins != "0":
        parts.append(f"{joins} joins")
    if maybe:
        parts.append(f"perhaps {maybe} more")
    return ", ".join(parts)


def summary(matrix: LoadMatrix) -> str:
    """Say how much there is."""
    idle = f"; {plural(len(matrix.idle), 'more router')} {_load(len(matrix.idle))} nothing so" if matrix.idle else ""
    if not matrix.relationships:
        return f"No router loads a relationship by its mapping{idle}"
    routers = sum(router.is_router for router in matrix.routers)
    others = len(matrix.routers) - routers
    where = [plural(routers, "router")] if routers else []
    if others:
        where.append(f"{plural(others, 'module')} with queries that no route reaches")
    cells = [cell for row in matrix.relationships for cell in row.cells]
    wasted = sum(cell.use is Use.WASTED for cell in cells)
    return (
        f"{plural(len(matrix.relationships), 'relationship')} loaded by the mapping in {' and '.join(where)}: "
        f"{wasted} of {plural(len(cells), 'pair')} of relationship and router wasted{idle}"
    )


def plural(count: int, word: str) -> str:
    """Write a number with its noun."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _load(count: int) -> str:
    return "loads" if count == 1 else "load"


def _between(numbers: Iterable[int]) -> str:
    found = tuple(numbers)
    least, most = min(found, default=0), max(found, default=0)
    return str(most) if least == most else f"{least} to {most}"
