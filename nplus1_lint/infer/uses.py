"""What the whole project does with the rows that queries load by their own loader options."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, TypeAlias

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import children
from nplus1_lint.infer import loading
from nplus1_lint.infer.callers import Callers, Way
from nplus1_lint.infer.givers import NO_PATHS, Givers, Ways
from nplus1_lint.infer.library import SESSION_GETS
from nplus1_lint.infer.loading import Declaration, declaration_of, follow
from nplus1_lint.infer.unseen import is_read_unseen
from nplus1_lint.infer.values import Loads, Origin

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nplus1_lint.infer.effects import Execution, Facts
    from nplus1_lint.infer.loaders import Loader
    from nplus1_lint.infer.solve import Engine
    from nplus1_lint.infer.trails import RowQuery
    from nplus1_lint.infer.values import Site
    from nplus1_lint.link.models import Relationship

Path: TypeAlias = tuple[str, ...]
_BySite: TypeAlias = dict["Site", set[Path]]

# Methods of a row that Python calls without naming them.
_UNNAMED = ("__repr__", "__str__", "__eq__", "__hash__", "__lt__", "__len__", "__iter__", "__bool__", "__contains__")


class Fate(enum.Enum):
    """What becomes of a relationship that an option loads.

    READ: some code reads it, or may well do.
    ESCAPED: its rows go where nobody can follow.
    UNREAD: all ways of its rows are known and none reads it.
    UNNAMED: some ways are unknown, and nothing in the project that could stand on them names it.
    """

    READ = "read"
    ESCAPED = "escaped"
    UNREAD = "unread"
    UNNAMED = "unnamed"


class Uses:
    """Reads and ways of rows over all runs of all functions.

    Attributes:
        executions: queries for whole rows that an entry leads to, in the order of the runs.
        fetches: the same, with how they are run.
        taken: for each executing call, the methods by which rows are taken from its result.
    """

    def __init__(self, engine: Engine, handlers: Iterable[str]) -> None:
        self._engine = engine
        self._models = engine.project.models
        self._callers = Callers(engine, handlers)
        self._givers = Givers(engine, self._callers)
        live = self._callers.live
        self.executions: tuple[Execution, ...] = tuple(dict.fromkeys(e for facts in live for e in facts.executions))
        self.fetches: tuple[RowQuery, ...] = tuple(
            dict.fromkeys(fetch for facts in live for fetch in facts.trail.fetches)
        )
        self.taken: dict[Site, set[str]] = {}
        for facts in engine.facts.values():
            for site, method in facts.trail.taken:
                self.taken.setdefault(site, set()).add(method)
        self._loads: dict[Site, dict[tuple[str, Loads], None]] = {}
        for facts in engine.facts.values():
            for execution in facts.executions:
                for model in execution.models:
                    self._loads.setdefault(execution.site, {})[model, execution.loads] = None
        self._reads: _BySite = {}
        self._escapes: _BySite = {}
        self._leaves: _BySite = {}
        self._near: dict[str, dict[Declaration, dict[Origin | None, None]]] = {}
        for facts in engine.facts.values():
            self._collect(facts)
        self._gets: dict[str, frozenset[str]] = {}
        self._touched: _BySite = {}
        for facts in engine.facts.values():
            for origin in facts.trail.touched:
                _add(self._touched, origin.site, origin.path)
        self._blind = frozenset(name for facts in live for name in facts.trail.blind)
        self._strays = {declaration_of(relationship) for facts in live for relationship in self._stray(facts)}
        self._written: frozenset[str] | None = None

    # -- collecting -----------------------------------------------------------------------------------------------

    def _collect(self, facts: Facts) -> None:
        near = self._near.setdefault(facts.function, {})
        for read in facts.reads:
            _add(self._reads, read.site, self._shortest(read.site, read.path))
            for relationship in self._ends(read.site, read.path):
                near.setdefault(declaration_of(relationship), {})[Origin(read.site, read.path[:-1])] = None
        for relationship in self._stray(facts):
            near.setdefault(declaration_of(relationship), {})[None] = None
        for escape in facts.escapes:
            _add(self._escapes, escape.site, self._shortest(escape.site, escape.path))
        for leave in facts.trail.leaves:
            _add(self._leaves, leave.site, self._shortest(leave.site, leave.path))
        way = self._callers.way_out(facts.function) if facts.trail.returned else Way.FOLLOWED
        if way is not Way.FOLLOWED:
            for origin in facts.trail.returned:
                ways = self._escapes if way is Way.OUT else self._leaves
                _add(ways, origin.site, self._shortest(origin.site, origin.path))

    def _stray(self, facts: Facts) -> Iterator[Relationship]:
        for model, name in facts.trail.strays:
            relationship = self._models[model].relationships.get(name)
            if relationship is not None:
                yield relationship

    # -- paths ----------------------------------------------------------------------------------------------------

    def _ends(self, site: Site, path: Path) -> Iterator[Relationship]:
        for model in dict.fromkeys(model for model, _ in self._loads.get(site, ())):
            relationship = follow(self._models, model, path)
            if relationship is not None:
                yield relationship

    def _shortest(self, site: Site, path: Path) -> Path:
        """Take out of a path each way to a child and back: it ends at the row where it began."""
        if len(path) < 2:
            return path
        for model in dict.fromkeys(model for model, _ in self._loads.get(site, ())):
            if follow(self._models, model, path) is None:
                continue
            kept: list[str] = []
            for name in path:
                last = follow(self._models, model, tuple(kept)) if kept else None
                back = follow(self._models, model, (*kept, name))
                if last is not None and back is not None and last.back_populates == name and not back.uselist:
                    kept.pop()
                else:
                    kept.append(name)
            return tuple(kept)
        return path

    # -- answers --------------------------------------------------------------------------------------------------

    def fate(self, execution: Execution, loader: Loader) -> Fate:
        """Say what becomes of what an option loads.

        Args:
            execution: the query.
            loader: one of its options.
        """
        path = loader.path
        relationship = follow(self._models, execution.models[0], path)
        ways = self._ways(execution, loader)
        if relationship is None or path in ways.reads or self._is_read_unnamed(relationship):
            return Fate.READ
        if path[:-1] not in ways.touched or self._serves_others(execution, path):
            return Fate.READ  # rows that are fetched and left alone are there for the identity map
        before = {path[:length] for length in range(len(path))}
        if not before.isdisjoint(ways.escapes):
            return Fate.ESCAPED
        if self._answers_gets(execution, path):
            return Fate.READ
        if before.isdisjoint(ways.leaves):
            return Fate.UNREAD
        return Fate.READ if self._may_be_read(relationship) else Fate.UNNAMED

    def is_given(self, execution: Execution, loader: Loader) -> bool:
        """True if a caller gave the query an option, so that what other callers read says nothing of it."""
        return self._givers.ways(execution, loader) is not None

    def _ways(self, execution: Execution, loader: Loader) -> Ways:
        """The ways of a query's rows; where a caller gave it the option, those of that caller's rows."""
        site = execution.site
        given = self._givers.ways(execution, loader)
        if given is None or given.leaves:  # rows that go on elsewhere may be read by anyone
            every = (self._reads, self._escapes, self._leaves, self._touched)
            return Ways(*(of.get(site, NO_PATHS) for of in every))
        reads, escapes, leaves = ({self._shortest(site, path) for path in paths} for paths in given[:3])
        return Ways(reads, escapes, leaves, given.touched)

    def _is_read_unnamed(self, relationship: Relationship) -> bool:
        if is_read_unseen(self._engine.project, relationship):
            return True
        hierarchy = self._engine.project.hierarchy
        methods = (hierarchy.find_method(relationship.owner, name) for name in _UNNAMED)
        return any(method is not None and relationship.name in method.facts.mentions for method in methods)

    def _serves_others(self, execution: Execution, path: Path) -> bool:
        """True if rows of other queries are lazily read near by for what the option loads or what lies below it.

        The identity map may make those rows one with the option's.
        """
        paths = {path, *(loader.path for loader in execution.loaders if loader.path[: len(path)] == path)}
        wanted = {
            declaration_of(r)
            for one in paths
            for r in [follow(self._models, execution.models[0], one)]
            if r is not None
        }
        for function in self._callers.around(execution.site.function):
            near = self._near.get(function, {})
            for declaration in wanted.intersection(near):
                if any(self._is_lazy(origin, declaration, execution.site) for origin in near[declaration]):
                    return True
        return False

    def _answers_gets(self, execution: Execution, path: Path) -> bool:
        """True if rows of the class that the option loads are asked for by key near by: the identity map may answer."""
        relationship = follow(self._models, execution.models[0], path)
        function = execution.site.function
        if function not in self._gets:
            near = self._callers.runs_around(function)
            self._gets[function] = frozenset(model for facts in near for model in _got_by_key(facts))
        return relationship is not None and relationship.target in self._gets[function]

    def _is_lazy(self, origin: Origin | None, declaration: Declaration, site: Site) -> bool:
        """True if reading a relationship of rows of an origin queries, or may do so."""
        if origin is None or origin.site == site:
            return origin is None
        for model, loads in self._loads.get(origin.site, ()):
            relationship = follow(self._models, model, (*origin.path, declaration[2]))
            if relationship is not None and declaration_of(relationship) == declaration:
                below: Loads | None = loads
                for name in origin.path:
                    below = loading.below(below, name)
                if not loading.state_of(below, relationship):
                    return True
        return False

    def _may_be_read(self, relationship: Relationship) -> bool:
        """True if something that may stand on a row of the class names the relationship."""
        if declaration_of(relationship) in self._strays:
            return True
        if not self._blind.isdisjoint({relationship.name, *self._readers(relationship)}):
            return True
        return relationship.name in self._written_names()

    def _readers(self, relationship: Relationship) -> set[str]:
        """Return the class' own methods that may read a relationship, by the names that they mention."""
        hierarchy = self._engine.project.hierarchy
        family = [*hierarchy.mro(relationship.owner)]
        family += [hierarchy.classes[sub] for sub in hierarchy.descendants(relationship.owner)]
        methods = [method for cls in family for method in cls.methods.values()]
        names = {relationship.name}
        while True:
            found = {m.facts.name for m in methods if not names.isdisjoint(m.facts.mentions)} - names
            if not found:
                return names - {relationship.name}
            names |= found

    def _written_names(self) -> frozenset[str]:
        """Names by which a relationship may be read unseen: fields of schemas and the like, strings, templates."""
        if self._written is None:
            hierarchy = self._engine.project.hierarchy
            classes = [c for c in hierarchy.classes.values() if c.id not in self._models]
            fields = {name for c in classes for name in (*c.annotations, *c.attributes)}
            for cls in classes:
                for expr in cls.attributes.values():
                    fields |= _mentioned_by_lambdas(expr)
            words = [module.facts.words for module in self._engine.project.symbols.modules.values()]
            self._written = frozenset(fields.union(self._engine.project.templates.words(), *words))
        return self._written


def _got_by_key(facts: Facts) -> Iterator[str]:
    """The classes of which a run asks the identity map first."""
    yield from facts.held
    for fetch in facts.trail.fetches:
        if fetch.method in SESSION_GETS:
            yield fetch.model


def _add(ways: _BySite, site: Site, path: Path) -> None:
    ways.setdefault(site, set()).add(path)


def _mentioned_by_lambdas(expr: f.Expr) -> frozenset[str]:
    """Return the names in the lambdas of a class attribute, such as those of a schema's fields."""
    if isinstance(expr, f.Lambda):
        return expr.function.mentions
    return frozenset().union(*map(_mentioned_by_lambdas, children(expr)))
