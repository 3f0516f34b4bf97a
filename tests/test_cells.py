"""What is computed once: contexts that hold only in the course of a recursion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nplus1_lint.infer.cells import Cells
from nplus1_lint.infer.effects import Summary
from nplus1_lint.infer.values import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST = Summary(UNKNOWN, 0, (), ())


def solve(cells: Cells, name: str, body: Callable[[], object]) -> None:
    key: Any = (name, (), ())

    def run() -> Any:
        body()
        return FIRST, name, ()

    cells.solve(key, FIRST, 1, run)


def test_a_recursion_inside_a_shared_value_is_reached_by_way_of_another_recursion() -> None:
    """``outer`` and ``inner`` call each other; ``inner`` reads a value whose computation reads the value itself."""
    cells = Cells()
    table: dict[Any, Any] = {}
    outer: Any = ("outer", (), ())

    def value() -> object:
        return cells.share(table, "value", None, lambda: solve(cells, "maker", value))

    def inner() -> None:
        value()
        cells.find(outer)

    solve(cells, "outer", lambda: solve(cells, "inner", inner))
    assert sorted(key[0] for key in cells.reached()) == ["inner", "maker", "outer"]
