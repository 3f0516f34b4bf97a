"""What changes of the code take from the endpoints' formulas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nplus1_lint.cost.formulas import Formulas, public
from nplus1_lint.query_costs import ZERO, Polynomial

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from nplus1_lint.cost.formulas import Fixed, Unloaded
    from nplus1_lint.infer.analysis import Analysis
    from nplus1_lint.infer.costs import RunCost


@dataclass(frozen=True, slots=True)
class Relief:
    """What some changes do to the statements of a project.

    Attributes:
        once: findings whose statements leave their loop.
        gone: statements that are not sent any more.
        unloaded: eager loads that are not made any more, by the project path of the router for which they are none.
    """

    once: frozenset[Fixed] = frozenset()
    gone: frozenset[Fixed] = frozenset()
    unloaded: Mapping[str, frozenset[Unloaded]] | None = None

    @staticmethod
    def of(reliefs: Iterable[Relief]) -> Relief:
        """Return what several changes do together."""
        once: set[Fixed] = set()
        gone: set[Fixed] = set()
        unloaded: dict[str, frozenset[Unloaded]] = {}
        for one in reliefs:
            once |= one.once
            gone |= one.gone
            for path, loads in (one.unloaded or {}).items():
                unloaded[path] = unloaded.get(path, frozenset()) | loads
        return Relief(frozenset(once), frozenset(gone), unloaded)


class Savings:
    """The endpoints of a project, whose formulas can be asked for with changes.

    Args:
        analysis: the inferred facts of the project, with costs.
        reported: project paths of the files that are asked about.

    Attributes:
        runs: the handlers, in the order of their places.
    """

    def __init__(self, analysis: Analysis, reported: Collection[str]) -> None:
        self._analysis = analysis
        self.runs = tuple(run for run in analysis.costs if run.handles and run.definition.path in reported)

    def after(self, relief: Relief) -> tuple[Polynomial, ...]:
        """Return the formula of each handler after some changes; its sizes are named as in its `CostEntry`."""
        by_router: dict[str, Formulas] = {}
        found = []
        for run in self.runs:
            path = run.definition.path if relief.unloaded else ""
            if path not in by_router:
                by_router[path] = self._formulas(relief, path)
            found.append(_total(run, by_router[path]))
        return tuple(found)

    def _formulas(self, relief: Relief, router: str) -> Formulas:
        analysis = self._analysis
        return Formulas(
            analysis.path_of_function,
            analysis.function_name,
            str,
            relief.once,
            gone=relief.gone,
            unloaded=(relief.unloaded or {}).get(router, frozenset()),
        )


def _total(run: RunCost, formulas: Formulas) -> Polynomial:
    total, after = ZERO, ZERO
    for cost in (*run.injected, run.cost):
        total, after = total + cost.total, after + formulas.after(cost)
    rename = public([total, after])
    return Polynomial.collected((rename(monomial), count) for monomial, count in after.terms)
