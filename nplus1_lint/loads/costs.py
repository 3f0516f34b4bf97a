"""What eager loading costs: statements, statements per row, joins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.infer.loading import follow
from nplus1_lint.load_matrix import Cost

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nplus1_lint.link.models import Model


def cost_of(models: dict[str, Model], model: str, path: tuple[str, ...]) -> Cost:
    """Return what the last relationship of a path adds to a query, without what its rows load in turn.

    ``immediate`` asks for each parent by itself; ``subquery`` below it runs with each of these statements, ``selectin``
    once for the rows of all. Measured with SQLAlchemy 2.0; `tests/test_loads.py` repeats it.

    Args:
        models: all mapped classes.
        model: id of the class that the query asks for.
        path: relationships from there, the last of them loaded by the mapping.
    """
    repeated = False
    strategy = ""
    for length in range(1, len(path) + 1):
        repeated = strategy == "immediate" or (repeated and strategy != "selectin")
        step = follow(models, model, path[:length])
        strategy = step.lazy if step is not None else ""
    if strategy == "joined":
        return Cost(joins=1)
    return Cost(per_row=1) if strategy == "immediate" or (repeated and strategy == "subquery") else Cost(statements=1)


def total(costs: Iterable[Cost]) -> Cost:
    """Add costs up."""
    found = tuple(costs)
    return Cost(
        sum(cost.statements for cost in found),
        sum(cost.per_row for cost in found),
        sum(cost.joins for cost in found),
    )


def dearest(costs: Iterable[Cost]) -> Cost:
    """Return the greatest number of each kind."""
    found = tuple(costs)
    return Cost(
        max((cost.statements for cost in found), default=0),
        max((cost.per_row for cost in found), default=0),
        max((cost.joins for cost in found), default=0),
    )
