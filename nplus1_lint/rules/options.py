"""Loader options as text: the option, or the chain of options, that loads what is read."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from nplus1_lint.findings import Hop, OptionPlace, OptionsPlan, Pos
from nplus1_lint.infer.class_names import written
from nplus1_lint.infer.loading import below as loads_below
from nplus1_lint.infer.loading import follow, state_of
from nplus1_lint.infer.origins import Load

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nplus1_lint.infer.analysis import Analysis, Repetition
    from nplus1_lint.infer.effects import Effect, Execution
    from nplus1_lint.infer.values import Site
    from nplus1_lint.link import Project
    from nplus1_lint.link.models import Model, Relationship

_MAX_STEPS: Final = 6


def lazy_chain(analysis: Analysis, effect: Effect) -> tuple[Effect, ...]:
    """Return the lazy loads that lead to one, itself last: the first reads rows that a query has made.

    Args:
        analysis: the lazy loads of each place.
        effect: a lazy load; its rows may themselves have been loaded lazily.
    """
    chain = [effect]
    while len(chain) < _MAX_STEPS and chain[0].origin is not None:
        before = [
            e for e in analysis.lazy_loads.get(chain[0].origin, ()) if _target(analysis.project, e) == chain[0].subject
        ]
        if not before or before[0] in chain:
            break
        chain.insert(0, before[0])
    return tuple(chain)


def made_by(analysis: Analysis, effect: Effect) -> Site | None:
    """Return the query that made the rows to which a loader option for an effect belongs."""
    return lazy_chain(analysis, effect)[0].origin


def _target(project: Project, effect: Effect) -> str | None:
    relationship = project.models[effect.subject].relationships.get(effect.attribute)
    return relationship.target if relationship is not None else None


def option_for(analysis: Analysis, effect: Effect) -> str:
    """Return the loader option that would have loaded what an effect loads lazily.

    Args:
        analysis: the mapped classes and the lazy loads.
        effect: a lazy load; one for a schema gets the whole chain from the row that the schema was given.

    Returns:
        ``selectinload(Team.heroes)``, ``selectinload(Team.heroes).joinedload(Hero.team)`` or ``undefer(Hero.bio)``.
    """
    project = analysis.project
    if effect.reader is None or not effect.reader.path:
        return chained(_step(project.models[e.subject], e.attribute) for e in lazy_chain(analysis, effect))
    last = _step(project.models[effect.subject], effect.attribute)
    steps = []
    here: Model | None = project.models.get(effect.reader.model)
    for name in effect.reader.path[:-1]:
        relationship = here.relationships.get(name) if here is not None else None
        if here is None or relationship is None:
            return last
        steps.append(_step(here, name))
        here = project.models.get(relationship.target or "")
    return chained([*steps, last])


def chained(steps: Iterable[str]) -> str:
    """Return a chain of options; a relationship that leads on to itself is loaded to every depth.

    Source: SQLAlchemy 2, "Relationship Loading Techniques", "Configuring Self-Referential Eager Loading".
    """
    found = []
    for step, again in itertools.groupby(steps):
        several = len(list(again)) > 1
        found.append(re.sub(r"^\w+\((.*)\)$", r"selectinload(\1, recursion_depth=-1)", step) if several else step)
    return ".".join(found)


def _step(model: Model, attribute: str) -> str:
    relationship = model.relationships.get(attribute)
    if relationship is None:
        return f"undefer({model.name}.{attribute})"
    return f"{'selectinload' if relationship.uselist else 'joinedload'}({model.name}.{attribute})"


def options_for(analysis: Analysis, effects: Iterable[Effect]) -> str:
    """Return the options for several lazy loads, each once, those that others continue left out."""
    return ", ".join(longest(option_for(analysis, effect) for effect in effects))


def options_by_query(analysis: Analysis, effects: Iterable[Effect]) -> str:
    """Return the options for several lazy loads, each with the query to which it belongs."""
    by_class: dict[str, list[str]] = {}
    for chain in longest(option_for(analysis, effect) for effect in effects):
        by_class.setdefault(chain.partition("(")[2].partition(".")[0], []).append(chain)
    several = len(by_class) > 1
    return " and ".join(
        f".options({', '.join(chains)}) to the query that made the {f'{name} ' if several else ''}rows"
        for name, chains in by_class.items()
    )


def longest(chains: Iterable[str]) -> list[str]:
    """Leave out chains of options that others go on from, or load to every depth."""
    every = list(dict.fromkeys(chains))
    return [
        one
        for one in every
        if not any(other.startswith((f"{one}.", f"{one.removesuffix(')')}, recursion_depth=")) for other in every)
    ]


def made_in_loop(analysis: Analysis, repetition: Repetition, effects: Iterable[Effect]) -> bool:
    """True if the loop itself queries for each row of which it loads more: an option there saves no statement.

    Args:
        analysis: what loops repeat, and the queries behind lazy loads.
        repetition: the read in its loop.
        effects: the lazy loads of the read.
    """
    loop = repetition.loop.site
    behind = analysis.origins.behind(loop.function)
    queries = {load.query for one in effects for load in behind.of(one.site, one.attribute)}
    if any(effect.loops for effect in effects) or not queries:
        return False
    again = {effect.site for one in analysis.repetitions if one.loop.site == loop for effect in one.effects}
    return queries <= again


# -- as a plan for the rewriter --------------------------------------------------------------------------------------


class LazyRead(NamedTuple):
    """A read that loads lazily.

    Attributes:
        site: where it stands.
        model: id of the class whose relationship or column it reads.
        attribute: the relationship or column.
        origin: the query that made the row, or None.
    """

    site: Site
    model: str
    attribute: str
    origin: Site | None


def lazy_reads(effects: Iterable[Effect]) -> list[LazyRead]:
    """Return the reads that some effects are."""
    return [LazyRead(effect.site, effect.subject, effect.attribute, effect.origin) for effect in effects]


def options_plan(analysis: Analysis, function: str, reads: Iterable[LazyRead]) -> OptionsPlan | None:
    """Return what the rewriter needs to load eagerly what some reads load lazily.

    Args:
        analysis: the reads and the queries behind them.
        function: id of the function in which the loop stands, or the read where no loop is.
        reads: of relationships and deferred columns.

    Returns:
        The queries with the options that each lacks; None when not every query behind the effects is known, or when
        one of them takes no options.
    """
    behind = analysis.origins.behind(function)
    found: list[tuple[Load, ...]] = []
    for read in reads:
        loads = behind.of(read.site, read.attribute)
        found.append(of_model(analysis, loads, read.model) or _of_column(analysis, read))
    return planned(analysis, function, found)


def of_model(analysis: Analysis, loads: Iterable[Load], model: str) -> tuple[Load, ...]:
    """Of the classes that a query gives together, keep those from whose rows a path leads to rows of a class.

    Args:
        analysis: the mapped classes.
        loads: the loads that a read may be.
        model: id of the class that is read.
    """
    models, hierarchy = analysis.project.models, analysis.project.hierarchy
    family = {model, *(cls.id for cls in hierarchy.mro(model)), *hierarchy.descendants(model)}

    def leads(start: str, path: tuple[str, ...]) -> bool:
        end = follow(models, start, path[:-1])
        return (end.target if end is not None else None if len(path) > 1 else start) in family

    kept = ((load, tuple(one for one in load.models if leads(one, load.path))) for load in loads)
    return tuple(load._replace(models=starts or load.models) for load, starts in kept)


def planned(analysis: Analysis, function: str, found: Iterable[tuple[Load, ...]]) -> OptionsPlan | None:
    """Return the plan for some reads.

    Args:
        analysis: the queries.
        function: as for `options_plan`.
        found: for each read the queries behind it; none for a read whose rows come from elsewhere.
    """
    needed: dict[Site, dict[tuple[Hop, ...], None]] = {}
    for loads in found:
        if not loads:
            return None
        for load in loads:
            run = analysis.origins.executions(load.query)
            if not run or not all(execution.takes_options for execution in run):
                return None
            if all(_is_loaded(analysis, execution, load.path) for execution in run):
                continue
            hops = _hops(analysis, load)
            if hops is None or any(one == other for one, other in itertools.pairwise(load.path)):
                return None  # how deep a recursion goes is not known
            needed.setdefault(load.query, {})[hops] = None
    places = [
        OptionPlace(analysis.path_of(query), Pos(*query.place), _longest(list(chains)))
        for query, chains in sorted(needed.items())
    ]
    shared = any(query.function != function for query in needed)
    return OptionsPlan(tuple(places), shared, function in analysis.changing_functions) if places else None


def _of_column(analysis: Analysis, read: LazyRead) -> tuple[Load, ...]:
    """A deferred column: no read of it is noted, but the query of its row is."""
    model = analysis.project.models[read.model]
    if read.origin is None or read.attribute not in model.columns:
        return ()
    models = {name for execution in analysis.origins.executions(read.origin) for name in execution.models}
    return (Load(read.origin, (model.id,), (read.attribute,)),) if model.id in models else ()


def _is_loaded(analysis: Analysis, execution: Execution, path: tuple[str, ...]) -> bool:
    """True if a query loads a relationship already."""
    here = analysis.project.models.get(execution.models[0])
    loads = execution.loads
    for name in path:
        relationship = here.relationships.get(name) if here is not None else None
        if relationship is None or state_of(loads, relationship) is not True:
            return False
        loads = loads_below(loads, name) or frozenset()
        here = analysis.project.models.get(relationship.target or "")
    return True


def _hops(analysis: Analysis, load: Load) -> tuple[Hop, ...] | None:
    """The options along a path, each class as the query's file writes it; the first is the query's own entity."""
    path = analysis.path_of(load.query)
    for model in load.models:
        hops: list[Hop] = []
        here = analysis.project.models.get(model)
        for name in load.path:
            relationship = here.relationships.get(name) if here is not None else None
            known = written(analysis.project.symbols, path, here.id) if here is not None else None
            if here is None or known is None or (relationship is None and name not in here.columns):
                break
            hops.append(Hop(_strategy(relationship), known[0], name, known[1]))
            here = analysis.project.models.get(relationship.target or "") if relationship is not None else None
        else:
            return tuple(hops)
    return None


def _strategy(relationship: Relationship | None) -> str:
    if relationship is None:
        return "undefer"
    by_mapping = {"joined": "joinedload", "subquery": "subqueryload"}.get(relationship.lazy)
    return by_mapping or ("selectinload" if relationship.uselist else "joinedload")


def _longest(chains: list[tuple[Hop, ...]]) -> tuple[tuple[Hop, ...], ...]:
    """Leave out a chain that another one goes on from."""
    return tuple(
        one for one in chains if not any(other[: len(one)] == one and len(other) > len(one) for other in chains)
    )
