"""What is computed once: contexts that hold only in the course of a recursion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from nplus1_lint.infer import cells as cells_module
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


@pytest.mark.parametrize("bound", [100, 0])
def test_a_recursion_inside_a_shared_value_is_reached_by_way_of_another_recursion(
    monkeypatch: pytest.MonkeyPatch, bound: int
) -> None:
    """``outer`` and ``inner`` call each other; ``inner`` reads a value whose computation reads the value itself.

    Whether the parts of a recursion stay its own, or are too many and are kept for all.
    """
    monkeypatch.setattr(cells_module, "MAX_PARTS", bound)
    cells = Cells()
    table: dict[Any, Any] = {}
    outer: Any = ("outer", (), ())

    def value() -> object:
        return cells.share(table, "value", None, lambda: solve(cells, "maker", value))

    def inner() -> None:
        value()
        cells.find(outer)

    def both() -> None:
        value()
        solve(cells, "inner", inner)

    solve(cells, "outer", both)
    assert sorted(key[0] for key in cells.reached()) == ["inner", "maker", "outer"]
