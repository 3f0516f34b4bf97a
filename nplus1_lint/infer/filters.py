"""Every executed query with the columns by which it finds its rows, and how often it may run.

What is loaded along with a query, or lazily, is a query by a column, too, and so is what the database does to the rows
that refer to a deleted one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nplus1_lint.findings import NodeKind
from nplus1_lint.infer import library as lib
from nplus1_lint.infer.effects import DELETE, LOAD, Filter, Lookup
from nplus1_lint.infer.loading import cascade, follow
from nplus1_lint.link.searched import table_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nplus1_lint.infer.effects import Execution, Facts, Key
    from nplus1_lint.infer.solve import Engine
    from nplus1_lint.infer.values import Site
    from nplus1_lint.link import Project
    from nplus1_lint.link.hierarchy import Function as Definition

_VALUES: Final = frozenset({"Eq", "In", "Range", "Prefix"})
_LIMITED: Final = frozenset({"limit", "paged", "single"})

_SOME: Final = lib.RESULT_ONES | {"paginate"}


@dataclass(frozen=True, slots=True)
class Filtered:
    """A query that finds rows by columns.

    Attributes:
        filter: the query.
        routers: how many modules with route handlers run it, themselves or through calls.
        repeated: a loop runs it.
    """

    filter: Filter
    routers: int
    repeated: bool


def load_of(model: str, relationship: str, site: Site) -> Filter:
    """Return the query by which a relationship is loaded.

    Args:
        model: id of the class that has it.
        relationship: its name.
        site: the read that loads it lazily, or the query with which it is loaded.
    """
    return _by_mapping(model, relationship, LOAD, site)


def _by_mapping(model: str, name: str, op: str, site: Site, other: tuple[str, str] | None = None) -> Filter:
    return Filter(site, (Lookup(model, name, op, site.function, site.place, NodeKind.CALL, other),), False)


def filtered(
    engine: Engine, entries: Iterable[tuple[Definition, Key, bool]], repeated: frozenset[Site]
) -> Iterator[Filtered]:
    """Yield each query once per set of columns.

    Args:
        engine: the engine after all functions have run.
        entries: the entry points, each with its context and whether it is a route handler.
        repeated: executing calls that loops repeat.

    Yields:
        The queries in the order of their sites.
    """
    handlers: dict[str, list[Key]] = {}
    for definition, key, is_handler in entries:
        if is_handler:
            handlers.setdefault(definition.path, []).append(key)
    along = _Along(engine, repeated)
    routers: dict[Filter, set[str]] = {one: set() for facts in engine.facts.values() for one in along.with_loads(facts)}
    for path, keys in handlers.items():
        for key in _reached(engine, keys):
            for one in along.with_loads(engine.facts[key]):
                routers[one].add(path)
    for one in sorted(routers, key=_in_order):
        yield Filtered(one, len(routers[one]), one.site in repeated)


class _Along:
    """What queries load along with their rows, where these are some rows of their table, and what deletions search.

    With all rows of a table, all that belongs to them is read: no index is of use.
    """

    def __init__(self, engine: Engine, repeated: frozenset[Site]) -> None:
        self._models = engine.project.models
        self._searched = engine.project.schema.searched
        self._some = set(repeated)
        for facts in engine.facts.values():
            self._some.update(one.site for one in facts.filters if any(lk.op in _VALUES for lk in one.lookups))
            for fetch in facts.trail.fetches:
                some = fetch.unique or fetch.method in _SOME or fetch.method in lib.SESSION_GETS
                if some or not _LIMITED.isdisjoint(fetch.flags):
                    self._some.add(fetch.site)
        self._found: dict[Execution, tuple[Filter, ...]] = {}
        self._referring = dict(_referring(engine.project))

    def with_loads(self, facts: Facts) -> Iterator[Filter]:
        """Yield the queries of a run, the loads along with each, and the searches for what refers to deleted rows."""
        yield from facts.filters
        for change in facts.changes:
            for model, column in self._referring.get(change.model, ()) if change.how == "delete" else ():
                yield _by_mapping(model, column, DELETE, change.place, (change.model, ""))
        for execution in facts.executions:
            if execution not in self._found:
                self._found[execution] = tuple(self._loads(execution))
            yield from self._found[execution]

    def _loads(self, execution: Execution) -> Iterator[Filter]:
        if execution.takes_options and execution.site not in self._some:
            return
        options = [one.path for one in execution.loaders if one.strategy in lib.LOADING_OPTIONS]
        for model in execution.models:
            paths = [*cascade(self._models, model, execution.loads), *options]
            for relationship in dict.fromkeys(follow(self._models, model, path) for path in paths):
                if relationship is not None and (relationship.owner, relationship.name) in self._searched:
                    yield load_of(relationship.owner, relationship.name, execution.site)


def _referring(project: Project) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """For each class, the columns that refer to its table and that ``ON DELETE`` searches: (class id, attribute)."""
    columns = [
        (model, column)
        for model in project.models.values()
        for column in model.columns.values()
        if column.on_delete.upper() in ("CASCADE", "SET NULL", "SET DEFAULT")
    ]
    for model in project.models.values() if columns else ():
        names = (model.table, model.name)
        found = [(owner.id, one.name) for owner, one in columns if table_of(one) in names]
        if found:
            yield model.id, found


def _reached(engine: Engine, keys: Iterable[Key]) -> set[Key]:
    seen: set[Key] = set()
    stack = list(keys)
    while stack:
        key = stack.pop()
        if key not in seen and key in engine.facts:
            seen.add(key)
            stack += engine.facts[key].calls
    return seen


def _in_order(one: Filter) -> tuple[object, ...]:
    lookups = tuple((lk.function, lk.place, lk.model, lk.column, lk.op, lk.other or ("", "")) for lk in one.lookups)
    return one.site, lookups, one.counts
