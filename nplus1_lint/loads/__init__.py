"""What routers load by the mapping's own strategies, as a matrix with the cheapest change per relationship."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from nplus1_lint.infer.loading import Declaration, cascade, declaration_of
from nplus1_lint.infer.values import NO_LOADS
from nplus1_lint.load_matrix import Cell, LoadMatrix, QueryLoad, RelationshipLoads, Router, RouterQuery, Use
from nplus1_lint.loads.change import cheapest
from nplus1_lint.loads.costs import cost_of, dearest, total
from nplus1_lint.loads.names import short_names
from nplus1_lint.loads.sites import Sites, best, use_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from nplus1_lint.infer.analysis import Analysis, Reach
    from nplus1_lint.infer.eager import Load, Loading
    from nplus1_lint.infer.effects import Execution
    from nplus1_lint.infer.values import Site
    from nplus1_lint.link.models import Model
    from nplus1_lint.load_matrix import Cost

__all__ = ["tabulate"]

Column: TypeAlias = tuple[bool, str]
"""A router: whether it has no route handlers after all, and its project path; it sorts as the matrix does."""


def tabulate(analysis: Analysis, reported: Collection[str], named: Callable[[str], str]) -> LoadMatrix:
    """Say which eagerly mapped relationships each router loads and reads.

    Args:
        analysis: the inferred facts of the project.
        reported: project paths of the files that are asked about: the relationships that they declare and those that
            their queries load make the rows. The columns are all routers that load one of them, asked about or not,
            for a change of the mapping concerns them all.
        named: project path to the path that is shown.
    """
    loads: dict[Declaration, list[tuple[Reach, Load]]] = {}
    for reach, load in analysis.eager:
        loads.setdefault(declaration_of(load.relationship), []).append((reach, load))
    asked = {
        declaration: found
        for declaration, found in loads.items()
        if declaration[0] in reported or any(reach.path in reported for reach, _ in found)
    }
    sites = Sites(analysis, named)
    columns = _columns(asked, named)
    rows = (_relationship(analysis, declaration, found, sites, columns) for declaration, found in asked.items())
    reaches = {_column(reach): reach for reach in analysis.reaches}
    routers = (
        Router(named(column[1]), name, reaches[column].is_router, _queries(analysis, reaches[column], sites))
        for column, name in columns.items()
    )
    idle = reaches.keys() - {_column(reach) for reach, _ in analysis.eager}
    return LoadMatrix(
        tuple(row for _, row in sorted(rows, key=lambda row: (row[1].path, row[0]))),
        tuple(routers),
        tuple(sorted(named(path) for beside, path in idle if not beside)),
    )


def _column(reach: Reach) -> Column:
    """A router's file may hold functions that no route reaches: they are a column of their own."""
    return not reach.is_router, reach.path


def _columns(asked: dict[Declaration, list[tuple[Reach, Load]]], named: Callable[[str], str]) -> dict[Column, str]:
    """The columns in the order of the matrix with their short names."""
    found = {_column(reach) for loads in asked.values() for reach, _ in loads}
    names = short_names({named(path) for _, path in found})
    columns = {}
    for beside, path in sorted(found, key=lambda column: (column[0], named(column[1]))):
        doubled = beside and (False, path) in found
        columns[beside, path] = f"{names[named(path)]} (no route)" if doubled else names[named(path)]
    return columns


def _relationship(
    analysis: Analysis,
    declaration: Declaration,
    loads: list[tuple[Reach, Load]],
    sites: Sites,
    columns: dict[Column, str],
) -> tuple[Declaration, RelationshipLoads]:
    models = analysis.project.models
    owner = _declaring(models, declaration)
    name = declaration[2]
    relationship = owner.relationships[name]
    below = [path for path in cascade(models, owner.id, NO_LOADS) if path[0] == name]
    cells = {
        _column(reach): Cell(
            columns[_column(reach)], best(map(use_of, load.loadings)), _cell_queries(analysis, load, sites)
        )
        for reach, load in loads
    }
    row = RelationshipLoads(
        model=owner.name,
        name=name,
        path=sites.named(declaration[0]),
        line=declaration[1][0],
        lazy=relationship.lazy,
        adds=total(cost_of(models, owner.id, path) for path in below),
        cells=tuple(cells[column] for column in columns if column in cells),
        change=cheapest(f"{owner.name}.{name}", relationship, loads, sites),
    )
    return declaration, row


def _declaring(models: dict[str, Model], declaration: Declaration) -> Model:
    """The class that declares a relationship rather than inherits it; of a mixin's heirs, the first."""
    path, _, name = declaration
    heirs = (
        model
        for model in models.values()
        if name in model.relationships and declaration_of(model.relationships[name]) == declaration
    )
    return min(heirs, key=lambda model: (model.path != path, model.path, model.place))


def _cell_queries(analysis: Analysis, load: Load, sites: Sites) -> tuple[QueryLoad, ...]:
    found: dict[Site, list[Loading]] = {}
    for loading in load.loadings:
        found.setdefault(loading.execution.site, []).append(loading)
    models = analysis.project.models
    queries = (
        QueryLoad(
            *sites.place(site),
            analysis.function_name(site.function),
            tuple(sorted({".".join((models[one.model].name, *one.path)) for one in loadings})),
            best(map(use_of, loadings)),
        )
        for site, loadings in found.items()
    )
    return tuple(sorted(queries, key=lambda query: (query.path, query.line, query.column)))


def _queries(analysis: Analysis, reach: Reach, sites: Sites) -> tuple[RouterQuery, ...]:
    """Add up what each run of a query loads; of its runs in several contexts, the dearest counts."""
    runs: dict[Execution, list[tuple[Use, Cost]]] = {}
    for loader, load in analysis.eager:
        for loading in load.loadings if loader is reach else ():
            cost = cost_of(analysis.project.models, loading.model, loading.path)
            runs.setdefault(loading.execution, []).append((use_of(loading), cost))
    found: dict[Site, list[list[tuple[Use, Cost]]]] = {}
    for execution, costs in runs.items():
        found.setdefault(execution.site, []).append(costs)

    def most(contexts: list[list[tuple[Use, Cost]]], *uses: Use) -> Cost:
        return dearest(total(cost for use, cost in costs if use in uses) for costs in contexts)

    queries = (
        RouterQuery(
            *sites.place(site),
            analysis.function_name(site.function),
            adds=most(contexts, *Use),
            wasted=most(contexts, Use.WASTED),
            maybe=most(contexts, Use.MAYBE),
        )
        for site, contexts in found.items()
    )
    return tuple(sorted(queries, key=lambda query: (query.path, query.line, query.column)))
