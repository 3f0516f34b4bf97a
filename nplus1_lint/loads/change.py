"""The cheapest change for a relationship that some routers read and others do not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nplus1_lint.load_matrix import Action, Change, Use
from nplus1_lint.loads.sites import best, use_of

if TYPE_CHECKING:
    from nplus1_lint.findings import Step
    from nplus1_lint.infer.analysis import Reach
    from nplus1_lint.infer.eager import Load, Loading
    from nplus1_lint.infer.values import Site
    from nplus1_lint.link.models import Relationship
    from nplus1_lint.loads.sites import Sites

# The option that loads as the mapping does today; one statement for all rows in place of one per row.
_OPTIONS: Final = {"joined": "joinedload", "subquery": "subqueryload"}


def cheapest(label: str, relationship: Relationship, loads: list[tuple[Reach, Load]], sites: Sites) -> Change:
    """Choose between the mapping and the queries; never ``noload``, which silently returns nothing.

    Args:
        label: class and attribute, for the text.
        relationship: what is loaded.
        loads: every router that loads it.
        sites: names of places.
    """
    uses = [best(map(use_of, load.loadings)) for _, load in loads]
    wasting = [load for (_, load), use in zip(loads, uses, strict=True) if use is Use.WASTED]
    needed = len(uses) - len(wasting)
    queries = _by_site(loads)
    readers = {site: found for site, found in queries.items() if _use(found) is not Use.WASTED}
    if not needed:
        return Change(Action.SELECT, f'lazy="select" (or "raise") on {label}: nobody reads what is loaded')
    wasters = {
        loading.execution.site: queries[loading.execution.site]
        for load in wasting or [load for _, load in loads]
        for loading in load.loadings
        if loading.execution.site not in readers
    }
    on_mapping = needed < len(wasting) or (len(wasting) != 1 and len(readers) < len(wasters))
    if on_mapping:
        return _on_mapping(label, relationship, readers, uses, sites)
    wasters_of = [sites.named(reach.path) for (reach, _), use in zip(loads, uses, strict=True) if use is Use.WASTED]
    return _in_queries(label, relationship, wasters, wasters_of, sites)


def _by_site(loads: list[tuple[Reach, Load]]) -> dict[Site, list[Loading]]:
    found: dict[Site, list[Loading]] = {}
    for _, load in loads:
        for loading in load.loadings:
            found.setdefault(loading.execution.site, []).append(loading)
    return found


def _use(loadings: list[Loading]) -> Use:
    return best(map(use_of, loadings))


def _on_mapping(
    label: str, relationship: Relationship, readers: dict[Site, list[Loading]], uses: list[Use], sites: Sites
) -> Change:
    loader = _OPTIONS.get(relationship.lazy, "selectinload")
    options: list[Step] = []
    without: list[Step] = []
    certain = 0
    for site, loadings in readers.items():
        sure = _use(loadings) is Use.READ
        if loadings[0].execution.takes_options:
            needing = [loading for loading in loadings if use_of(loading) is not Use.WASTED]
            text = sites.options(loader, needing)
            certain += sure
            options.append(sites.step(site, text if sure else f"{text}, if its rows are read where they go"))
        else:
            said = "is read" if sure else "may be read"
            without.append(sites.step(site, f"takes no option; {label} {said} on its rows, and is then loaded lazily"))
    strategy = 'lazy="select"' if without or Use.MAYBE in uses else 'lazy="select" (or "raise")'
    title = f"{strategy} on {label}, and {loader} in {_reading(certain, len(options) - certain)}"
    if not options:
        title = f"{strategy} on {label}: no query needs an option"
    action = Action.SELECT_AND_OPTIONS if options else Action.SELECT
    return Change(action, title, _in_order(options), _in_order(without))


def _in_queries(
    label: str, relationship: Relationship, wasters: dict[Site, list[Loading]], wasting: list[str], sites: Sites
) -> Change:
    options: list[Step] = []
    without: list[Step] = []
    for site, loadings in wasters.items():
        if loadings[0].execution.takes_options:
            options.append(sites.step(site, sites.options("lazyload", loadings)))
        else:
            without.append(sites.step(site, f"takes no option; {label} is loaded for nothing there"))
    if options:
        where = (
            f" of {wasting[0]}" if len(wasting) == 1 else " that waste it" if len(options) > 1 else " that wastes it"
        )
        title = f"lazyload({label}) in {_counted(len(options), 'query', 'queries')}{where}; the mapping stays"
        return Change(Action.OVERRIDE, title, _in_order(options), _in_order(without))
    title = f'keep lazy="{relationship.lazy}" on {label}: each query that loads it serves a reader'
    if without:
        title = f'keep lazy="{relationship.lazy}" on {label}: what wastes it takes no option'
    return Change(Action.KEEP, title, (), _in_order(without))


def _reading(certain: int, unsure: int) -> str:
    """Count the queries that read it and those that may."""
    if not unsure:
        return _counted(certain, "query that reads it", "queries that read it")
    if not certain:
        return _counted(unsure, "query whose rows may be read", "queries whose rows may be read")
    return f"{_counted(certain, 'query that reads it', 'queries that read it')} and {unsure} that may"


def _in_order(steps: list[Step]) -> tuple[Step, ...]:
    return tuple(sorted(dict.fromkeys(steps), key=lambda step: (step.path, step.line, step.message)))


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"
