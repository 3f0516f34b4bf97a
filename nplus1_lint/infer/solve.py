"""The engine: summaries by context, to a fixpoint, over every function that can reach a query."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from nplus1_lint.index import facts as f
from nplus1_lint.index.templates import RENDERING_NAMES
from nplus1_lint.infer import expiry, flags, records, rereads, rows, serialise, sql, stores
from nplus1_lint.infer.annotations import Annotations
from nplus1_lint.infer.binding import bind_arguments, entry_arguments
from nplus1_lint.infer.classes import Classes, decorator_names
from nplus1_lint.infer.conditions import truth
from nplus1_lint.infer.decorated import decorated, filled_in
from nplus1_lint.infer.effects import Facts, Kind, Loaded, Summary
from nplus1_lint.infer.frame import Arguments
from nplus1_lint.infer.free_calls import why_free
from nplus1_lint.infer.global_values import Globals
from nplus1_lint.infer.handlers import is_handler, response_annotation, response_schemas
from nplus1_lint.infer.holding import unanswered
from nplus1_lint.infer.instantiate import captured_bit, captured_masks, instantiate, passed_session, translate
from nplus1_lint.infer.joins import is_hollow, join, join_all
from nplus1_lint.infer.limits import MAX_ACTIVE, MAX_DEPTH, MAX_ROUNDS, are_enough
from nplus1_lint.infer.nested import nested_definition, top_level
from nplus1_lint.infer.reach import Reach, sessions_autoflush, sessions_expire
from nplus1_lint.infer.receivers import Receivers
from nplus1_lint.infer.reflection import is_asked
from nplus1_lint.infer.registry import Registry, registry_of
from nplus1_lint.infer.request_values import RequestValues
from nplus1_lint.infer.services import Services
from nplus1_lint.infer.statements import Run
from nplus1_lint.infer.template_names import TemplateNames
from nplus1_lint.infer.templates import Templates
from nplus1_lint.infer.trails import Tracker, lost, origins_in
from nplus1_lint.infer.values import (
    LAST_PARAM,
    SCALAR,
    UNKNOWN,
    Function,
    Many,
    Site,
    Statement,
    Value,
    many,
    of,
    unknown,
)
from nplus1_lint.infer.widening import carries, widen, without_session
from nplus1_lint.infer.wrappers import made as template_made
from nplus1_lint.link.hierarchy import Class
from nplus1_lint.link.hierarchy import Function as Definition
from nplus1_lint.link.query_classes import find_query_classes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from nplus1_lint.failures import Failures
    from nplus1_lint.findings import NodeKind
    from nplus1_lint.infer.binding import Bound
    from nplus1_lint.infer.cells import Held
    from nplus1_lint.infer.effects import Key
    from nplus1_lint.infer.frame import Frame, Place, Val
    from nplus1_lint.infer.loops import Writes
    from nplus1_lint.infer.memos import Asking
    from nplus1_lint.infer.periodic import Growth
    from nplus1_lint.infer.recorder import Recorder
    from nplus1_lint.infer.rounds import Seen
    from nplus1_lint.infer.shapes import Shape
    from nplus1_lint.infer.spent import FunctionCost
    from nplus1_lint.link import Project
    from nplus1_lint.link.models import Relationship

_PLAIN_DECORATORS = frozenset({"property", "override", "abstractmethod", "hybrid_property", "hybrid_method"})
_NOTHING = Summary(UNKNOWN, 0, (), ())


class Engine(Globals):
    """Gives values of globals and summaries of functions, each computed once."""

    def __init__(
        self,
        project: Project,
        recorder: Recorder | None = None,
        *,
        counts: bool = False,
        failures: Failures | None = None,
    ) -> None:
        super().__init__()
        self.counts = counts
        self.failures = failures
        self.project = project
        self.recorder = recorder
        self.annotations = Annotations(self)
        self.classes = Classes(self)
        self.request = RequestValues(self)
        self.names = TemplateNames(self)
        self.services = Services(self)
        self.query_classes = find_query_classes(project.symbols, project.hierarchy, project.models.values())
        self.reach = Reach(project, self._reading, self.query_classes.holders)
        self.receivers = Receivers(self)
        self.templates = Templates(self)
        self.reflects = is_asked(project)
        self.sessions_expire = sessions_expire(project)
        self.sessions_autoflush = sessions_autoflush(project)
        self.facts: dict[Key, Facts] = {}
        self.shapes: dict[int, tuple[f.Expr, Shape]] = {}
        self.given_stores: dict[tuple[str, Place, str | None], str | None] = {}  # by the call, see the module
        self.growing: dict[int, tuple[tuple[f.Stmt, ...], Growth]] = {}  # what functions add to, see `periodic`
        self.uniform: dict[int, tuple[f.For, Writes]] = {}  # what loops write alike, by the loop
        self.seen: dict[int, tuple[object, Seen]] = {}  # what rounds take over, by the loop
        self.exits: dict[int, tuple[f.Stmt, tuple[f.If, ...]]] = {}  # conditions that leave early, by the statement
        self.texts: dict[int, tuple[f.Call, str | None]] = {}  # how calls are written, see `repeats`
        self.quiet: dict[tuple[str, str], Value | None] = {}  # what calls give that mean nothing here, see `calls`
        self.asking: dict[int, tuple[f.Expr, Asking]] = {}  # what conditions ask, see `memos`
        self.key_links: dict[tuple[str, str], tuple[Relationship, ...]] = {}  # see `identity`
        self.idle: dict[Site, bool] = {}  # sessions that nothing is asked of, by the name on which a call stands
        self.nodes: dict[Site, NodeKind] = {}
        self.dependencies: set[str] = set()  # ids of functions whose result a framework passes on
        self.last_fields: tuple[tuple[str, Value], ...] = ()
        self.last_loaded: tuple[Loaded, ...] = ()
        self.summaries: dict[Key, Summary] = {}
        self._contexts: dict[str, dict[Key, None]] = {}
        self._active: dict[str, list[Key]] = {}
        self._nested: dict[str, Definition] = {}
        self.inside: dict[str, dict[tuple[str, tuple[int, ...]], f.FunctionFacts]] = {}  # see `nested_definition`
        self._responses: dict[str, Held] = {}
        self._free: dict[str, Held] = {}
        self._functions: dict[str, Held] = {}
        self._filled: dict[str, Held] = {}
        self.registry: Registry | None = None
        self._flags: dict[str, tuple[int, ...]] = {}
        self._methods: dict[str, list[Class]] = {}
        self.marked: dict[str, list[Class]] = {}  # classes whose method of that name is marked as costing no query
        for cls in project.hierarchy.classes.values():
            for name, method in cls.methods.items():
                self._methods.setdefault(name, []).append(cls)
                if method.facts.no_query:
                    self.marked.setdefault(name, []).append(cls)

    def _reading(self, reaching: Collection[str]) -> frozenset[str]:
        """Return names of what may read rows that nobody hands over: of what renders templates or serves views."""
        given = self.request.is_known or self.names.may_query(reaching)
        rendering = RENDERING_NAMES if given and self.project.templates else frozenset[str]()
        return rendering | self.services.reading(reaching)

    # -- functions ----------------------------------------------------------------------------------------------

    def definition(self, function_id: str) -> Definition:
        """Return a function, method, nested function or lambda by id."""
        found = self._nested.get(function_id) or self.project.hierarchy.functions.get(function_id)
        if found is None:  # a former run has met it, this one only knows its name
            found = self._nested[function_id] = nested_definition(self, function_id)
        return found

    def register_nested(self, frame: Frame, facts: f.FunctionFacts) -> str:
        """Make a nested function or lambda known and return its id."""
        outer = frame.function.id
        function_id = f"{outer}.{facts.name}@{facts.pos[0]}:{facts.pos[1]}"
        if function_id not in self._nested:
            self._nested[function_id] = Definition(function_id, frame.path, facts, None)
        return function_id

    def is_interface(self, function_id: str) -> bool:
        """True for a method that a ``typing.Protocol`` only declares."""
        definition = self.definition(function_id)
        cls = self.project.hierarchy.classes.get(definition.cls or "")
        return cls is not None and self.classes.is_protocol(cls) and self.classes.is_abstract(definition)

    def adopt(self, definition: Definition) -> None:
        """Make a function known that no module holds: a part of a template."""
        self._nested[definition.id] = definition

    def reaches(self, facts: f.FunctionFacts) -> bool:
        """True if a function may reach a query, by the names that it mentions."""
        return self.reach.matters(facts)

    def classes_with_method(self, name: str) -> list[Class]:
        """Return the classes whose body defines a method of that name."""
        return self._methods.get(name, [])

    def truth(self, value: Value) -> bool | None:
        """Return the truth of a value where a literal settles it."""
        return truth(value)

    # -- calls --------------------------------------------------------------------------------------------------

    def invoke(self, frame: Frame, function: Function, mask: int, arguments: Arguments, place: Place) -> Val:
        """Call a function of the project and take over what it does."""
        definition = self.definition(function.id)
        entered = self.templates.enter(frame, definition, function, arguments, place)
        if entered is None:
            return SCALAR, arguments.mask
        whole = entered is arguments and not frame.handed
        bound = bind_arguments(self, definition, function, mask, entered, whole=whole)
        bound = registry_of(self).named(definition, bound)
        for value, _ in entered.starred:
            frame.tracker.leave(value, "spread over parameters")
        captured = captured_masks(frame, function, mask)
        summary = self.summary(definition, bound.values, function.captured, frame.depth + 1, frame)
        self.last_fields, self.last_loaded = summary.fields, summary.loaded
        mark = frame.mark()
        if not self.free_of_cost(definition):
            if summary.effects:
                self._take_over(frame, definition, summary, bound, captured, arguments, place)
            if frame.meter is not None:
                manages = any("contextmanager" in name for name in decorator_names(definition.facts))
                frame.meter.call(summary.cost, definition, function, arguments, place, mark, manages)
        elif frame.notes is not None and summary.effects:
            frame.notes.without_cost(place, definition.id, self.free_of_cost(definition))
        elif frame.meter is not None:
            frame.meter.free(definition, place, self.free_of_cost(definition), summary.cost)
        if summary.stored:
            stores.by_call(frame, function, summary, arguments, bound, captured)
        returned = translate(summary.mask, bound.masks, captured)
        if summary.given:
            records.note_returned(frame, place, summary.given, returned)
        made = template_made(frame, definition, function, arguments, place) if self.templates.makers else None
        named = registry_of(self).found(definition, bound, summary.returns) if made is None else None
        return made or named or summary.returns, returned

    @staticmethod
    def _take_over(
        frame: Frame,
        definition: Definition,
        summary: Summary,
        bound: Bound,
        captured: tuple[int, ...],
        arguments: Arguments,
        place: Place,
    ) -> None:
        """Record what a called function runs as effects of the call."""
        passed_on = any(e.callback for e in summary.effects) and _passes_on(frame, arguments)
        # What a decorator has made of a function may mix its arguments.
        blurred = not _PLAIN_DECORATORS.issuperset(decorator_names(definition.facts))
        for effect in unanswered(frame, summary.effects) if frame.loops else summary.effects:
            done = instantiate(effect, bound, captured, frame.site(place), frame.current_bits())
            if effect.keeper and (not done.keeper or effect.keeper & bound.spread or blurred):
                continue  # one object keeps it for all, as far as can be told
            frame.callback += passed_on and effect.callback
            frame.record(done, place)
            frame.callback -= passed_on and effect.callback
            if effect.callback and not passed_on:
                frame.repeat_at(place, definition.facts.name)
        if any(e.kind is Kind.COMMIT and passed_session(e, bound) for e in summary.effects):
            expiry.expire(frame)

    def free_of_cost(self, definition: Definition) -> str:
        """Return why a call to a function costs no query, or an empty string: it is cached or marked."""
        return self.cells.share(self._free, definition.id, "", lambda: why_free(self, definition))

    def cost(self, key: Key) -> FunctionCost | None:
        """Return what a function that has run costs, or None where costs were not asked for."""
        found = self.summaries.get(key)
        return found.cost if found is not None else None

    def costs(self) -> Iterator[tuple[str, FunctionCost]]:
        """Yield the id of each function that has run, with what each of its runs costs."""
        return ((key[0], summary.cost) for key, summary in self.summaries.items() if summary.cost is not None)

    def returns(self, key: Key) -> Value:
        """Return what a function that has run returns."""
        found = self.summaries.get(key)
        return found.returns if found is not None else UNKNOWN

    def that_run(self, kinds: Collection[Kind]) -> frozenset[str]:
        """Return the ids of the functions that run an effect of some kinds in any context."""
        done = self.summaries.items()
        return frozenset(key[0] for key, summary in done if any(effect.kind in kinds for effect in summary.effects))

    def run_method(self, definition: Definition, receiver: Value, known: dict[str, Value]) -> Summary:
        """Return the summary of a method on a receiver, its other arguments known by name or by annotation."""
        values = list(entry_arguments(self, definition, receiver))
        for position, param in enumerate(definition.facts.params):
            if position and param.name in known:
                values[position] = known[param.name]
        return self.summary(definition, tuple(values), (), 1, None)

    def context(
        self, definition: Definition, values: tuple[Value, ...], captured: tuple[tuple[str, Value], ...]
    ) -> Key:
        """Return the context in which a function runs on these arguments."""
        known = self.receivers.trimmed(definition, tuple([widen(v) for v in values]))
        if not self.reaches(definition.facts):
            # What cannot reach a query is told apart by what its result may carry, not by flags and numbers.
            known = tuple([v if carries(v) or self.request.has_values(v) else UNKNOWN for v in known])
        return definition.id, known, tuple([(n, widen(v)) for n, v in captured])

    def summary(
        self,
        definition: Definition,
        values: tuple[Value, ...],
        captured: tuple[tuple[str, Value], ...],
        depth: int,
        caller: Frame | None,
    ) -> Summary:
        """Return what a function does and returns in one context, computing it at the first request."""
        key = self.context(definition, values, captured)
        if caller is not None:
            caller.calls[key] = None
        found = self.cells.find(key)
        if found is not None:
            return found
        open_flags = flags.outcomes(self._flags_of(definition), key[1])
        if open_flags:
            return self._by_outcome(definition, key, open_flags, depth)
        active = self._active.setdefault(definition.id, [])
        contexts = self._contexts.setdefault(definition.id, {})
        if key not in contexts and are_enough(len(contexts), self.cells, self.project):
            # Beyond the bound one context stands for all: the declared one.
            self.cells.merges = True
            if self.recorder is not None:
                self.recorder.merged.setdefault(definition.id, len(contexts))
            key = (definition.id, tuple(widen(v) for v in entry_arguments(self, definition, None)), ())
            lost(caller, values)
            if caller is not None:
                caller.calls[key] = None
            found = self.cells.find(key)
            if found is not None:
                return found
        if depth > MAX_DEPTH or len(active) >= MAX_ACTIVE:
            # A recursion whose arguments grow is the innermost of its runs again.
            lost(caller, values)
            if active:
                self.cells.rest_on(active[0])
                return self.cells.so_far(active[-1])
            self.cells.merges = True
            if caller is not None and caller.notes is not None:
                caller.notes.cut[definition.id] = None
            return _NOTHING._replace(returns=self._declared(definition, values))
        contexts[key] = None
        active.append(key)
        try:
            with self._apart():
                return self.cells.solve(key, _NOTHING, MAX_ROUNDS, lambda: self._run(definition, key, depth))
        finally:
            active.pop()

    @contextmanager
    def _apart(self) -> Iterator[None]:
        """What runs meanwhile leaves nothing behind for the call that is under way."""
        left = self.last_fields, self.last_loaded
        yield
        self.last_fields, self.last_loaded = left

    def forget_loaded(self) -> None:
        """What was called last has loaded nothing."""
        self.last_loaded = ()

    def _flags_of(self, definition: Definition) -> tuple[int, ...]:
        if definition.id not in self._flags:
            self._flags[definition.id] = flags.flags_of(definition) if self.reaches(definition.facts) else ()
        return self._flags[definition.id]

    def _by_outcome(self, definition: Definition, key: Key, runs: list[tuple[Value, ...]], depth: int) -> Summary:
        """Run a function for each outcome of its flags; the context that leaves them open stands for all of them."""
        keys: tuple[Key, ...] = tuple((definition.id, values, key[2]) for values in runs)
        facts = _no_facts("", keys)

        def run() -> tuple[Summary, Facts, tuple[Function, ...]]:
            return flags.together([self.summary(definition, values, key[2], depth, None) for values in runs]), facts, ()

        return self.cells.solve(key, _NOTHING, 1, run)

    def _run(self, definition: Definition, key: Key, depth: int) -> tuple[Summary, Facts, tuple[Function, ...]]:
        try:
            return self._follow(definition, key, depth)
        except Exception as error:
            if self.failures is None:
                raise
            self.cells.merges = True  # what others know of it is not what they would know
            what = f"following {definition.id.partition(':')[2]}()"
            self.failures.note(definition.path, definition.facts.pos[0], what, error)
            returns = unknown(f"{definition.facts.name}() could not be followed")
            return _NOTHING._replace(returns=returns), _no_facts(definition.id, ()), ()

    def _follow(self, definition: Definition, key: Key, depth: int) -> tuple[Summary, Facts, tuple[Function, ...]]:
        _, values, captured = key
        frame = Run(self, definition, depth, captured)
        for position, (param, value) in enumerate(zip(definition.facts.params, values, strict=True)):
            known = value if value.atoms else unknown(f"nothing is known of the parameter {param.name}")
            frame.bind(param.name, (known, 1 << min(position, LAST_PARAM)))
        for position, (name, value) in enumerate(captured, start=len(values)):
            if frame.lookup(name) is None:
                bit = captured_bit(position)
                frame.captured_mask |= bit
                frame.bind(name, (value, bit))
        if values and definition.cls is not None and definition.facts.params:
            frame.receiver = values[0]
        try:
            frame.block(definition.facts.body)
        except RecursionError:
            self.cells.merges = True
            if frame.notes is not None:
                frame.notes.doubt("statement", definition.facts.pos, "the code is nested too deeply to be followed")
        if frame.state.alive:
            frame.leave()
        returns, mask = self._returned(frame, definition, values)
        frame.tracker.returned.update(dict.fromkeys(origins_in(returns)))
        summary = frame.summary(returns, mask, stores.fields_left(frame, definition))
        if frame.stored:
            summary = summary._replace(stored=stores.of_run(frame))
        if frame.given:
            summary = summary._replace(given=tuple(frame.given))
        if any(effect.kind is Kind.LAZY_LOAD for effect in summary.effects) and not definition.facts.is_generator:
            loaded = rereads.by_run(frame.left, definition.facts.params, values, definition.facts.body)
            summary = summary._replace(loaded=tuple(loaded))
        if frame.meter is not None:
            summary = summary._replace(cost=frame.meter.finish())
        if self.recorder is not None and frame.notes is not None:
            self.recorder.close(key, frame.notes, summary)
        return summary, frame.facts(), tuple(frame.defined)

    def defined_by(self, key: Key) -> tuple[Function, ...]:
        """Return the nested functions of a function that has run, with what they capture."""
        cell = self.cells.done.get(key)
        return cell.defined if cell is not None else ()

    def finish(self) -> None:
        """Give the rules what the functions contribute that were asked for."""
        for key, cell in self.cells.reached().items():
            self.facts[key] = cell.facts
            self.summaries[key] = cell.summary
            self.nodes.update(cell.nodes)
            self.dependencies.update(cell.dependencies)
        outside = self.cells.stack[0]
        self.nodes.update(outside.nodes)
        self.dependencies.update(outside.dependencies)

    def note_node(self, site: Site, kind: NodeKind) -> None:
        """Remember what syntax stands at a place that meets a cost."""
        self.cells.stack[-1].nodes[site] = kind

    def provide(self, function_id: str) -> None:
        """Remember that a framework passes on what a function returns."""
        self.cells.stack[-1].dependencies[function_id] = None

    def _response_of(self, definition: Definition) -> tuple[Value | None, ...]:
        """What the response schema of a route handler says, in a tuple; an empty one for any other function."""

        def look() -> tuple[Value | None, ...]:
            dumped = response_schemas(self, definition)
            if dumped.atoms:
                return (dumped,)
            return (response_annotation(self, definition),) if is_handler(self, definition) else ()

        return self.cells.share(self._responses, definition.id, (), look)

    def respond(self, frame: Frame, val: Val, expr: f.Expr) -> None:
        """Read what a route handler returns as its response schema does; without one it escapes.

        Args:
            frame: the running function, a handler or any other.
            val: the returned value.
            expr: the returned expression.
        """
        found = self._response_of(frame.function)
        if not found:
            return
        anchor = sql.anchor(expr)
        place, mark = anchor.pos if anchor is not None else frame.scopes[-1], frame.mark()
        response = found[0]
        if response is None or not serialise.response(frame, val[0], val[1], response, place):
            rows.escape(frame, val[0], place, "returned to the framework")
        if anchor is not None:
            frame.note_node(anchor, mark)

    def _returned(self, frame: Run, definition: Definition, values: tuple[Value, ...]) -> Val:
        produced = frame.yields if definition.facts.is_generator else frame.returns
        value = join_all([v for v, _ in produced])
        if value.first(Statement) is not None:
            value = Value(tuple(without_session(a) if type(a) is Statement else a for a in value.atoms))
        mask = frame.tested
        for _, one in produced:
            mask |= one
        declared = self._declared(definition, values)
        if definition.facts.is_generator:
            if not value.atoms:
                items = [a.item for a in declared.atoms if type(a) is Many]
                value = join_all(items)
            kind = "context" if any("contextmanager" in n for n in decorator_names(definition.facts)) else "iterator"
            return many(value, kind), mask
        if not value.atoms or is_hollow(value) or self.classes.is_abstract(definition):
            value = join(value, declared) if not is_hollow(value) else declared if declared.atoms else value
        return value, mask

    def _declared(self, definition: Definition, values: tuple[Value, ...]) -> Value:
        annotation = definition.facts.returns
        if annotation is None:
            return unknown(f"{definition.facts.name}() returns something unknown")
        concrete = next((a.cls for a in values[0].atoms if hasattr(a, "cls")), definition.cls) if values else None
        return self.annotations.value(definition.path, annotation, concrete or definition.cls)

    def _top_level(self, path: str) -> Run:
        """Return a run in a module's namespace."""
        holder = top_level(self.project.symbols.modules[path])
        self._nested[holder.id] = holder
        return Run(self, holder, 1, ())

    def evaluate_global(self, path: str, expr: f.Expr) -> Value:
        """Return the value of an expression in a module's namespace."""
        with self._apart():
            return self._top_level(path).eval(expr)[0]

    def member(self, path: str, value: Value, expr: f.Attr) -> Value:
        """Return an attribute of a value, as an expression of a module reads it."""
        with self._apart():
            return self._top_level(path).attribute((value, 0), expr.name, expr.pos)[0]

    def apply(self, decorator: f.Expr, definition: Definition, value: Value) -> Value:
        """Return what a decorator makes of a function."""
        self.cells.stack[-1].sources[definition.path] = None
        run = self._top_level(definition.path)
        with self._apart():
            return run.call(run.eval(decorator), Arguments(((value, 0),), {}), definition.facts.pos)[0]

    def function_value(self, function_id: str) -> Value:
        """Return what a function's name stands for: itself, or what its decorators have made of it."""
        definition = self.project.hierarchy.functions.get(function_id)
        itself = of(Function("function", function_id, None, (), ()))
        if definition is None or not definition.facts.decorators:
            return itself
        return self.cells.share(self._functions, function_id, itself, lambda: decorated(self, definition))

    def filled_in(self, definition: Definition) -> dict[str, Value]:
        """Return what a function's decorators give it where its callers leave a parameter out, by the parameter."""
        if not definition.facts.decorators:
            return {}
        nothing: dict[str, Value] = {}
        return self.cells.share(self._filled, definition.id, nothing, lambda: filled_in(self, definition))

    def class_id(self, path: str, facts: f.ClassFacts) -> str:
        """Return the id of a class by its definition."""
        return f"{self.project.symbols.modules[path].name}:{facts.qualname}"

    def path_of(self, site: Site) -> str:
        """Return the file in which a site stands."""
        return self.definition(site.function).path


def _no_facts(function: str, calls: tuple[Key, ...]) -> Facts:
    """What a function contributes that does nothing but call."""
    return Facts(function, (), (), (), (), (), (), (), calls, Tracker().trail(), (), (), ())


def _passes_on(frame: Frame, arguments: Arguments) -> bool:
    """True if a function among the arguments is itself a parameter: the cost is the caller's caller's."""
    params = {param.name for param in frame.function.facts.params}
    exprs = (*arguments.exprs, *(expr for _, expr in arguments.keyword_exprs))
    named = {expr.id for expr in exprs if isinstance(expr, f.Name)}
    return any(
        (known := frame.lookup(name)) is not None and known[0].first(Function) is not None for name in named & params
    )
