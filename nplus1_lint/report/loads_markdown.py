"""A matrix of eager loads as Markdown: a table per mapped class, routers down and relationships across."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final

from nplus1_lint.report.loads_words import LEGEND, NO_ROUTE, adds, cell_of, read_by, spread, summary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from nplus1_lint.load_matrix import LoadMatrix, RelationshipLoads
    from nplus1_lint.report import View

_CONTROLS: Final = dict.fromkeys((*range(32), *range(127, 160)), "\N{REPLACEMENT CHARACTER}")
# What code hosts would read as markup in prose.
_MARKUP: Final = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_[]<>|#~"})

_SPAN: Final = str.maketrans({"`": "\N{REPLACEMENT CHARACTER}", "|": "\N{REPLACEMENT CHARACTER}"})


def write(matrix: LoadMatrix, view: View) -> str:
    """Return the matrix as GitHub-flavoured Markdown.

    Args:
        matrix: relationships by routers.
        view: without effect.

    Returns:
        The text; its tables have as many columns as a class has relationships, however many routers there are.
    """
    lines = ["# Eager loads by router", "", f"{_prose(summary(matrix))}."]
    if matrix.relationships:
        lines += ["", *(f"- {line}" for line in LEGEND.split("\n"))]
        lines += ["", "## Routers", "", *_routers(matrix)]
    for (model, path), group in groupby(matrix.relationships, key=lambda row: (row.model, row.path)):
        lines += ["", f"## {_prose(model)} ({_code(path)})", "", *_group(matrix, list(group))]
    return "\n".join(lines) + "\n"


def _routers(matrix: LoadMatrix) -> Iterator[str]:
    yield from _head(["router", "queries", "statements wasted per query", "file"])
    for router in matrix.routers:
        note = "" if router.is_router else NO_ROUTE
        yield _row([_prose(router.name), str(len(router.queries)), spread(router), f"{_code(router.path)}{note}"])


def _group(matrix: LoadMatrix, rows: Sequence[RelationshipLoads]) -> Iterator[str]:
    yield from _head(["router", *(_prose(row.name) for row in rows)])
    cells = [{cell.router: cell for cell in row.cells} for row in rows]
    for router in matrix.routers:
        if any(router.name in found for found in cells):
            yield _row([_prose(router.name), *(cell_of(found.get(router.name)) for found in cells)])
    for row in rows:
        yield ""
        lazy = _code(f'lazy="{row.lazy}"')
        yield f"**{_prose(row.label)}** (line {row.line}, {lazy}):"
        yield f"adds {adds(row.adds)} to a query; {read_by(row)}. Cheapest change: {_prose(row.change.title)}."
        for number, step in enumerate((*row.change.options, *row.change.without_options)):
            if not number:
                yield ""
            yield f"- {_code(f'{step.path}:{step.line}')}: {_prose(step.message)}"


def _head(cells: Sequence[str]) -> Iterator[str]:
    yield _row(cells)
    yield "|" + "---|" * len(cells)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _prose(text: str) -> str:
    return text.translate(_CONTROLS).translate(_MARKUP)


def _code(text: str) -> str:
    """A code span; in a path, a bar would end the cell of a table and a backtick the span."""
    return f"`{text.translate(_CONTROLS).translate(_SPAN)}`"
