"""A matrix of eager loads for a person: relationships by routers, the routers, and the changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.box import SIMPLE_HEAD
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from nplus1_lint.load_matrix import Use
from nplus1_lint.report.loads_words import LEGEND, NO_ROUTE, adds, cell_of, read_by, spread, summary
from nplus1_lint.report.page import UNCUT, Page

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nplus1_lint.findings import Step
    from nplus1_lint.load_matrix import LoadMatrix, RelationshipLoads, Router
    from nplus1_lint.report import View

_COLOURS: Final = {Use.READ: "green", Use.MAYBE: "yellow", Use.WASTED: "red", None: "dim"}
# Escape sequences in what is scanned must not reach the terminal.
_CONTROLS: Final = dict.fromkeys((*range(32), *range(127, 160)), "\N{REPLACEMENT CHARACTER}")


def write(matrix: LoadMatrix, view: View) -> str:
    """Return the matrix as text, with escape sequences only where the view allows them.

    Args:
        matrix: relationships by routers.
        view: colour and width; where not all columns fit, they are numbered, and then parted into several tables.

    Returns:
        The text; its last line is a summary.
    """
    page = _Page(view)
    if matrix.relationships:
        page.line(Text(LEGEND))
        page.matrix(matrix)
        page.routers(matrix)
        for row in matrix.relationships:
            page.change(row)
    page.line(Text(summary(matrix), "bold"))
    return page.text()


class _Page(Page):
    """Collects printed lines."""

    def __init__(self, view: View) -> None:
        super().__init__(view, UNCUT)  # the tables are made to fit
        self._width = view.width

    def matrix(self, matrix: LoadMatrix) -> None:
        """Print the matrix in as many tables as the width needs."""
        for headings in ([router.name for router in matrix.routers], self._numbers(matrix)):
            whole = _table(matrix, list(zip(matrix.routers, headings, strict=True)))
            if self._fits(whole):
                self.line(whole)
                return
        rest = list(zip(matrix.routers, self._numbers(matrix), strict=True))
        while rest:
            count = len(rest)
            while count > 1 and not self._fits(_table(matrix, rest[:count])):
                count -= 1
            self.line(_table(matrix, rest[:count]))
            rest = rest[count:]

    def routers(self, matrix: LoadMatrix) -> None:
        """Print what the columns stand for."""
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))  # long paths may go beyond the width
        for heading in ("", "router", "queries", "statements wasted per query", "file"):
            table.add_column(heading, justify="right" if heading in ("", "queries") else "left", no_wrap=True)
        for number, router in zip(self._numbers(matrix), matrix.routers, strict=True):
            note = "" if router.is_router else NO_ROUTE
            cells = (number, router.name, str(len(router.queries)), spread(router), f"{router.path}{note}")
            table.add_row(*(_clean(cell) for cell in cells))
        self.line(table)
        self.line("")

    def change(self, row: RelationshipLoads) -> None:
        """Print a relationship with its cheapest change."""
        place = (f"{row.path}:{row.line}: ".translate(_CONTROLS), "bold")
        self.line(Text.assemble(place, (row.label.translate(_CONTROLS), "bold"), f' lazy="{row.lazy}"'))
        self.line(_clean(f"  adds {adds(row.adds)} to a query; {read_by(row)}"))
        self.line(Text.assemble(("  change: ", "bold green"), _clean(row.change.title)))
        for step in _steps(row):
            self.line(Text.assemble(("  --> ", "blue"), _clean(f"{step.path}:{step.line} "), _clean(step.message)))
        self.line("")

    def _fits(self, table: Table) -> bool:
        return Measurement.get(self._console, self._console.options, table).maximum <= self._width

    def _numbers(self, matrix: LoadMatrix) -> list[str]:
        return [str(number) for number in range(1, len(matrix.routers) + 1)]


def _table(matrix: LoadMatrix, columns: Sequence[tuple[Router, str]]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("relationship", no_wrap=True)
    for _, heading in columns:
        table.add_column(_clean(heading), justify="center", no_wrap=True)
    for row in matrix.relationships:
        cells = {cell.router: cell for cell in row.cells}
        found = [cells.get(router.name) for router, _ in columns]
        marks = (Text(cell_of(cell), _COLOURS[cell.use if cell else None]) for cell in found)
        table.add_row(_clean(row.label), *marks)
    return table


def _steps(row: RelationshipLoads) -> Iterator[Step]:
    yield from row.change.options
    yield from row.change.without_options


def _clean(text: str) -> Text:
    return Text(text.translate(_CONTROLS))
