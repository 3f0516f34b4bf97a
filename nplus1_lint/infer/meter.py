"""Counts what a run sends: statements where they happen, eager loads beside them, changes when they are flushed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.infer.cascades import eager_statements
from nplus1_lint.infer.effects import READS, Effect, Kind
from nplus1_lint.infer.loading import state_of
from nplus1_lint.infer.memos import EVERY_SO_OFTEN, FIRST_TIME
from nplus1_lint.infer.sizes import at_call, plural
from nplus1_lint.infer.spent import NOTHING_SPENT, FunctionCost, Item, Spent, dearest, remembered, repeated
from nplus1_lint.infer.state import asked_first
from nplus1_lint.infer.values import PENDING, Const, Row, Session, Site, Statement
from nplus1_lint.query_costs import ONE, ZERO, Polynomial, Size, SizeKind

if TYPE_CHECKING:
    from nplus1_lint.infer.effects import Loop
    from nplus1_lint.infer.frame import Arguments, Frame, Place, State
    from nplus1_lint.infer.loaders import Loaders
    from nplus1_lint.infer.state import LoopState
    from nplus1_lint.infer.values import Function, Loads, Value
    from nplus1_lint.link.hierarchy import Function as Definition

_MOST_NOTES = 12
_STATEMENTS = READS | {Kind.LAZY_LOAD, Kind.REFRESH, Kind.WRITE}


class Meter:
    """Counts for one run of a function.

    Attributes:
        deferred: how many context managers have been entered that flush when they are left.
    """

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._doubts: dict[tuple[Site, str], None] = {}
        self._remarks: dict[tuple[Site, str], None] = {}
        self._flushes = False
        self._missing: list[Spent] = []
        self.deferred = 0

    # -- statements ---------------------------------------------------------------------------------------------

    def effect(self, effect: Effect, place: Place) -> None:
        """Count an effect of the running function's own, the last one recorded."""
        if effect.kind in (Kind.COMMIT, Kind.FLUSH):
            self._flushes = True
            self.flush(place)
        elif effect.kind in _STATEMENTS and effect.attribute not in ("assign", "delete"):
            self._autoflush(place)
            self._pay(place, _what(effect))

    def eager(
        self,
        place: Place,
        model: str,
        loads: Loads | None,
        loaders: Loaders = (),
        *,
        one: bool = False,
        new: bool = False,
    ) -> None:
        """Count what is loaded eagerly beside the statement that was counted last.

        Args:
            place: the statement.
            model: id of the loaded class.
            loads: loader options of its rows.
            loaders: the same one by one.
            one: at most one row is loaded.
            new: that row has just been inserted.
        """
        models = self._frame.engine.project.models
        for loaded in eager_statements(models, model, loads, loaders, new=new):
            name = f"{loaded.strategy} load of {_short(loaded.owner)}.{loaded.path[-1]}"
            cost = ONE
            if loaded.strategy == "immediate" and not (one and len(loaded.path) == 1):
                cost = Polynomial.size(Size(plural(loaded.owner), self._frame.function.id))
            self._pay(place, name, cost, "eager")

    def _pay(self, place: Place, what: str, cost: Polynomial = ONE, kind: str = "statement") -> None:
        frame = self._frame
        last = len(frame.emissions)
        item = Item(kind, place, what, cost, (max(0, last - 1), last), tuple(frame.memos))
        frame.state.spent = _spent(frame.state).paid(item)

    # -- changes ------------------------------------------------------------------------------------------------

    def changed(self, what: str, model: str) -> None:
        """Note what the next flush writes."""
        spent = _spent(self._frame.state)
        self._frame.state.spent = spent.with_dirty(spent.dirty | {(what, model)})

    def added(self, value: Value, rows: list[Row]) -> None:
        """Note what ``session.add`` inserts; what is in the session already is not inserted again."""
        for row in rows:
            if row.origin is None and (row.loads is None or PENDING in row.loads):
                self.changed("INSERT", row.model)
        if not rows and not value.atoms:
            self.changed("INSERT", "")

    def stored(self, row: Row, attribute: str) -> None:
        """Note that an attribute of a row was assigned: an UPDATE, unless the row is new or unknown."""
        model = self._frame.engine.project.models[row.model]
        if attribute in model.columns and row.loads is not None and PENDING not in row.loads:
            self.changed("UPDATE", row.model)

    def rolled_back(self) -> None:
        """What was to be written is not."""
        self._frame.state.spent = _spent(self._frame.state).with_dirty(frozenset())

    def deleted(self, row: Row, place: Place) -> None:
        """Note what the deletion of a row loads and writes, along its cascades."""
        self._delete(row.model, row.loads, place, ())
        self.changed("DELETE", row.model)

    def _delete(self, model: str, loads: Loads | None, place: Place, seen: tuple[str, ...]) -> None:
        models = self._frame.engine.project.models
        for relationship in models[model].relationships.values():
            target = relationship.target
            if relationship.viewonly or target not in models or target in seen or relationship.lazy == "write_only":
                continue
            cascades = "delete" in relationship.cascade or "all" in relationship.cascade
            if not cascades and not relationship.uselist and relationship.secondary is None:
                continue
            if not seen and state_of(loads, relationship) is False:
                self._pay(place, f"load of {_short(model)}.{relationship.name} to delete or detach its rows")
                self.eager(place, target, frozenset())
            if cascades:
                self._delete(target, frozenset(), place, (*seen, model))
                self.changed("DELETE", target)
            elif not seen:
                self.changed(*(("DELETE", relationship.secondary) if relationship.secondary else ("UPDATE", target)))

    def flush(self, place: Place) -> None:
        """Count what is written: a statement per table and kind of change."""
        spent = _spent(self._frame.state)
        self._frame.state.spent = spent.with_dirty(frozenset())
        for what, model in sorted(spent.dirty):
            self._pay(place, f"{what} {_short(model)}".strip())

    def _autoflush(self, place: Place) -> None:
        if self._frame.engine.sessions_autoflush and _spent(self._frame.state).dirty:
            self.flush(place)

    # -- calls --------------------------------------------------------------------------------------------------

    def call(
        self,
        cost: FunctionCost | None,
        definition: Definition,
        function: Function,
        arguments: Arguments,
        place: Place,
        mark: int,
        manages: bool,
    ) -> None:
        """Count a call of a function of the project, after its effects have been recorded.

        Args:
            cost: what it costs, or None where that is not known: a recursion.
            definition: the callee.
            function: the called value.
            arguments: of the call.
            place: the call.
            mark: the effects before it.
            manages: the callee is a context manager, whose flush comes after the block.
        """
        frame = self._frame
        if cost is None:
            if frame.engine.reaches(definition.facts):
                self.doubt(place, f"{definition.facts.name}() is called again inside itself, or too deeply")
            return
        for doubt in cost.doubts[: _MOST_NOTES - len(self._doubts)]:
            self._doubts[doubt] = None
        for remark in cost.remarks[: _MOST_NOTES - len(self._remarks)]:
            self._remarks[remark] = None
        if cost.flushes:
            self._flushes = True
            self.deferred += manages
            if not manages:
                self.flush(place)
        elif cost.total.terms:
            self._autoflush(place)
        if cost.total.terms:
            skipped = len(function.bound) + (function.receiver is not None)
            sizes = tuple(
                (size, Polynomial.size(at_call(frame, size, definition, arguments, skipped)))
                for size in dict.fromkeys((*cost.total.sizes, *(cost.missing.total.sizes if cost.missing else ())))
            )
            known = dict(sizes)
            total = cost.total.replaced(lambda size: known[size])
            effects = (mark, len(frame.emissions))
            memos = tuple(frame.memos)
            item = Item("call", place, definition.id, total, effects, memos, callee=cost, sizes=sizes)
            frame.state.spent = _spent(frame.state).paid(item)
        spent = _spent(frame.state)
        frame.state.spent = spent.with_dirty(spent.dirty | cost.dirty)

    def free(self, definition: Definition, place: Place, why: str, cost: FunctionCost | None) -> None:
        """Note a call that would query and costs nothing."""
        if cost is not None and cost.total.terms:
            self.remark(place, f"{definition.facts.name}() counts for nothing: {why}")

    def unknown(self, name: str, place: Place) -> None:
        """Note a call of something unknown that may query, by its name."""
        if self._frame.engine.reach.names_function(name):
            self.doubt(place, f"what {name}() is cannot be told, and a function of that name may query")

    def outside(self, arguments: Arguments, name: str, place: Place) -> None:
        """Note a call outside the project that may query: it is given a session or a query."""
        given = [value for value, _ in (*arguments.positional, *arguments.keywords.values(), *arguments.starred)]
        if any(value.first(Session) is not None or value.first(Statement) is not None for value in given):
            self.doubt(place, f"{name} is outside the project and is given a session or a query")

    def missed(self, born: frozenset[int]) -> None:
        """On this path what a name was given is None: its query has found no row.

        Args:
            born: the effects of the assignment.
        """
        if born:
            self._frame.state.spent = _spent(self._frame.state).without_rows(born)

    def returned(self, value: Value, born: frozenset[int]) -> None:
        """Note what a path costs that may return None, outside of loops.

        Args:
            value: what it returns.
            born: the effects that have made it.
        """
        if self._frame.loops:
            return
        nones = [type(atom) is Const and atom.value is None for atom in value.atoms]
        if nones and all(nones):
            self._missing.append(_spent(self._frame.state))
        elif any(nones):
            self._missing.append(_spent(self._frame.state).without_rows(born))

    # -- notes --------------------------------------------------------------------------------------------------

    def doubt(self, place: Place, why: str) -> None:
        """Note why the count may be wrong."""
        if len(self._doubts) < _MOST_NOTES:
            self._doubts[self._frame.site(place), why] = None

    def remark(self, place: Place, what: str) -> None:
        """Note what is worth knowing of the count."""
        if len(self._remarks) < _MOST_NOTES:
            self._remarks[self._frame.site(place), what] = None

    def branched(self, place: Place, taken: State, other: State) -> None:
        """Note that one of two branches is not counted, because the other one costs more."""
        if not (taken.alive and other.alive) or taken.spent is None or other.spent is None:
            return
        one, two = taken.spent.total, other.spent.total
        if one != two and max(one.degree, two.degree) and one.degree != two.degree:
            less = one if one.degree < two.degree else two
            self.remark(place, f"of two branches the dearer one counts; by the other one it is {less} up to here")

    # -- results ------------------------------------------------------------------------------------------------

    def finish(self) -> FunctionCost:
        """Return what the run has cost on its dearest path that returns."""
        frame = self._frame
        spent = dearest([state.spent for state in frame.left]) if frame.left else None
        spent = spent if spent is not None else NOTHING_SPENT
        missing = dearest(list(self._missing)) if self._missing else None
        return self._cost(spent, self._cost(missing) if missing is not None else None)

    def _cost(self, spent: Spent, missing: FunctionCost | None = None) -> FunctionCost:
        items = tuple(self._outlived(item) for item in spent.items())
        total = ZERO
        for item in items:
            total = total + item.cost
        doubts, remarks = tuple(self._doubts), tuple(self._remarks)
        return FunctionCost(self._frame.function.id, items, total, spent.dirty, self._flushes, doubts, remarks, missing)

    def _outlived(self, item: Item) -> Item:
        """What a memo guards that is older than the call is paid once per key, whoever calls."""
        if not any(self._frame.outlives(memo) for memo in item.memos):
            return item
        name = keys_of(self._frame, item)
        once = Polynomial.size(Size(name, "", SizeKind.ONCE))
        return item._replace(kind="loop", cost=remembered(item.cost, name), parts=((item, once),))


def load_along(
    frame: Frame,
    place: Place,
    model: str,
    loads: Loads | None,
    loaders: Loaders = (),
    *,
    one: bool = False,
    new: bool = False,
) -> None:
    """Count eager loads as `Meter.eager` does, where anything is counted."""
    if frame.meter is not None:
        frame.meter.eager(place, model, loads, loaders, one=one, new=new)


def roll_back(frame: Frame) -> None:
    """Forget what was to be written, where anything is counted."""
    if frame.meter is not None:
        frame.meter.rolled_back()


class Lap:
    """The rounds of a loop while it runs, each counted from nothing."""

    def __init__(self, frame: Frame, entry: State) -> None:
        self._frame = frame
        self._entry = _spent(entry)
        self._left = len(frame.left)
        self._memos = len(frame.memos)
        self._dirty = self._entry.dirty
        self._first: Spent | None = None
        self._back: Spent | None = None
        self._head: Spent | None = None

    def start(self, state: State) -> None:
        """Begin a round."""
        state.spent = NOTHING_SPENT.with_dirty(self._dirty)

    def end(self, at_test: State, back: State) -> None:
        """End a round: what has been spent when the head was evaluated, and when the loop goes on."""
        self._first, self._back = self._back, back.spent if back.alive else None
        self._head = at_test.spent if at_test.alive else None

    def settled(self) -> bool:
        """True if another round would begin with the same changes to be flushed."""
        settled = self._back is None or self._back.dirty == self._dirty
        if self._back is not None:
            self._dirty = self._back.dirty
        return settled

    def close(self, running: LoopState, *, endless: bool, by_head: bool) -> Spent:
        """Return what has been spent when the loop has ended; paths that return from inside it are brought up to date.

        Args:
            running: the loop, with its exits.
            endless: it ends from inside alone.
            by_head: its head can end it.
        """
        body = self._back.items() if self._back is not None else []
        after = self._entry
        for item in self._rounds(running, body):
            after = after.paid(item)
        after = after.with_dirty(self._back.dirty if self._back is not None else self._entry.dirty)
        known = frozenset() if endless else frozenset(map(_identity, body))
        for state in self._frame.left[self._left :]:
            state.spent = _onwards(after, state.spent, known)
        exits = [_onwards(after, state.spent, known) for state in running.breaks]
        if by_head or not exits:
            exits.append(_onwards(after, self._head, known) if running.loop.kind == "while" else after)
        return dearest(list(exits)) or after

    def _rounds(self, running: LoopState, body: list[Item]) -> list[Item]:
        loop, frame = running.loop, self._frame
        each = loop.times if loop.times is not None else Polynomial.size(Size("items", frame.function.id))
        batches = self._batches(running, body)
        if batches:
            each = Polynomial.size(Size(batches, "", SizeKind.BATCHES))
        inside: list[tuple[Item, Polynomial]] = []
        found: list[Item] = []
        for item in body:
            how = self._how_often(item, running, each) if not batches else each
            if how is None:
                keys = Polynomial.size(Size(keys_of(frame, item), "", SizeKind.KEYS))
                memos = item.memos
                found.append(_looped(loop, ((item, keys),))._replace(memos=memos, keyed=True))
            elif item.keyed and how == ONE:
                found.append(item)
            else:
                inside.append((item, how))
        if self._first is not None and self._back is not None:
            extra = self._first.total.beyond(self._back.total)
            if extra.terms and body:
                inside.append((body[0]._replace(what="the first iteration alone", cost=extra, callee=None), ONE))
        if inside:
            found.insert(0, _looped(loop, tuple(inside))._replace(memos=tuple(frame.memos)))
        return found

    def _how_often(self, item: Item, running: LoopState, each: Polynomial) -> Polynomial | None:
        """How often an item of the body runs; None for once per key of a memo."""
        first, last = item.effects
        if first < last and running.repeated.isdisjoint(range(first, last)):
            return ONE
        for memo in item.memos[self._memos :]:
            if memo == EVERY_SO_OFTEN:
                return Polynomial.size(Size("batches", "", SizeKind.BATCHES))
            if asked_first(memo, running):
                return ONE if memo.startswith(FIRST_TIME) or item.keyed else None
        return each

    def _batches(self, running: LoopState, body: list[Item]) -> str:
        """Return what an iteration handles if it is no single row, or an empty string."""
        loop = running.loop
        if loop.chunked:
            return "chunks"
        if loop.waiting and loop.kind == "while":
            return "attempts"
        for item in body:
            for emission in self._frame.emissions[item.effects[0] : item.effects[1]]:
                query = emission.effect.query
                if query is None or emission.effect.kind not in READS:
                    continue
                if query.flags & {"limit", "paged"} and (loop.kind == "while" or "paged" in query.flags):
                    return "pages"
                if loop.kind == "while" and any(criterion.op == "In" for criterion, _ in query.criteria):
                    return "levels"
        return ""


def _looped(loop: Loop, parts: tuple[tuple[Item, Polynomial], ...]) -> Item:
    cost = ZERO
    for item, how in parts:
        cost = cost + repeated(item.cost, how)
    first = min(item.effects[0] for item, _ in parts)
    last = max(item.effects[1] for item, _ in parts)
    return Item("loop", loop.site.place, loop.text, cost, (first, last), parts=parts)


def _onwards(after: Spent, spent: Spent | None, known: frozenset[tuple[object, ...]]) -> Spent:
    """Return a path that has left a loop: what it has done in its last round beyond what every round does."""
    if spent is None:
        return after
    for item in spent.items():
        if _identity(item) not in known:
            after = after.paid(item)
    return after.with_dirty(spent.dirty)


def _identity(item: Item) -> tuple[object, ...]:
    return item.kind, item.place, item.what


def keys_of(frame: Frame, item: Item) -> str:
    """Return the name of the keys of a memo: what is looked up."""
    for emission in frame.emissions[item.effects[0] : item.effects[1]]:
        if emission.effect.subject:
            return plural(emission.effect.subject)
    return "keys"


def _spent(state: State) -> Spent:
    return state.spent if state.spent is not None else NOTHING_SPENT


def _short(class_id: str) -> str:
    return class_id.rpartition(":")[2].rpartition(".")[2] or class_id


def _what(effect: Effect) -> str:
    subject = _short(effect.subject)
    if effect.kind is Kind.LAZY_LOAD:
        return f"lazy load of {subject}.{effect.attribute}"
    if effect.kind is Kind.REFRESH:
        return f"{effect.attribute if effect.attribute != 'expired' else 'reload'} of {subject}"
    verb = effect.query.style.upper() if effect.kind is Kind.WRITE and effect.query is not None else effect.kind.value
    words = {Kind.GET: "SELECT", Kind.WRITE: verb if verb in ("INSERT", "UPDATE", "DELETE") else "write of"}
    by_key = " by its key" if effect.kind is Kind.GET else ""
    return f"{words.get(effect.kind, effect.kind.value)} {subject}".strip() + by_key
