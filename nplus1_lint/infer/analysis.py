"""What inference hands to the rules: repeated effects, and what each router loads and reads."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Generic, TypeVar

from nplus1_lint.findings import LoadingQuery, NodeKind, Pos
from nplus1_lint.infer import library as lib
from nplus1_lint.infer.bearing import bearing_of
from nplus1_lint.infer.consumers import Consumers
from nplus1_lint.infer.costs import RunCost, run_costs
from nplus1_lint.infer.counts import repeated as repeated_counts
from nplus1_lint.infer.eager import Load, Loading, eager_loads, hops_of, way_of
from nplus1_lint.infer.effects import (
    CHANGES,
    Change,
    Effect,
    Emission,
    Escape,
    Execution,
    Facts,
    Kind,
    Loop,
    Misread,
    Read,
    Repeat,
    Requery,
)
from nplus1_lint.infer.filters import filtered
from nplus1_lint.infer.holding import rows_in
from nplus1_lint.infer.injected import Injected, injected
from nplus1_lint.infer.origins import Origins
from nplus1_lint.infer.rendered import Rendering, renderings
from nplus1_lint.infer.trails import HELD
from nplus1_lint.infer.uses import Uses
from nplus1_lint.infer.values import CONTENTS, Site
from nplus1_lint.link.symbols import ClassSymbol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nplus1_lint.edits.bearing import Bearing
    from nplus1_lint.infer.effects import Key
    from nplus1_lint.infer.frame import Place
    from nplus1_lint.infer.solve import Engine
    from nplus1_lint.link import Project
    from nplus1_lint.link.hierarchy import Function as Definition


T = TypeVar("T")
_PLACE = re.compile(r"@\d+:\d+")  # in the ids of lambdas and nested functions


@dataclass(frozen=True, slots=True)
class Repetition:
    """Effects that run once per iteration at one place of a loop's own function.

    Attributes:
        path: project path of the function's file.
        function: qualified name of the function, lambdas counted to the function around them.
        place: the call or read where the loop meets the cost.
        scope: the innermost statement around it.
        loop: the innermost loop that repeats it.
        effects: every effect of the site, in the order of execution.
        node: the syntax that stands at the place.
    """

    path: str
    function: str
    place: Place
    scope: Place
    loop: Loop
    effects: tuple[Effect, ...]
    node: NodeKind

    def direct(self, effect: Effect) -> bool:
        """True if an effect is the site's own query rather than one of a callee."""
        return not effect.chain

    def dependent(self, effect: Effect) -> bool:
        """True if an effect depends on the loop's value."""
        return bool(effect.deps & self.loop.bit)

    def may_depend(self, effect: Effect) -> bool:
        """True if an effect depends on the loop's value, or on an object in which the loop stores something."""
        return bool((effect.deps | effect.deps >> CONTENTS) & self.loop.bit)


@dataclass(frozen=True, slots=True)
class AsyncRead:
    """A read that raises ``MissingGreenlet``.

    Attributes:
        path: project path of the function's file.
        function: qualified name of the function around it.
        read: what is read.
        node: the syntax that stands at the place.
        template: path and line in the template that reads, when the place is the call that renders it.
    """

    path: str
    function: str
    read: Misread
    node: NodeKind
    template: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Placed(Generic[T]):
    """What inference has noted of one call.

    Attributes:
        path: project path of the function's file.
        function: qualified name of the function around it.
        what: a query that has run before on the same path, or one for what a row in hand already holds.
        node: the syntax that stands at the place.
    """

    path: str
    function: str
    what: T
    node: NodeKind


@dataclass(frozen=True, slots=True)
class Reach:
    """What one router, or one module that no router reaches, loads and reads.

    Attributes:
        path: project path of the router's module.
        is_router: it holds route handlers.
        executions: queries for whole rows, in order.
        reads: relationships read on their rows.
        escapes: rows that went where they cannot be followed.
        called: the queries that only run for what a caller gives: a method of a base class, for a class that inherits
            it. They count where somebody reads their rows.
    """

    path: str
    is_router: bool
    executions: tuple[Execution, ...]
    reads: tuple[Read, ...]
    escapes: tuple[Escape, ...]
    called: tuple[Execution, ...] = ()


class Analysis:
    """The inferred facts of a project; rules read it and nothing else."""

    def __init__(
        self, engine: Engine, entries: Iterable[tuple[Definition, Key, bool]], idle: Iterable[Definition] = ()
    ) -> None:
        self._engine = engine
        self._idle = tuple(idle)
        self.project: Project = engine.project
        self.function_count = engine.project.function_count
        self.model_count = len(engine.project.models)
        self._lambda_nodes: dict[Place, list[tuple[str, NodeKind]]] = {}
        for site, kind in engine.nodes.items():
            if ".<lambda>" in site.function:
                self._lambda_nodes.setdefault(site.place, []).append((site.function, kind))
        self.repetitions, self.renderings = self._parted(tuple(self._repetitions(engine.facts)))
        self.lazy_loads = _by_site(self.repetitions)
        self.async_reads = tuple(self._async_reads(engine.facts))
        self.requeries = tuple(self._requeries(engine.facts))
        self.repeats = tuple(self._repeats(engine.facts))
        self.loop_changes: dict[Site, dict[Effect, None]] = {}  # what loops write, by the loop
        for r in self.repetitions:
            made = {e: None for e in r.effects if e.kind in CHANGES and e.kind is not Kind.WORK}
            if made:
                self.loop_changes.setdefault(r.loop.site, {}).update(made)
        self.claiming_loops = frozenset(
            r.loop.site for r in self.repetitions if r.loop.kind == "while" and any(map(_claims, r.effects))
        )
        self.long_loops = frozenset(
            r.loop.site for r in self.repetitions if any(effect.kind is Kind.WORK for effect in r.effects)
        )
        self._entries = tuple(entries)
        self.reaches = tuple(self._reaches(list(self._entries)))
        escapes = (escape for reach in self.reaches for escape in reach.escapes)
        consumers = Consumers(engine, escapes)
        self.fetched = tuple(consumers.fetched())
        self.counted = tuple(consumers.counted())
        repeated = frozenset(e.site for r in self.repetitions for e in r.effects)
        self.filters = tuple(filtered(engine, list(self._entries), repeated))
        self.repeated_counts = tuple(repeated_counts(engine, repeated))

    def family(self, model: str) -> frozenset[str]:
        """Return the ids of a mapped class, of the mapped ones that it extends, and of those that extend it."""
        hierarchy = self.project.hierarchy
        known = {model, *(cls.id for cls in hierarchy.mro(model)), *hierarchy.descendants(model)}
        return frozenset(known & self.project.models.keys())

    @cached_property
    def bearing(self) -> Bearing:
        """What was looked at, so that later edits of all else need no analysis."""
        return bearing_of(self._engine)

    @cached_property
    def uses(self) -> Uses:
        """What the whole project does with the rows of each query."""
        return Uses(self._engine, (definition.id for definition, _, is_handler in self._entries if is_handler))

    @cached_property
    def injected(self) -> tuple[Injected, ...]:
        """What routers do with what the queries of their dependencies load by option."""
        handlers = [(definition, key) for definition, key, is_handler in self._entries if is_handler]
        return injected(self._engine, handlers, lambda keys: self._reach("", True, list(keys)))

    @cached_property
    def origins(self) -> Origins:
        """The queries behind the reads of relationships."""
        return Origins(self._engine)

    @cached_property
    def changing_functions(self) -> frozenset[str]:
        """Ids of the functions that change, write, commit or reload rows, themselves or in what they call."""
        return self._engine.that_run(CHANGES - {Kind.WORK})

    @cached_property
    def costs(self) -> tuple[RunCost, ...]:
        """What each function costs on declared arguments, by definition; nothing where costs were not asked for."""
        return run_costs(self._engine, self._entries, self._idle)

    @cached_property
    def eager(self) -> tuple[tuple[Reach, Load], ...]:
        """What the mapping loads in each reach."""
        models, held = self.project.models, self._held_for()
        return tuple((reach, load) for reach in self.reaches for load in eager_loads(models, reach, held))

    def _held_for(self) -> dict[Site, frozenset[Site]]:
        """For queries whose rows a loop holds, the queries in the loop that may meet these rows in the identity map."""
        found: dict[Site, frozenset[Site]] = {}
        for repetition in self.repetitions:
            for row in rows_in(repetition.loop.over):
                if row.origin is not None and not row.origin.path:
                    met = (e.site for e in repetition.effects if e.subject == row.model and e.query is not None)
                    found[row.origin.site] = found.get(row.origin.site, frozenset()).union(met)
        return found

    @cached_property
    def _asked(self) -> dict[Site, frozenset[str]]:
        """The classes that the queries of each place ask for."""
        found: dict[Site, frozenset[str]] = {}
        for reach in self.reaches:
            for one in (*reach.executions, *reach.called):
                found[one.site] = found.get(one.site, frozenset()).union(one.models)
        return found

    def loading_queries(self, loadings: Iterable[Loading]) -> tuple[LoadingQuery, ...]:
        """Return the queries that load a relationship, each once with all its ways.

        Args:
            loadings: each query on one way.
        """
        models = self.project.models
        by_site: dict[Site, dict[Loading, None]] = {}
        for loading in loadings:
            by_site.setdefault(loading.execution.site, {})[loading] = None
        found = []
        for site, ways in by_site.items():
            asking = frozenset(loading.model for loading in ways)
            some = sorted(models[model].name for model in asking) if self._asked[site] != asking else ()
            steps = dict.fromkeys(way_of(models, loading) for loading in ways)
            takes = all(loading.execution.takes_options for loading in ways)
            path = self.path_of(site)
            hops = tuple(dict.fromkeys(hops_of(self.project, path, loading) for loading in ways))
            found.append(LoadingQuery(path, Pos(*site.place), tuple(steps), tuple(some), takes, hops))
        return tuple(found)

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        """Every place that writes rows, in order."""
        found = {change for facts in self._engine.facts.values() for change in facts.changes}
        return tuple(sorted(found, key=lambda one: (self.path_of(one.place), one.place.place, *one[1:])))

    def node_at(self, site: Site) -> NodeKind:
        """Return the syntax that stands at the site of a query."""
        return self._engine.nodes.get(site, NodeKind.CALL)

    # -- names for messages ---------------------------------------------------------------------------------------

    def path_of(self, site: Site) -> str:
        """Return the file in which a site stands."""
        return self._engine.path_of(site)

    def path_of_function(self, function_id: str) -> str:
        """Return the file in which a function stands."""
        return self._engine.definition(function_id).path

    def function_name(self, function_id: str) -> str:
        """Return a function's qualified name, lambdas counted to the function around them; of a template the part's."""
        part = self._engine.templates.part(function_id)
        if part is not None:
            return part.name
        return _PLACE.sub("", function_id.partition(":")[2]).replace(".<lambda>", "") or "<module>"

    def local_name(self, path: str, class_id: str) -> str:
        """Return the name under which a module knows a class."""
        module = self.project.symbols.modules[path]
        for name in sorted(module.imports):
            if self.project.symbols.resolve(path, name) == ClassSymbol(class_id):
                return name
        return class_id.rpartition(":")[2]

    # -- repetitions ----------------------------------------------------------------------------------------------

    def _parted(self, found: tuple[Repetition, ...]) -> tuple[tuple[Repetition, ...], tuple[Rendering, ...]]:
        """What stands in a template, or behind the rendering of one, is no repetition of Python's."""
        if not self._engine.templates.active:
            return found, ()
        return renderings(self._engine, found, self.function_name)

    def _repetitions(self, runs: dict[Key, Facts]) -> Iterable[Repetition]:
        groups: dict[tuple[str, Place, Site], list[tuple[Emission, Loop]]] = {}
        for facts in runs.values():
            for emission, loop in facts.emissions:
                if in_chunks(emission, loop):
                    continue
                emission = _into_lambda(emission, facts.function)
                groups.setdefault((facts.function, emission.place, loop.site), []).append((emission, loop))
        for (function, place, _), found in sorted(groups.items(), key=lambda group: _innermost_first(group[0])):
            loops = [loop for _, loop in found if not loop.bounded]
            if not loops:
                continue
            effects: dict[tuple[object, ...], Effect] = {}
            for emission, loop in found:
                effect = emission.effect
                if loop.bounded:
                    continue
                key = (effect.kind, effect.site, effect.attribute)
                present = effects.get(key)
                if present is not None:
                    effect = present._replace(deps=present.deps | effect.deps, session=present.session & effect.session)
                effects[key] = effect
            path = self._engine.definition(function).path
            node = self._node(function, place)
            yield Repetition(
                path, self.function_name(function), place, found[0][0].scope, loops[0], tuple(effects.values()), node
            )

    def _node(self, function: str, place: Place) -> NodeKind:
        """Return what stands at a place; one inside a lambda was noted under the lambda's own id."""
        found = self._engine.nodes.get(Site(function, place))
        if found is not None:
            return found
        inside = self._lambda_nodes.get(place, ())
        return next((kind for owner, kind in inside if owner.startswith(f"{function}.<lambda>")), NodeKind.CALL)

    def _async_reads(self, runs: dict[Key, Facts]) -> Iterable[AsyncRead]:
        """Each place once; a query that is known goes before one that is not."""
        reads = {misread: facts.function for facts in runs.values() for misread in facts.misreads}
        seen: set[tuple[str, Place]] = set()
        for read in sorted(reads, key=lambda r: (r.place, r.origin is None, r.attribute, r.origin or r.place)):
            call = self._engine.templates.call(read.place.function)
            template = (self.path_of(read.place), read.place.place[0]) if call is not None else None
            if call is not None:  # reported where Python renders the template
                read = read._replace(place=call, scope=call.place)
            path = self.path_of(read.place)
            if (path, read.place.place) not in seen:
                seen.add((path, read.place.place))
                node = self._node(read.place.function, read.place.place)
                yield AsyncRead(path, self.function_name(read.place.function), read, node, template)

    def _placed(self, place: Site, what: T) -> Placed[T]:
        node = self._node(place.function, place.place)
        return Placed(self.path_of(place), self.function_name(place.function), what, node)

    def _requeries(self, runs: dict[Key, Facts]) -> Iterable[Placed[Requery]]:
        """Each query once."""
        found = {one.place: one for facts in runs.values() for one in sorted(facts.requeries, reverse=True)}
        for place, requery in sorted(found.items()):
            yield self._placed(place, requery)

    def _repeats(self, runs: dict[Key, Facts]) -> Iterable[Placed[Repeat]]:
        """A query that runs again in every context in which its function runs."""
        found: dict[tuple[Site, Site], list[Repeat]] = {}
        contexts: dict[str, int] = {}
        for facts in runs.values():
            contexts[facts.function] = contexts.get(facts.function, 0) + 1
            for repeat in facts.repeats:
                found.setdefault((repeat.place, repeat.first), []).append(repeat)
        seen: set[Site] = set()
        for (place, _), repeats in sorted(found.items(), key=lambda item: item[0]):
            if self._engine.templates.call(place.function) is not None:
                continue
            if len(repeats) == contexts[place.function] and place not in seen:
                seen.add(place)
                yield self._placed(place, repeats[0])

    # -- routers --------------------------------------------------------------------------------------------------

    def _reaches(self, entries: list[tuple[Definition, Key, bool]]) -> Iterable[Reach]:
        routers: dict[str, list[Key]] = {}
        for definition, key, is_handler in entries:
            if is_handler:
                routers.setdefault(definition.path, []).append(key)
        covered: set[Site] = set()
        for path in sorted(routers):
            reach = self._reach(path, True, routers[path])
            covered |= {execution.site for execution in reach.executions}
            yield reach
        rest: dict[str, list[Execution]] = {}
        for definition, key, is_handler in entries:
            if is_handler:
                continue
            facts = self._engine.facts.get(key)
            for execution in facts.executions if facts else ():
                if execution.site not in covered:
                    rest.setdefault(definition.path, []).append(execution)
        everything = self._reach("", False, [key for _, key, _ in entries])
        called: dict[str, list[Execution]] = {}
        for execution in everything.executions:
            if execution.site not in covered:
                called.setdefault(self.path_of(execution.site), []).append(execution)
        escapes = (*everything.escapes, *self._returned(entries))
        for path in sorted({*rest, *called}):
            own = tuple(dict.fromkeys(rest.get(path, ())))
            others = tuple(execution for execution in called.get(path, ()) if execution not in own)
            yield Reach(path, False, own, everything.reads, escapes, others)

    def _returned(self, entries: list[tuple[Definition, Key, bool]]) -> Iterable[Escape]:
        """Rows that a function which nothing here calls gives to whoever does call it: a framework, a script."""
        calls = ((facts.function, call[0]) for facts in self._engine.facts.values() for call in facts.calls)
        called = {callee for caller, callee in calls if caller not in ("", callee)}
        for definition, key, handles in entries:
            if handles or key[0] in called:
                continue
            for row in rows_in(self._engine.returns(key)):
                if row.origin is not None:
                    place = Site(definition.id, definition.facts.pos)
                    yield Escape(row.origin.site, row.origin.path, place, "returned to an unknown caller")

    def _reach(self, path: str, is_router: bool, keys: list[Key]) -> Reach:
        executions: dict[Execution, None] = {}
        reads: dict[Read, None] = {}
        escapes: dict[Escape, None] = {}
        seen: set[Key] = set()
        stack = list(reversed(keys))
        while stack:
            key = stack.pop()
            if key in seen:
                continue
            seen.add(key)
            facts = self._engine.facts.get(key)
            if facts is None:
                continue
            executions.update(dict.fromkeys(facts.executions))
            reads.update(dict.fromkeys(facts.reads))
            escapes.update(dict.fromkeys(facts.escapes))
            held = (leave for leave in facts.trail.leaves if leave.why == HELD)
            escapes.update(dict.fromkeys(Escape(one.site, one.path, one.site, HELD) for one in held))
            stack += [called for called in reversed(facts.calls) if called not in seen]
        return Reach(path, is_router, tuple(executions), tuple(reads), tuple(escapes))


def _claims(effect: Effect) -> bool:
    """True for a query that takes one row of a queue: a worker's loop, whose items are handled one by one."""
    if effect.query is None or "for_update" not in effect.query.flags:
        return False
    return bool(effect.query.flags & {"limit", "single"}) or effect.query.method in lib.RESULT_ONES


def _by_site(repetitions: Iterable[Repetition]) -> dict[Site, tuple[Effect, ...]]:
    """The lazy loads of each place, for rows that another lazy load has made."""
    found: dict[Site, dict[Effect, None]] = {}
    for repetition in repetitions:
        for effect in repetition.effects:
            if effect.kind is Kind.LAZY_LOAD:
                found.setdefault(effect.site, {})[effect] = None
    return {site: tuple(effects) for site, effects in found.items()}


def _innermost_first(group: tuple[str, Place, Site]) -> tuple[str, Place, int, int]:
    """Sites in order; of the loops around one, the innermost starts last and comes first."""
    function, place, loop = group
    return function, place, -loop.place[0], -loop.place[1]


def in_chunks(emission: Emission, loop: Loop) -> bool:
    """True if a loop inside *loop* hands the statement one batch at a time."""
    inside = False
    for around in emission.loops:
        if inside and around.chunked:
            return True
        inside = inside or around.site == loop.site
    return False


def _into_lambda(emission: Emission, function: str) -> Emission:
    """A lambda's body stands in the text of the loop's own function: the site is there, not at the helper's call."""
    effect = emission.effect
    place = emission.place
    prefix = f"{function}.<lambda>@"
    while effect.chain:
        following = effect.chain[1] if len(effect.chain) > 1 else effect.site
        if not following.function.startswith(prefix):
            break
        place = following.place
        effect = effect._replace(chain=effect.chain[1:])
        if len(effect.chain) <= 1 and effect.site.place == place:
            effect = effect._replace(chain=())
        prefix = f"{following.function}.<lambda>@"
    return emission if place == emission.place else emission._replace(place=place, effect=effect)
