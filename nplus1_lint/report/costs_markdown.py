"""Costs as Markdown: a table of endpoints or functions, the worst first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nplus1_lint.report.costs_words import (
    assumption,
    change,
    diff_summary,
    legend,
    mended,
    number,
    place,
    summary,
    title,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nplus1_lint.query_costs import Assumptions, CostDiff, CostTable
    from nplus1_lint.report import View

_CONTROLS: Final = dict.fromkeys((*range(32), *range(127, 160)), "\N{REPLACEMENT CHARACTER}")
# What code hosts would read as markup in prose.
_MARKUP: Final = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_[]<>|#~"})
_SPAN: Final = str.maketrans({"`": "\N{REPLACEMENT CHARACTER}", "|": "\N{REPLACEMENT CHARACTER}"})


def write(table: CostTable, assumed: Assumptions, view: View) -> str:
    """Return the table as GitHub-flavoured Markdown.

    Args:
        table: endpoints or functions, the worst first.
        assumed: sizes.
        view: without effect.
    """
    every = any(entry.route is None for entry in table.entries)
    lines = ["# Statements per call", "", f"{_prose(summary(table, assumed, every=every))}."]
    if table.entries:
        lines += ["", f"- for {_prose(assumption(assumed))}", *(f"- {_prose(line)}" for line in legend(table))]
        lines += ["", *_head(["statements", "after fixes", "formula", "endpoint or function", "where"])]
        for entry in table.entries:
            cells = (number(entry, assumed), mended(entry, assumed), _code(entry.formula), _code(title(entry)))
            lines.append(_row((*cells, _code(place(entry)))))
    return "\n".join(lines) + "\n"


def write_diff(diff: CostDiff, assumed: Assumptions, view: View) -> str:
    """Return what has changed as GitHub-flavoured Markdown.

    Args:
        diff: the changes, the worse first.
        assumed: sizes.
        view: without effect.
    """
    lines = ["# Statements per call, compared", "", f"{_prose(diff_summary(diff))}."]
    if diff.changes:
        lines += ["", f"- for {_prose(assumption(assumed))}", ""]
        lines += _head(["", "before", "after", "endpoint or function", "where"])
        for one in diff.changes:
            cells = [
                f"{number(entry, assumed)}: {_code(formula)}" if entry is not None else ""
                for entry, formula in zip((one.before, one.after), change(one), strict=True)
            ]
            lines.append(_row((one.verdict.value, *cells, _code(title(one.entry)), _code(place(one.entry)))))
    return "\n".join(lines) + "\n"


def _head(cells: Iterable[str]) -> list[str]:
    found = tuple(cells)
    return [_row(found), "|" + "---|" * len(found)]


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _prose(text: str) -> str:
    return text.translate(_CONTROLS).translate(_MARKUP)


def _code(text: str) -> str:
    """A code span; a bar would end the cell of a table and a backtick the span."""
    return f"`{text.translate(_CONTROLS).translate(_SPAN)}`"
