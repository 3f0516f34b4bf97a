"""What each function and each endpoint costs in statements, as polynomials in named sizes with their evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.cost.formulas import Fixed, Formulas, public
from nplus1_lint.cost.routes import Routes
from nplus1_lint.findings import Step
from nplus1_lint.query_costs import ZERO, CostEntry, CostTerm, Polynomial

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from nplus1_lint.cost.formulas import Way
    from nplus1_lint.infer.analysis import Analysis
    from nplus1_lint.infer.costs import RunCost
    from nplus1_lint.infer.values import Site
    from nplus1_lint.query_costs import Monomial

__all__ = ["Fixed", "appraise"]


def appraise(
    analysis: Analysis,
    reported: Collection[str],
    named: Callable[[str], str],
    fixed: Collection[Fixed] | None = None,
) -> tuple[CostEntry, ...]:
    """Return what functions cost, by path, line and route; a function with several routes has an entry for each.

    Args:
        analysis: the inferred facts of a project, with costs.
        reported: project paths of the files that are asked about.
        named: project path to the path that is shown.
        fixed: where findings stand whose rewrite takes statements out of their loop; None where nobody has asked.
    """
    formulas = Formulas(analysis.path_of_function, analysis.function_name, named, fixed or frozenset())
    routes = Routes(analysis.project)
    found: list[CostEntry] = []
    for run in analysis.costs:
        if run.definition.path in reported:
            found += _entries(run, routes, formulas, analysis, named, compared=fixed is not None)
    return tuple(sorted(found, key=lambda entry: (entry.path, entry.line, entry.function, entry.route or "")))


def _entries(
    run: RunCost,
    routes: Routes,
    formulas: Formulas,
    analysis: Analysis,
    named: Callable[[str], str],
    *,
    compared: bool,
) -> Iterable[CostEntry]:
    runs = (*run.injected, run.cost)
    total, after = ZERO, ZERO
    ways: dict[Monomial, list[Way]] = {}
    for cost in runs:
        total, after = total + cost.total, after + formulas.after(cost)
        for monomial, found in formulas.ways(cost).items():
            ways.setdefault(monomial, []).extend(found)
    rename = public([total, after])
    polynomial = _renamed(total, rename)
    evidence: dict[Monomial, dict[Step, None]] = {}
    for monomial, lines in ways.items():
        evidence.setdefault(rename(monomial), {}).update(dict.fromkeys(step for way in lines for step in way))
    terms = tuple(
        CostTerm(count, tuple(size.name for size in monomial), tuple(evidence.get(monomial, ())))
        for monomial, count in polynomial.terms
    )
    doubts = dict.fromkeys(doubt for cost in runs for doubt in cost.doubts)
    remarks = dict.fromkeys(remark for cost in runs for remark in cost.remarks)
    notes = tuple(_step(analysis, named, site, text) for site, text in (*doubts, *remarks))
    definition = run.definition
    for route in (routes.of(definition) or (definition.facts.name,)) if run.handles else (None,):
        yield CostEntry(
            path=named(definition.path),
            line=definition.facts.pos[0],
            function=analysis.function_name(definition.id),
            route=route,
            polynomial=polynomial,
            terms=terms,
            after=_renamed(after, rename) if compared else None,
            complete=not doubts,
            notes=notes,
        )


def _renamed(polynomial: Polynomial, rename: Callable[[Monomial], Monomial]) -> Polynomial:
    return Polynomial.collected((rename(monomial), count) for monomial, count in polynomial.terms)


def _step(analysis: Analysis, named: Callable[[str], str], site: Site, text: str) -> Step:
    return Step(named(analysis.path_of(site)), site.place[0], text)
