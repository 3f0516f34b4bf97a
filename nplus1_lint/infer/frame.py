"""One function being run on abstract arguments: its names, its loops, and what it has done so far."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, Any

from nplus1_lint.findings import NodeKind
from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import assigned_in
from nplus1_lint.infer import expiry
from nplus1_lint.infer.arguments import Arguments as Arguments  # noqa: TC001 (others take it from here)
from nplus1_lint.infer.effects import (
    ASKS,
    CHANGES,
    Ask,
    Change,
    Effect,
    Emission,
    Escape,
    Execution,
    Facts,
    Fetch,
    Filter,
    Kind,
    Loop,
    Misread,
    Query,
    Read,
    Reader,
    Repeat,
    Requery,
    Summary,
)
from nplus1_lint.infer.instantiate import itself, kept_by_either
from nplus1_lint.infer.laps import Lap
from nplus1_lint.infer.memos import FIRST_TIME, ONE_ITERATION, keeper_of
from nplus1_lint.infer.meter import Meter
from nplus1_lint.infer.rounds import Seen, is_same
from nplus1_lint.infer.shapes import NO_SHAPE, Shape
from nplus1_lint.infer.spent import NOTHING_SPENT
from nplus1_lint.infer.state import Binding as Binding
from nplus1_lint.infer.state import LoopState, carried, hands_over, is_guarded, leaving, same
from nplus1_lint.infer.state import Place as Place
from nplus1_lint.infer.state import State as State
from nplus1_lint.infer.state import Val as Val
from nplus1_lint.infer.trails import Tracker
from nplus1_lint.infer.values import PARAM_BITS, PARAMS_MASK, SCALAR, Loads, Origin, Site, Value
from nplus1_lint.infer.values import Function as FunctionValue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nplus1_lint.infer.effects import Key
    from nplus1_lint.infer.loaders import Loaders
    from nplus1_lint.infer.rereads import Pass
    from nplus1_lint.infer.solve import Engine
    from nplus1_lint.link.hierarchy import Function

MAX_LOOP_BITS = 200  # a function with more loops than this shares bits: dependence may be over-reported, never lost
MAX_EFFECTS = 48  # effects kept per summary; the largest function measured has 41


_NO_EFFECTS: frozenset[int] = frozenset()
_NODES: dict[type, NodeKind] = {
    f.Attr: NodeKind.ATTRIBUTE,
    f.Name: NodeKind.NAME,
    f.Subscript: NodeKind.SUBSCRIPT,
}


class Frame(abc.ABC):
    """The run of one function in one context.

    Attributes:
        engine: gives summaries of callees and values of globals.
        function: what runs.
        path: its file.
        cls: id of the class whose body holds it, for ``super()`` and type variables.
        receiver: what ``self`` is, or None.
        params: names of its parameters.
        depth: calls above this one.
    """

    def __init__(self, engine: Engine, function: Function, depth: int, captured: Iterable[tuple[str, Value]]) -> None:
        self.engine = engine
        self.function = function
        self.path = function.path
        self.cls = function.cls
        self.depth = depth
        self.receiver: Value | None = None
        self.meter = Meter(self) if engine.counts else None
        self.state = State({}, set(), spent=NOTHING_SPENT if self.meter is not None else None)
        self.loops: list[LoopState] = []
        self.emissions: list[Emission] = []
        self.returns: list[Val] = []
        self.yields: list[Val] = []
        self.reads: list[Read] = []
        self.executions: list[Execution] = []
        self.fetches: list[Fetch] = []
        self.held: dict[str, None] = {}
        self.escapes: list[Escape] = []
        self.filters: list[Filter] = []
        self.asks: dict[Ask, None] = {}
        self.asked_by: dict[tuple[Site, Site], None] = {}
        self.changes: dict[Change, None] = {}
        self.derived: set[Place] = set()  # calls that make another expression of a column
        self.misreads: list[Misread] = []
        self.repeats: list[Repeat] = []
        self.requeries: list[Requery] = []
        self.narrowed: set[Place] = set()  # executions of queries for less than all rows of a key
        self.key_texts: dict[Place, str] = {}  # how the values of criteria are written
        self.row_keys: dict[Place, str] = {}  # by which value each query has fetched its one row
        self.handed = 0  # depth of calls that unknown code makes of functions it was handed
        self.callback = 0  # depth of calls of functions that the caller has passed in
        self.reader: Reader | None = None  # the schema that reads rows now
        self.tracker = Tracker()
        self.calls: dict[Key, None] = {}
        self.scopes: list[Place] = [function.facts.pos]
        self.memos: list[str] = []
        self.learned: dict[str, int] = {}  # names of what was found to be a session, and on what they depend
        self.tested = 0  # what conditions depended on: which value is returned depends on it too
        self.defined: list[FunctionValue] = []
        self.memo_names: dict[str, tuple[str, ...]] = {}
        self.given_stores: dict[str, str] = {}  # names that stand for what a function gives and keeps, with its path
        self.left: list[State] = []
        self.handling = 0  # depth of `except` clauses: what they read on failure is no cost of the loop
        self.globals: set[str] = set()
        self.raising: set[int] = set()  # effects after which the function always raises
        self.passes: dict[Place, Pass] = {}  # generators that nothing has run to their end yet
        self.criterion_masks: dict[Place, int] = {}
        self.displays: dict[int | Place, dict[str, Val]] = {}  # see `nplus1_lint.infer.records`
        self._finished: list[tuple[LoopState, Loop]] = []
        self._bits: dict[Place, int] = {}
        self._holders: set[str] = set()  # names of which any attribute has ever been bound: the others hold none
        self.params = frozenset(param.name for param in function.facts.params)
        self.captured_names = frozenset(name for name, _ in captured)
        self.captured_mask = 0  # the bits of captured names
        self.given: dict[tuple[str, Value], None] = {}  # what is assigned to attributes of Flask's `g`
        self.stored: dict[str, int] = {}  # names of objects in which something is stored, see `stores`
        self.notes = engine.recorder.open(function, self) if engine.recorder is not None else None

    @abc.abstractmethod
    def eval(self, expr: f.Expr) -> Val:
        """Return what an expression stands for, and run its effects."""

    @abc.abstractmethod
    def block(self, body: tuple[f.Stmt, ...]) -> None:
        """Run a suite until its end or until no path goes on."""

    @abc.abstractmethod
    def attribute(self, val: Val, name: str, place: Place) -> Val:
        """Return an attribute of a value; properties and lazy loads run."""

    @abc.abstractmethod
    def call(self, callee: Val, arguments: Arguments, place: Place) -> Val:
        """Call a value."""

    @abc.abstractmethod
    def iterate(self, val: Val, place: Place) -> Val:
        """Return what iterating a value yields; an unexecuted query is executed."""

    @abc.abstractmethod
    def iterate_expr(self, expr: f.Expr, val: Val) -> Val:
        """Iterate the value of an expression; a query that it executes stands on that expression."""

    @abc.abstractmethod
    def condition(self, expr: f.Expr) -> Any:
        """Evaluate a condition: its outcome where literals settle it, and its mask."""

    @abc.abstractmethod
    def narrow(self, expr: f.Expr, positive: bool = True) -> int:
        """Evaluate a condition, go on along one of its outcomes, and return its mask."""

    @abc.abstractmethod
    def closure(self, facts: f.FunctionFacts) -> Val:
        """Return a nested function with the values that it captures, and on what they depend."""

    def concrete_class(self) -> str | None:
        """Return the id of the receiver's class where it is known, else of the class that holds the function."""
        for atom in self.receiver.atoms if self.receiver is not None else ():
            cls = getattr(atom, "cls", None)
            if isinstance(cls, str):
                return cls
        return self.cls

    def leave(self) -> None:
        """End the current path with a return; what it leaves on the receiver is kept."""
        self.left.append(self.state.copy())
        self.state.alive = False

    # -- names --------------------------------------------------------------------------------------------------

    def bind(self, name: str, val: Val, born: frozenset[int] = _NO_EFFECTS) -> None:
        """Assign a name; what was known of its attributes and items is forgotten."""
        env = self.state.env
        if name in self._holders:
            prefix = f"{name}."
            stale = [key for key in env if key.startswith(prefix)]
            for key in stale:
                del env[key]
        if "." in name:
            holder = name.rpartition(".")[0]
            while holder:
                self._holders.add(holder)
                holder = holder.rpartition(".")[0]
        if self.state.asked:
            self.forget_asked(name.partition(".")[0])
        env[name] = Binding(val[0], val[1], born)

    def forget_asked(self, name: str) -> None:
        """A name holds something else: a query that mentions it is another query."""
        self.state.asked = {text: one for text, one in self.state.asked.items() if name not in one.names}

    def lookup(self, name: str) -> Val | None:
        """Return a local name's value, or None when it is not local."""
        binding = self.state.env.get(name)
        return (binding.value, binding.mask) if binding is not None else None

    # -- effects ------------------------------------------------------------------------------------------------

    def site(self, place: Place) -> Site:
        """Return a place of this function as a site."""
        return Site(self.function.id, place)

    def emit(
        self,
        kind: Kind,
        place: Place,
        *,
        subject: str = "",
        attribute: str = "",
        deps: int = 0,
        session: int = 0,
        query: Query | None = None,
        origin: Origin | None = None,
    ) -> None:
        """Record a statement that this function runs itself."""
        made = origin.site if origin is not None else None
        effect = Effect(kind, self.site(place), subject, attribute, deps, itself(session), (), 0, query, origin=made)
        self.record(effect, place)
        if self.meter is not None:
            self.meter.effect(effect, place)

    def note_node(self, expr: f.Expr, mark: int) -> None:
        """Remember what syntax stands where effects have happened since a mark: a finding names the exact node."""
        if len(self.emissions) > mark or (
            self.misreads and self.misreads[-1].place.place == getattr(expr, "pos", None)
        ):
            kind = _NODES.get(type(expr))
            if kind is not None:
                self.engine.note_node(self.site(expr.pos), kind)  # type: ignore[union-attr]

    def record(self, effect: Effect, place: Place) -> None:
        """Record an effect at a place of this function."""
        if self.reader is not None and effect.reader is None:
            effect = effect._replace(reader=self.reader)
        if self.handed or self.callback:
            effect = effect._replace(handed=effect.handed or self.handed > 0, callback=self.callback > 0)
        if effect.kind in CHANGES or (effect.query is not None and "for_update" in effect.query.flags):
            self.state.asked.clear()
        if len(effect.chain) == 1 and effect.kind in ASKS:
            self.asked_by[effect.site, self.site(place)] = None
        loops = tuple(state.loop for state in self.loops)
        self.state.pending.add(len(self.emissions))
        self.emissions.append(Emission(effect, place, self.scopes[-1], loops, tuple(self.memos)))

    def repeat_at(self, place: Place, callee: str) -> None:
        """The last effect is repeated by the callee, which was given the function that runs it: a loop at the call."""
        index = len(self.emissions) - 1
        emission = self.emissions[index]
        bit = self.loop_bit(place)
        text = f"each item that {callee}() hands over"
        loop = Loop(self.site(place), "callback", bit, None, text, False, False, False, frozenset(), SCALAR)
        effect = emission.effect._replace(deps=emission.effect.deps | bit, callback=False)
        self.emissions[index] = emission._replace(effect=effect, loops=(*emission.loops, loop))
        running = LoopState(loop, index, len(self.memos), NO_SHAPE)
        running.repeated.add(index)
        self._finished.append((running, loop))

    def read(self, origin: Origin | None, attribute: str, place: Place, by_delete: bool = False) -> None:
        """Record that a relationship of a loaded row was read."""
        if origin is not None:
            self.reads.append(Read(origin.site, (*origin.path, attribute), self.site(place), by_delete))

    def executes(
        self, place: Place, model: str, loads: Loads, loaders: Loaders = (), *, takes_options: bool = True
    ) -> None:
        """Record that a query for whole rows is executed.

        Args:
            place: the executing call, or the read that loads rows.
            model: id of the loaded class.
            loads: loader options.
            loaders: the options as they are written.
            takes_options: a loader option can be given there; never so in a template.
        """
        takes_options = takes_options and not self.engine.templates.holds(self.path)
        self.executions.append(Execution(self.site(place), (model,), loads, loaders, takes_options))

    def mark(self) -> int:
        """Return the number of effects so far, to ask later what happened since."""
        return len(self.emissions)

    def since(self, mark: int) -> frozenset[int]:
        """Return the effects recorded since a mark."""
        return frozenset(range(mark, len(self.emissions))) if len(self.emissions) > mark else _NO_EFFECTS

    # -- loops --------------------------------------------------------------------------------------------------

    def loop_bit(self, place: Place) -> int:
        """Return the mask bit of the loop at a place."""
        if place not in self._bits:
            self._bits[place] = 1 << (PARAM_BITS + len(self._bits) % MAX_LOOP_BITS)
        return self._bits[place]

    def current_bits(self) -> int:
        """Return the bits of all loops that are running."""
        bits = 0
        for state in self.loops:
            bits |= state.loop.bit
        return bits

    def run_loop(
        self,
        loop: Loop,
        shape: Shape,
        head: Callable[[], object],
        body: Callable[[], None],
        endless: bool,
        seen: Seen | None = None,
    ) -> None:
        """Run a loop's body on what holds at its head, twice where the first round changed what the head sees.

        Args:
            loop: the loop.
            shape: what its syntax says.
            head: binds the target, or evaluates the test.
            body: runs the body.
            endless: the loop ends by ``break`` alone.
            seen: what a round takes over from the one before it; None if that cannot be told.
        """
        entry = self.state.copy()
        running = LoopState(loop, len(self.emissions), len(self.memos), shape)
        self.loops.append(running)
        lap = Lap(self, entry) if self.meter is not None else None
        if lap is not None or self.notes is not None or self.engine.templates.active:
            seen = None  # what is counted, noted or kept of dictionaries is no name's alone
        left = len(self.left)
        self.state = carried(entry, entry, running)
        exits = State({}, set(), alive=False) if endless else entry
        for last in (False, True):
            asked = len(self.emissions)
            if lap is not None:
                lap.start(self.state)
            head()
            at_test = self.state.copy()
            if loop.kind == "while":
                # A query that is the loop's own condition is a search: its answer ends the loop. A lazy load walks.
                searches = range(asked, len(self.emissions))
                self.state.pending -= {i for i in searches if self.emissions[i].effect.kind is not Kind.LAZY_LOAD}
            body()
            back = self.state
            for state in running.continues:
                back = back.join(state)
            running.continues = []
            if back.alive:
                running.repeated |= expiry.reloaded_each_time(
                    self, {i for i in back.pending if i >= running.start}, loop
                )
            following = carried(entry.join(back), entry, running)
            exits = exits.join(leaving(at_test, entry, back, endless))
            if lap is not None:
                lap.end(at_test, back)
            settled = lap is None or lap.settled()
            if last or not back.alive:
                break
            before = carried(entry, entry, running).env
            if settled and same(following.env, before):
                break
            if seen is not None and not (endless and running.breaks):
                if is_same(seen, before, following.env, leaves=len(self.left) > left):
                    break
            following.pending = set(entry.pending)
            self.state = following
        by_head = exits.alive
        for state in running.breaks:
            exits = exits.join(state)
        self.state = exits
        self.loops.pop()
        if lap is not None:
            self.state.spent = lap.close(running, endless=endless, by_head=by_head)
        self._finished.append((running, loop))

    def forget_loop(self, place: Place) -> None:
        """Take back what a finished loop repeats: its consumer stops at the first hit."""
        for running, loop in self._finished:
            if loop.site.place == place:
                running.repeated.clear()
        if self.meter is not None:
            self.meter.forget(place)

    def finished_loops(self) -> tuple[Loop, ...]:
        """Return the loops that have run, each once, in the order in which they ended."""
        return tuple(dict.fromkeys(loop for _, loop in self._finished))

    def fate(self, index: int, loop: Loop) -> str:
        """Say what a loop makes of an effect: ``repeated``, ``guarded`` by an older memo, or ``left`` behind."""
        fate = "left"
        for state, one in self._finished:
            if (one.site, one.bit) == (loop.site, loop.bit) and index in state.repeated:
                if not is_guarded(self.emissions[index], state):
                    return "repeated"
                fate = "guarded"
        return fate

    def memos_in(self, index: int, loop: Loop) -> tuple[str, ...]:
        """Return what is asked inside a loop before an effect runs."""
        of_loop = [state for state, one in self._finished if (one.site, one.bit) == (loop.site, loop.bit)]
        return tuple(memo for state in of_loop[:1] for memo in self.emissions[index].memos[state.memos :])

    # -- results ------------------------------------------------------------------------------------------------

    def summary(self, returns: Value, mask: int, fields: tuple[tuple[str, Value], ...]) -> Summary:
        """Return what callers need of this run."""
        merged: dict[tuple[object, ...], Effect] = {}
        for index, emission in enumerate(self.emissions):
            keeper = keeper_of(self, emission)
            if index in self.raising or keeper is None:
                continue
            effect = emission.effect._replace(keeper=keeper)
            key: tuple[object, ...] = (effect.kind, effect.site, effect.subject, effect.attribute)
            if effect.kind in (Kind.CHANGE, Kind.OPAQUE):
                key = (effect.kind, effect.subject)  # that there is one, and of which class, is all that callers need
                effect = effect._replace(attribute="")
            around = effect.loops + sum(not loop.bounded for loop in emission.loops)
            deps, session = effect.deps & PARAMS_MASK, effect.session & PARAMS_MASK
            callback = effect.callback and any(hands_over(loop, effect) for loop in emission.loops)
            present = merged.get(key)
            if present is not None:
                deps |= present.deps
                session &= present.session
                around = max(around, present.loops)
                keeper = kept_by_either(present, effect)
                effect = present if len(present.chain) <= len(effect.chain) else effect
            merged[key] = effect._replace(deps=deps, session=session, loops=around, callback=callback, keeper=keeper)
        kept = tuple(merged.values())[:MAX_EFFECTS]
        return Summary(returns, mask & PARAMS_MASK, kept, fields)

    def outlives(self, memo: str) -> bool:
        """True if a memo container is older than this call: on the receiver, a parameter, captured or global."""
        if memo.startswith((FIRST_TIME, ONE_ITERATION)):
            return False
        root = memo.partition(".")[0]
        older = root in self.params or root in self.captured_names or root in self.globals
        return older or "." in memo or root not in assigned_in(self.function.facts.body)

    def facts(self) -> Facts:
        """Return what this run contributes to the analysis."""
        repeated: dict[tuple[object, ...], tuple[Emission, Loop]] = {}
        for state, loop in self._finished:
            for index in sorted(state.repeated):
                emission = self.emissions[index]
                if is_guarded(emission, state):
                    continue
                effect = emission.effect
                if effect.callback and hands_over(loop, effect):
                    continue  # it counts where the function is passed in
                key = (effect.kind, effect.site, effect.attribute, emission.place, loop.site, loop.bounded)
                present = repeated.get(key)
                if present is not None:
                    effect = effect._replace(deps=effect.deps | present[0].effect.deps)
                    emission = emission._replace(effect=effect)
                repeated[key] = (emission, loop)
        return Facts(
            self.function.id,
            tuple(repeated.values()),
            tuple(dict.fromkeys(self.reads)),
            tuple(dict.fromkeys(self.executions)),
            tuple(dict.fromkeys(self.escapes)),
            tuple(dict.fromkeys(self.misreads)),
            tuple(dict.fromkeys(self.repeats)),
            tuple(dict.fromkeys(one for one in self.requeries if one.place.place not in self.narrowed)),
            tuple(self.calls),
            self.tracker.trail(),
            tuple(dict.fromkeys(self.fetches)),
            tuple(self.held),
            tuple(dict.fromkeys(self.filters)),
            tuple(self.asks),
            tuple(self.asked_by),
            tuple(self.changes),
        )
