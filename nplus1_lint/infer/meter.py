"""Counts what a run sends: statements where they happen, eager loads beside them, changes when they are flushed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.infer.cascades import eager_statements
from nplus1_lint.infer.effects import READS, Effect, Kind
from nplus1_lint.infer.laps import keys_of, spent_in
from nplus1_lint.infer.loading import state_of
from nplus1_lint.infer.sizes import at_call, rows_of
from nplus1_lint.infer.spent import NOTHING_SPENT, FunctionCost, Item, Spent, dearest, remembered
from nplus1_lint.infer.values import PENDING, Const, Row, Session, Site, Statement
from nplus1_lint.query_costs import ONE, ZERO, Polynomial, Size, SizeKind

if TYPE_CHECKING:
    from nplus1_lint.infer.frame import Arguments, Frame, Place, State
    from nplus1_lint.infer.loaders import Loaders
    from nplus1_lint.infer.values import Function, Loads, Value
    from nplus1_lint.link.hierarchy import Function as Definition

_MOST_NOTES = 12
_STATEMENTS = READS | {Kind.LAZY_LOAD, Kind.REFRESH, Kind.WRITE, Kind.COMMAND}


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
                cost = Polynomial.size(Size(rows_of(self._frame, loaded.owner), self._frame.function.id))
            self._pay(place, name, cost, "eager")

    def _pay(self, place: Place, what: str, cost: Polynomial = ONE, kind: str = "statement") -> None:
        frame = self._frame
        last = len(frame.emissions)
        item = Item(kind, place, what, cost, (max(0, last - 1), last), tuple(frame.memos))
        frame.state.spent = spent_in(frame.state).paid(item)

    def named(self, place: Place, relationships: Loads) -> None:
        """Count what ``refresh(row, ["heroes"])`` loads beside the row."""
        for name in sorted(relationships):
            self._pay(place, f"load of {name}", kind="eager")

    def paged(self, place: Place) -> None:
        """Count the COUNT that goes with the rows of a page."""
        self._pay(place, "count of a page's rows")

    def forget(self, place: Place) -> None:
        """A loop that has just been counted ends at its first hit: what it repeats runs once."""
        spent = spent_in(self._frame.state)
        if spent.item is not None and spent.before is not None and spent.item.kind == "loop":
            item = spent.item
            if item.place == place and not item.keyed:
                once = tuple((part, ONE) for part, _ in item.parts)
                kept = item._replace(parts=once, cost=sum((part.cost for part, _ in once), ZERO))
                self._frame.state.spent = spent.before.paid(kept).with_dirty(spent.dirty)

    # -- changes ------------------------------------------------------------------------------------------------

    def changed(self, what: str, model: str) -> None:
        """Note what the next flush writes."""
        spent = spent_in(self._frame.state)
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
        self._frame.state.spent = spent_in(self._frame.state).with_dirty(frozenset())

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
        spent = spent_in(self._frame.state)
        self._frame.state.spent = spent.with_dirty(frozenset())
        for what, model in sorted(spent.dirty):
            self._pay(place, f"{what} {_short(model)}".strip())

    def _autoflush(self, place: Place) -> None:
        if self._frame.engine.sessions_autoflush and spent_in(self._frame.state).dirty:
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
            frame.state.spent = spent_in(frame.state).paid(item)
        spent = spent_in(frame.state)
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
            self._frame.state.spent = spent_in(self._frame.state).without_rows(born)

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
            self._missing.append(spent_in(self._frame.state))
        elif any(nones):
            self._missing.append(spent_in(self._frame.state).without_rows(born))

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
