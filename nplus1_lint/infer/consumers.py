"""What becomes of fetched rows: each expression that fetches, with all that its function does with the rows."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from nplus1_lint.findings import NodeKind
from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import children, dotted
from nplus1_lint.infer.holding import rows_in
from nplus1_lint.infer.nested import name_of
from nplus1_lint.infer.plain import Columns
from nplus1_lint.infer.purposes import How, Shape, Use
from nplus1_lint.infer.roles import Follower
from nplus1_lint.infer.tree import Tree
from nplus1_lint.infer.values import Const, Many, Row, Site

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from nplus1_lint.infer.effects import Escape, Fetch, Key, Read
    from nplus1_lint.infer.frame import Place
    from nplus1_lint.infer.solve import Engine
    from nplus1_lint.infer.values import Value
    from nplus1_lint.link.models import Relationship

# Few rows by the statement's own doing, or rows that are fetched for something other than to be read.
_LIMITED = frozenset({"limit", "single", "paged", "subquery"})
_LOCKED = frozenset({"for_update"})
_ROWS = frozenset({"all", "__iter__", "fetchall"})
_ONE = frozenset({"first", "one_or_none", "scalar_one_or_none"})
_RESULT = frozenset({"execute", "scalars", "exec", "stream", "stream_scalars"})
_KINDS: dict[type, NodeKind] = {f.Attr: NodeKind.ATTRIBUTE, f.Name: NodeKind.NAME, f.Call: NodeKind.CALL}


@dataclass(frozen=True, slots=True)
class Fetched:
    """An expression that fetches, and what its function does with what it gives.

    Attributes:
        path: project path of the file.
        function: id of the function.
        place: the expression: the executing call, the iterated query, or the call of a function that returns rows.
        scope: the innermost statement around it.
        node: the syntax that stands there.
        shape: what it gives.
        models: ids of the classes of the rows; empty for columns.
        sites: the queries that run; the place itself unless a called function fetches.
        flags: those of the statements, all together.
        uses: what is done with it.
    """

    path: str
    function: str
    place: Place
    scope: Place
    node: NodeKind
    shape: Shape
    models: tuple[str, ...]
    sites: tuple[Site, ...]
    flags: frozenset[str]
    uses: tuple[Use, ...]

    @property
    def direct(self) -> bool:
        """True if the expression itself runs the query."""
        return self.sites == (Site(self.function, self.place),)


@dataclass(frozen=True, slots=True)
class Counted:
    """A place where the rows of a relationship are only counted, or only asked for.

    Attributes:
        path: project path of the file.
        function: id of the function.
        place: the read of the relationship.
        scope: the innermost statement around it.
        relationship: what is read.
        uses: what is done with it there.
        wasters: queries on whose rows the relationship is read in no other way.
        readers: how many other queries there are whose rows come here.
    """

    path: str
    function: str
    place: Place
    scope: Place
    relationship: Relationship
    uses: tuple[Use, ...]
    wasters: tuple[Site, ...]
    readers: int


_GROWING = ("append", "extend", "insert")
_Way: TypeAlias = "tuple[Site, tuple[str, ...]]"
"""A query, and the relationships from its entity to one that is read."""


class _Returned(NamedTuple):
    """Rows that a called function returns."""

    models: tuple[str, ...]
    sites: tuple[Site, ...]


class Consumers:
    """Reads the facts of all runs."""

    def __init__(self, engine: Engine, escapes: Iterable[Escape]) -> None:
        """Sort the facts by function.

        Args:
            engine: the facts of all runs and what each has returned.
            escapes: rows that went where they cannot be followed.
        """
        self._engine = engine
        self._models = engine.project.models
        self._escaped = {(escape.site, escape.path) for escape in escapes}
        self._trees: dict[str, Tree] = {}
        self._plain_columns: dict[str, Columns] = {}
        self._fetches: dict[Site, list[Fetch]] = {}
        self._calls: dict[str, dict[str, dict[Key, None]]] = {}
        self._reads: dict[_Way, dict[Read, None]] = {}
        self._held: dict[str, set[str]] = {}
        self._loaded: dict[Site, dict[str, None]] = {}
        for key, facts in engine.facts.items():
            for fetch in facts.fetches:
                self._fetches.setdefault(fetch.site, []).append(fetch)
            self._held.setdefault(key[0], set()).update(facts.held)
            for read in facts.reads:
                self._reads.setdefault((read.site, read.path), {})[read] = None
            for execution in facts.executions:
                self._loaded.setdefault(execution.site, {}).update(dict.fromkeys(execution.models))
            for escape in facts.escapes:
                self._escaped.add((escape.site, escape.path))
            by_name = self._calls.setdefault(key[0], {})
            for called in facts.calls:
                by_name.setdefault(name_of(engine, called[0]), {})[called] = None

    def _tree(self, function: str) -> Tree:
        if function not in self._trees:
            self._trees[function] = Tree(self._engine.definition(function).facts)
        return self._trees[function]

    # -- queries --------------------------------------------------------------------------------------------------

    def fetched(self) -> Iterator[Fetched]:
        """Yield each expression that fetches, in the order of the functions' ids and of the source."""
        for site in sorted(self._fetches):
            found = self._direct(site)
            if found is not None:
                yield found
        for function in sorted(self._calls):
            for name in sorted(self._calls[function]):
                yield from self._through(function, name)

    def _direct(self, site: Site) -> Fetched | None:
        fetches = self._fetches[site]
        node = self._tree(site.function).at(site.place)
        shapes = {_shape(fetch) for fetch in fetches}
        shape = shapes.pop()
        if node is None or type(node) not in _KINDS or shapes or shape is None:
            return None
        models = tuple(dict.fromkeys(model for fetch in fetches for model in fetch.models))
        plain = shape is not Shape.COUNT and all(fetch.width == 1 and fetch.models for fetch in fetches)
        flags = frozenset().union(*(fetch.flags for fetch in fetches))
        if shape is Shape.COUNT and any(fetch.width != 1 and fetch.method != "count" for fetch in fetches):
            return None
        return self._follow(
            site.function, node, shape, models, (site,), flags, self._columns(models) if plain else Columns()
        )

    def _through(self, function: str, name: str) -> Iterator[Fetched]:
        """Yield the calls of one name in a function that give it rows."""
        returned = self._returned(self._calls[function][name], fresh=True)
        if returned is None:
            return
        calls = [call for call in self._tree(function).calls(name) if Site(function, call.pos) not in self._fetches]
        if len({dotted(call.func) for call in calls}) != 1:
            return
        flags = frozenset[str]().union(*(one.flags for site in returned.sites for one in self._fetches[site]))
        for call in calls:
            found = self._follow(
                function, call, Shape.ROWS, returned.models, returned.sites, flags, self._columns(returned.models)
            )
            if found is not None:
                yield found

    def _follow(
        self,
        function: str,
        node: Any,
        shape: Shape,
        models: tuple[str, ...],
        sites: tuple[Site, ...],
        flags: frozenset[str],
        columns: Columns,
    ) -> Fetched | None:
        if not self._held[function].isdisjoint(models):
            return None  # they are held for the identity map
        if flags & _LOCKED or (flags & _LIMITED and shape is not Shape.ONE):
            return None
        tree = self._tree(function)

        def passes(call: f.Call) -> bool:
            name = call.func.id if isinstance(call.func, f.Name) else getattr(call.func, "name", "")
            back = self._returned(self._calls.get(function, {}).get(name, {}))
            return back is not None and set(back.sites) <= set(sites)

        uses = Follower(tree, columns, passes).uses(node, shape)
        if not uses or all(use.how is How.ROWS for use in uses):
            return None
        definition = self._engine.definition(function)
        scope = tree.statement(node)
        return Fetched(
            definition.path, function, node.pos, scope.pos if scope is not None else node.pos, _KINDS[type(node)],
            shape, models, sites, flags, uses,
        )  # fmt: skip

    def _columns(self, models: tuple[str, ...]) -> Columns:
        """Return the columns that rows of all these classes have."""
        for model in models:
            if model not in self._plain_columns:
                self._plain_columns[model] = self._columns_of(model)
        found = [self._plain_columns[model] for model in models]
        return functools.reduce(Columns.both, found) if found else Columns()

    def _columns_of(self, model: str) -> Columns:
        hierarchy = self._engine.project.hierarchy
        booleans = {
            name
            for cls in hierarchy.mro(model)
            for declared in (cls.annotations, cls.attributes)
            for name, expr in declared.items()
            if expr is not None and _says_boolean(expr)
        }
        columns = self._models[model].columns
        keys = frozenset(self._models[model].primary_key)
        return Columns(frozenset(columns), frozenset(booleans & set(columns)), keys)

    def _returned(self, keys: Iterable[Key], fresh: bool = False) -> _Returned | None:
        """Return which queries' rows calls give, or None where they may give anything else than a list of rows.

        Args:
            keys: the contexts in which functions of one name are called.
            fresh: what the calls have fetched and nothing else; without, also what they choose of given rows.
        """
        models: dict[str, None] = {}
        sites: dict[Site, None] = {}
        for key in keys:
            rows = _rows_of(self._engine.returns(key))
            if rows is None or self._engine.free_of_cost(self._engine.definition(key[0])):
                return None
            if fresh and self._builds(key[0]):
                return None
            given = {row.origin for value in key[1] for row in rows_in(value)} if fresh else set()
            for row in rows:
                if row.origin is None:
                    continue
                if row.origin.path or row.origin in given or _shapes(self._fetches.get(row.origin.site)) is None:
                    return None
                models[row.model] = None
                sites[row.origin.site] = None
        return _Returned(tuple(models), tuple(sites)) if sites else None

    def _builds(self, function: str) -> bool:
        """True if a function returns a list to which it has itself appended."""
        if self._engine.definition(function).facts.mentions.isdisjoint(_GROWING):
            return False
        tree = self._tree(function)
        holders = (tree.around(attr)[0] for name in _GROWING for attr in tree.attributes(name))
        grown = {holder.func.value.id for holder in holders if _is_on_name(holder)}
        reads = (read for name in grown for read in tree.reads(name))
        return any(type(tree.around(read)[0]) is f.Return for read in reads)

    # -- relationships --------------------------------------------------------------------------------------------

    def counted(self) -> Iterator[Counted]:
        """Yield each read of a relationship whose rows are only counted, in the order of the source."""
        uses: dict[tuple[Site, str], tuple[Use, ...]] = {}
        only: dict[tuple[Site, str], dict[_Way, None]] = {}
        others: dict[tuple[Site, str], dict[_Way, None]] = {}
        for way, reads in self._reads.items():
            site, path = way
            places = {(read.place, path[-1]) for read in reads}
            for one in places:
                if one not in uses:
                    uses[one] = self._uses_of_read(*one)
            bad = any(read.by_delete for read in reads) or not all(_only_counts(uses[one]) for one in places)
            bad = bad or any((site, path[:length]) in self._escaped for length in range(len(path) + 1))
            for one in places:
                (others if bad else only).setdefault(one, {})[way] = None
        for place, name in sorted(only):
            ways = sorted(only[place, name])
            relationship = self._relationship(ways)
            if relationship is not None:
                tree = self._tree(place.function)
                scope = tree.statement(tree.at(place.place, f.Attr))
                yield Counted(
                    self._engine.path_of(place), place.function, place.place, scope.pos if scope else place.place,
                    relationship, uses[place, name], tuple(dict.fromkeys(site for site, _ in ways)),
                    len(others.get((place, name), ())),
                )  # fmt: skip

    def _uses_of_read(self, place: Site, name: str) -> tuple[Use, ...]:
        """Return what is done with a relationship where it is read, and wherever else the same expression stands."""
        tree = self._tree(place.function)
        node = tree.at(place.place, f.Attr)
        if node is None or node.name != name:
            return (Use(How.ROWS, place.place[0]),)
        written = dotted(node)
        same = [one for one in tree.attributes(name) if written is not None and dotted(one) == written]
        found: dict[Use, None] = {}
        for one in same or [node]:
            if tree.is_target(one):
                found[Use(How.MIXED, one.pos[0])] = None
            found.update(dict.fromkeys(Follower(tree, Columns()).uses(one, Shape.ROWS)))
        return tuple(found)

    def _relationship(self, ways: list[_Way]) -> Relationship | None:
        """Return the collection to which ways lead, by the first for which it can be told."""
        for site, path in ways:
            for model in self._loaded.get(site, ()):
                found = self._at_end(model, path)
                if found is not None:
                    return found if found.uselist else None
        return None

    def _at_end(self, model: str, path: tuple[str, ...]) -> Relationship | None:
        found = None
        for name in path:
            owner = self._models.get(model)
            found = owner.relationships.get(name) if owner is not None else None
            if found is None:
                return None
            model = found.target or ""
        return found


def _shape(fetch: Fetch) -> Shape | None:
    if fetch.counts:
        return Shape.COUNT
    if fetch.method in _ROWS:
        return Shape.ROWS
    if fetch.method in _ONE or (fetch.method == "scalar" and fetch.models):
        return Shape.ONE
    return Shape.RESULT if fetch.method in _RESULT else None


def _shapes(fetches: list[Fetch] | None) -> Shape | None:
    """Return what queries at one place give, if they give rows."""
    found = {_shape(fetch) for fetch in fetches or ()}
    return found.pop() if len(found) == 1 and found <= {Shape.ROWS, Shape.RESULT} else None


def _rows_of(value: Value) -> list[Row] | None:
    """Return the rows of a value that is a list of rows, or None."""
    rows: list[Row] = []
    for atom in value.atoms:
        if type(atom) is Const and atom.value is None:
            continue
        if type(atom) is not Many or atom.kind not in ("rows", "scalars", "list"):
            return None
        if any(type(one) is not Row for one in atom.item.atoms):
            return None
        rows += atom.item.atoms
    return rows


def _only_counts(uses: tuple[Use, ...]) -> bool:
    return bool(uses) and all(use.how in (How.LEN, How.TRUTH) for use in uses)


def _says_boolean(expr: f.Expr) -> bool:
    """True for a declaration with ``bool`` or ``Boolean`` in it."""
    name = getattr(expr, "id", None) or getattr(expr, "name", "")
    return name in ("bool", "Boolean", "BOOLEAN") or any(map(_says_boolean, children(expr)))


def _is_on_name(call: Any) -> bool:
    """True for a method call on a bare name."""
    return isinstance(call, f.Call) and isinstance(call.func, f.Attr) and isinstance(call.func.value, f.Name)
