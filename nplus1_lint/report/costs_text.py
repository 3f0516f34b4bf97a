"""Costs for a person: a table of endpoints or functions, the worst first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from nplus1_lint.query_costs import Verdict
from nplus1_lint.report.costs_words import (
    assumption,
    change,
    diff_summary,
    legend,
    mended,
    notes,
    number,
    place,
    summary,
    title,
)
from nplus1_lint.report.page import UNCUT, Page

if TYPE_CHECKING:
    from nplus1_lint.query_costs import Assumptions, CostDiff, CostEntry, CostTable
    from nplus1_lint.report import View

_VERDICTS: Final = {
    Verdict.WORSE: "bold red", Verdict.NEW: "yellow", Verdict.BETTER: "green", Verdict.GONE: "dim",
    Verdict.CHANGED: "dim",
}  # fmt: skip
_FORMULA: Final = 60  # columns; longer ones go on in the next line
# Escape sequences in what is scanned must not reach the terminal.
_CONTROLS: Final = dict.fromkeys((*range(32), *range(127, 160)), "\N{REPLACEMENT CHARACTER}")


def write(table: CostTable, assumed: Assumptions, view: View) -> str:
    """Return the table as text, with escape sequences only where the view allows them.

    Args:
        table: endpoints or functions, the worst first.
        assumed: sizes.
        view: colour and width; with *details*, the evidence of each entry follows the table.

    Returns:
        The text; its last line is a summary.
    """
    page = _Page(view)
    every = any(entry.route is None for entry in table.entries)
    if table.entries:
        page.line(_clean(f"statements for {assumption(assumed)}"))
        for sentence in legend(table):
            page.line(_clean(sentence))
        page.line(_table(table, assumed))
        for entry in table.entries if view.details else ():
            page.entry(entry)
    page.line(Text(summary(table, assumed, every=every), "bold"))
    return page.text()


def write_diff(diff: CostDiff, assumed: Assumptions, view: View) -> str:
    """Return what has changed as text.

    Args:
        diff: the changes, the worse first.
        assumed: sizes.
        view: colour and width.

    Returns:
        The text; its last line is a summary.
    """
    page = _Page(view)
    if diff.changes:
        page.line(_clean(f"statements for {assumption(assumed)}"))
        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        table.add_column("", no_wrap=True)
        for heading in ("before", "", "after", ""):
            table.add_column(heading, justify="right" if heading else "left", overflow="fold", max_width=_FORMULA)
        table.add_column("endpoint or function", no_wrap=True)
        table.add_column("where", no_wrap=True)
        for one in diff.changes:
            before, after = change(one)
            counts = [number(entry, assumed) if entry else "" for entry in (one.before, one.after)]
            cells = (counts[0], before, counts[1], after, title(one.entry), place(one.entry))
            table.add_row(Text(one.verdict.value, _VERDICTS[one.verdict]), *map(_clean, cells))
        page.line(table)
    page.line(Text(diff_summary(diff), "bold"))
    return page.text()


def _table(table: CostTable, assumed: Assumptions) -> Table:
    found = Table(box=SIMPLE_HEAD, pad_edge=False)
    found.add_column("statements", justify="right", no_wrap=True)
    found.add_column("after fixes", justify="right", no_wrap=True)
    found.add_column("formula", overflow="fold", max_width=_FORMULA)
    found.add_column("endpoint or function", no_wrap=True)
    found.add_column("where", no_wrap=True)  # long paths may go beyond the width
    for entry in table.entries:
        colour = "red" if entry.degree > 1 else "yellow" if entry.degree else ""
        cells = (mended(entry, assumed), entry.formula, title(entry), place(entry))
        found.add_row(Text(number(entry, assumed), colour), *map(_clean, cells))
    return found


class _Page(Page):
    """Collects printed lines."""

    def __init__(self, view: View) -> None:
        super().__init__(view, UNCUT)

    def entry(self, entry: CostEntry) -> None:
        """Print where the statements of an entry come from."""
        self.line(Text.assemble((title(entry).translate(_CONTROLS), "bold"), _clean(f" {place(entry)}")))
        for term in entry.terms:
            product = "·".join((str(term.count), *term.sizes))
            self.line(_clean(f"  {product}"))
            for step in term.evidence:
                self.line(Text.assemble(("    --> ", "blue"), _clean(f"{step.path}:{step.line} {step.message}")))
        for note in notes(entry):
            self.line(Text.assemble(("  note: ", "cyan"), _clean(note)))
        self.line("")


def _clean(text: str) -> Text:
    return Text(text.translate(_CONTROLS))
