"""Transfer functions of statements, and the run of a function's body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import call_name, dotted
from nplus1_lint.index.walk import expressions as expressions_in
from nplus1_lint.infer import (
    calls,
    expiry,
    expressions,
    given_stores,
    loop_options,
    loops,
    memos,
    operators,
    periodic,
    records,
    reflection_tests,
    rendering,
    rereads,
    rounds,
    searches,
    sql,
    trails,
    unique,
)
from nplus1_lint.infer.conditions import Test, settled
from nplus1_lint.infer.containers import fetched, rebind
from nplus1_lint.infer.effects import ISOLATED, Kind
from nplus1_lint.infer.frame import Arguments, Binding, Frame, Place, State, Val
from nplus1_lint.infer.joins import is_hollow, join
from nplus1_lint.infer.marks import differ_by_reads
from nplus1_lint.infer.reflection_tests import assume
from nplus1_lint.infer.values import NONE, OWN_BIT, UNKNOWN, ClassRef, Function, Instance, Many, Session, Value, of
from nplus1_lint.link.symbols import import_bindings

if TYPE_CHECKING:
    from collections.abc import Callable

_CAPTURED = 16  # names that a closure keeps


class Run(Frame):
    """A frame with its transfer functions bound."""

    def eval(self, expr: f.Expr) -> Val:
        """Return what an expression stands for, and run its effects."""
        found: Val = expressions.EVALUATORS[type(expr)](self, expr)
        return found

    def attribute(self, val: Val, name: str, place: Place) -> Val:
        """Return an attribute of a value; properties and lazy loads run."""
        return expressions.attribute(self, val, name, place)

    def call(self, callee: Val, arguments: Arguments, place: Place) -> Val:
        """Call a value."""
        return calls.call(self, callee, arguments, place)

    def iterate(self, val: Val, place: Place) -> Val:
        """Return what iterating a value yields; an unexecuted query is executed."""
        return calls.iterate(self, val, place)

    def iterate_expr(self, expr: f.Expr, val: Val) -> Val:
        """Iterate the value of an expression; a query that it executes stands on that expression."""
        anchor = sql.anchor(expr)
        mark = self.mark()
        item = self.iterate(val, anchor.pos if anchor is not None else self.scopes[-1])
        if anchor is not None:
            self.note_node(anchor, mark)
        return item

    def block(self, body: tuple[f.Stmt, ...]) -> None:
        """Run a suite until its end or until no path goes on."""
        held, start = len(self.memos), len(self.emissions)
        raises = bool(body) and type(body[-1]) is f.Raise
        ways = self.ways() if raises else 0
        for position, statement in enumerate(body):
            if not self.state.alive:
                break
            kind = type(statement)
            if kind in memos.MAY_GUARD:
                self._with_guard(statement, body[position + 1 :])
            else:
                _STATEMENTS[kind](self, statement)
        del self.memos[held:]
        if raises and not self.state.alive and self.ways() == ways:
            self.raising.update(range(start, len(self.emissions)))

    def _with_guard(self, statement: f.Stmt, rest: tuple[f.Stmt, ...]) -> None:
        """Run a statement that may say on what condition the rest of its suite runs."""
        gone, mark = len(self.loops[-1].continues) if self.loops else 0, self.mark()
        _STATEMENTS[type(statement)](self, statement)
        if self.loops and type(statement) is f.If and searches.skips_on_miss(statement, rest):
            searches.end_skipping_search(self, statement, gone, self.since(mark))
        # `if key in memo: return memo[key]` guards what follows.
        memo = memos.guards_rest(self, statement, rest)
        if memo is None and self.loops and type(statement) is f.If and searches.skips(statement):
            memo = unique.guard(self, statement.test, False)
            memo = memo or periodic.every_so_often(self, statement.test, rest, False)
        if memo is not None:
            self.memos.append(memo)

    def ways(self) -> int:
        """How many paths have so far left a suite otherwise than by its end or an exception."""
        jumps = sum(len(loop.continues) + len(loop.breaks) for loop in self.loops)
        return jumps + len(self.left) + len(self.yields)

    def condition(self, expr: f.Expr) -> Test:
        """Evaluate a condition without narrowing."""
        value, mask = self.eval(expr)
        self.tested |= mask
        if type(expr) is not f.BoolOp:
            operators.tested(self, expr, (value, mask))
        return Test(settled(self, expr), mask)

    def narrow(self, expr: f.Expr, positive: bool = True) -> int:
        """Evaluate a condition, go on along one of its outcomes, and return its mask."""
        test = self.condition(expr)
        if test.truth is not None and test.truth != positive:
            self.state.alive = False
        else:
            assume(self, expr, positive)
        return test.mask

    def closure(self, facts: f.FunctionFacts) -> Val:
        """Return a nested function or lambda with the values that it captures, and on what they depend."""
        captured, opaque, mask = [], [], 0
        own = {param.name for param in facts.params}
        for name in sorted(facts.mentions):
            binding = self.state.env.get(name)
            if binding is None:
                continue
            if binding.value.atoms:
                captured.append((name, binding.value))
            elif binding.mask and name not in own:
                opaque.append((name, binding.value))  # nothing is known of it but what it depends on
            mask |= binding.mask
        for path, binding in sorted(self.state.env.items()):
            root = path.partition(".")[0]
            if "." in path and root in facts.mentions and binding.value.atoms and path.count(".") == 1:
                captured.append((path, binding.value))
                mask |= binding.mask
        for param in facts.params:
            if param.default is not None and not isinstance(param.default, f.Const):
                value, one = self.eval(param.default)  # here and now, as Python does
                captured.append((param.name, value))
                mask |= one
        held = (*sorted(dict(captured).items())[:_CAPTURED], *opaque[:_CAPTURED])
        return of(Function("function", self.engine.register_nested(self, facts), None, held, ())), mask


# -- statements ------------------------------------------------------------------------------------------------------


def _simple(run: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    def scoped(frame: Run, statement: Any) -> None:
        frame.scopes.append(statement.pos)
        run(frame, statement)
        frame.scopes.pop()

    return scoped


def _assign(frame: Run, statement: f.Assign) -> None:
    mark = len(frame.emissions)
    val = frame.eval(statement.value)
    for target in statement.targets:
        if type(target) is f.Display:
            val = fetched(frame, statement.value, val)
            break
    born = frame.since(mark)
    for target in statement.targets:
        loops.assign_target(frame, target, val, born)
        memos.remember(frame, target, statement.value)
        if frame.engine.templates.active:
            records.remember(frame, target, statement.value)


def _ann_assign(frame: Run, statement: f.AnnAssign) -> None:
    mark = frame.mark()
    value, mask = frame.eval(statement.value) if statement.value is not None else (UNKNOWN, 0)
    if not value.atoms or (isinstance(statement.target, f.Attr) and is_hollow(value)):
        # Other methods fill what the constructor leaves empty: they see what its annotation says.
        declared = frame.engine.annotations.value(frame.path, statement.annotation, frame.concrete_class())
        value = declared if declared.atoms else value
    if statement.value is not None or isinstance(statement.target, f.Name):
        loops.assign_target(frame, statement.target, (value, mask), frame.since(mark))
        given_stores.remember(frame, statement.target, statement.value)
    if statement.value is not None and frame.engine.templates.active:
        records.remember(frame, statement.target, statement.value)


def _aug_assign(frame: Run, statement: f.AugAssign) -> None:
    left, left_mask = frame.eval(statement.target)
    right, right_mask = fetched(frame, statement.value, frame.eval(statement.value))
    value = join(left, right) if any(type(a) is Many for a in left.atoms) else left if left.atoms else UNKNOWN
    rebind(frame, statement.target, (value, left_mask | right_mask))


def _expr(frame: Run, statement: f.ExprStmt) -> None:
    value, _ = frame.eval(statement.value)
    trails.dropped(frame, value, statement.pos)


def _if(frame: Run, statement: f.If) -> None:
    mark = frame.mark()
    frame.scopes.append(statement.pos)
    test = frame.condition(statement.test)
    frame.scopes.pop()
    evaluated = frame.since(mark)
    memo = memos.guards_body(frame, statement) or periodic.every_so_often(frame, statement.test, statement.body)
    if memo is None and frame.loops:
        memo = unique.guard(frame, statement.test)
    if test.truth is not None:
        assume(frame, statement.test, test.truth)
        _guarded(frame, statement.body if test.truth else statement.orelse, memo if test.truth else None)
        return
    before = frame.state.copy()
    entry = dict(before.env) if test.mask else {}
    held, ways = reflection_tests.in_hand(frame), frame.ways()
    assume(frame, statement.test, True)
    _guarded(frame, statement.body, memo)
    taken, frame.state = frame.state, before
    assume(frame, statement.test, False)
    other = memos.guards_else(frame, statement)
    _guarded(frame, statement.orelse, other or (unique.guard(frame, statement.test, False) if frame.loops else None))
    searches.end_search(frame, statement, taken, evaluated)
    if frame.meter is not None:
        frame.meter.branched(statement.pos, taken, frame.state)
    whole = taken.alive and frame.state.alive and frame.ways() == ways
    frame.state = taken.join(frame.state)
    if held and whole:
        reflection_tests.restore(frame, held)
    if test.mask:
        _depend_on(frame, test.mask, entry)


def _depend_on(frame: Run, mask: int, entry: dict[str, Binding]) -> None:
    """What only one branch has assigned depends on what decided between them."""
    env = frame.state.env
    known = entry.get
    changed = [(name, one) for name, one in env.items() if known(name) is not one]
    for name, binding in changed:
        before = known(name)
        if binding.mask | mask == binding.mask or binding.mask == frame.learned.get(name):
            continue
        if before is None or not differ_by_reads(before.value, binding.value):
            env[name] = Binding(binding.value, binding.mask | mask, binding.born)


def _guarded(frame: Run, body: tuple[f.Stmt, ...], memo: str | None) -> None:
    """Run a suite that a memo guards."""
    frame.memos += [memo] if memo else []
    frame.block(body)
    del frame.memos[len(frame.memos) - (1 if memo else 0) :]


def _for(frame: Run, statement: f.For) -> None:
    frame.scopes.append(statement.pos)
    over = frame.eval(statement.iterable)
    item, mask = frame.iterate_expr(statement.iterable, over)
    started = frame.mark()
    loop = loops.make_loop(frame, statement.pos, "for", statement.iterable, statement.target, over, statement.body)

    def head() -> None:
        loops.assign_target(frame, statement.target, (item, mask | loop.bit))

    shape = loops.shape_of(frame, statement.iterable, statement.target, statement.body)
    uniform = loops.uniform_writes(frame, statement)
    each = rereads.Pass(frame, statement.target, statement.iterable)
    built = loop_options.built(frame, shape.assigned)
    refreshing = expiry.Refreshing(frame, statement.target, statement.iterable)

    def body() -> None:
        frame.block(statement.body)
        running = frame.loops[-1]
        each.end_round(running.continues, not running.breaks)
        refreshing.end_round(running.continues, not running.breaks)
        for node, kind in uniform:
            loops.write_alike(frame, node, kind, item, loop)

    frame.run_loop(
        loop,
        shape,
        head,
        body,
        endless=False,
        seen=rounds.of_loop(frame.engine.seen, statement),
    )
    expiry.refreshed(frame, statement.iterable, started)
    loop_options.given(frame, built)
    refreshing.finish()
    each.finish()
    frame.scopes.pop()
    if frame.state.alive:
        frame.block(statement.orelse)


def _while(frame: Run, statement: f.While) -> None:
    frame.scopes.append(statement.pos)
    endless = isinstance(statement.test, f.Const) and bool(statement.test.value)
    loop = loops.while_loop(frame, statement)
    shape = loops.shape_of(frame, statement.test, None, statement.body)
    frame.run_loop(
        loop,
        shape,
        lambda: frame.narrow(statement.test),
        lambda: frame.block(statement.body),
        endless=endless,
        seen=rounds.of_loop(frame.engine.seen, statement),
    )
    frame.scopes.pop()
    if frame.state.alive:
        frame.block(statement.orelse)


def _with(frame: Run, statement: f.With) -> None:
    commits: list[tuple[Place, int]] = []
    expires = False
    meter, deferred = frame.meter, frame.meter.deferred if frame.meter is not None else 0
    frame.scopes.append(statement.pos)
    for context, target in statement.items:
        value, mask = frame.eval(context)
        entered = UNKNOWN
        for atom in value.atoms:
            entered = join(entered, _entered(frame, atom, mask, context))
        if not value.atoms:
            entered = value
        if isinstance(context, f.Call) and isinstance(context.func, f.Attr) and context.func.name == "begin":
            if any(type(a) is Session for a in entered.atoms):
                commits.append((context.pos, mask))
                expires |= _keeps_open(frame, context.func.value)
        if target is not None:
            if any(type(a) is Session for a in entered.atoms):
                mask |= frame.current_bits()  # one session per iteration
                mask |= OWN_BIT if isinstance(context, f.Call) else 0
            loops.assign_target(frame, target, (entered, mask))
    frame.scopes.pop()
    frame.state.asked.clear()  # under a lock or in another transaction the answer may differ
    frame.block(statement.body)
    if frame.state.alive:
        if meter is not None and meter.deferred > deferred:
            meter.flush(statement.pos)
        for place, mask in commits:
            frame.emit(Kind.COMMIT, place, session=mask)
        if expires:
            expiry.expire(frame)


def _keeps_open(frame: Run, receiver: f.Expr) -> bool:
    """True for ``session.begin()``: the session goes on after the block, with its rows expired."""
    path = dotted(receiver)
    known = frame.lookup(path) if path else None
    return known is not None and any(type(a) is Session and a.expires for a in known[0].atoms)


def _entered(frame: Run, atom: Any, mask: int, context: f.Expr) -> Value:
    """What ``with … as`` binds: a context manager's yield, a session itself, ``__enter__``'s result."""
    if type(atom) is Many and atom.kind == "context":
        found: Value = atom.item
        return found
    if type(atom) is Instance:
        for name in ("__enter__", "__aenter__"):
            if frame.engine.project.hierarchy.find_method(atom.cls, name):
                anchor = sql.anchor(context)
                place, mark = anchor.pos if anchor is not None else frame.scopes[-1], frame.mark()
                method = frame.engine.classes.attribute(frame, atom, mask, name, place)
                entered = frame.call(method, Arguments((), {}), place)[0]
                if anchor is not None:
                    frame.note_node(anchor, mark)
                return entered
    return of(atom)


def _try(frame: Run, statement: f.Try) -> None:
    before, mark = frame.state.copy(), len(frame.emissions)
    frame.block(statement.body)
    after = frame.state
    if after.alive:
        frame.block(statement.orelse)
        after = frame.state
    joined = after
    if any(_rolls_back(frame, handler) for handler in statement.handlers):
        _isolate(frame, mark)
    for handler in statement.handlers:
        # An exception may come before any effect of the body has happened.
        env = before.join(State(after.env, set(), True)).env if after.env else dict(before.env)
        frame.state = State(env, set(before.pending), before.alive, spent=before.spent)
        memo = memos.guards_handler(frame, handler)
        if handler.name:
            frame.bind(handler.name, (UNKNOWN, 0))
        frame.memos += [memo] if memo else []
        frame.handling += 1
        frame.block(handler.body)
        frame.handling -= 1
        del frame.memos[len(frame.memos) - (1 if memo else 0) :]
        joined = joined.join(frame.state)
    frame.state = joined
    if statement.final:
        _finally(frame, statement, before)


def _isolate(frame: Run, start: int) -> None:
    """The commits since a mark stand in a ``try`` whose handler rolls back and goes on."""
    for index in range(start, len(frame.emissions)):
        emission = frame.emissions[index]
        if emission.effect.kind is Kind.COMMIT and len(emission.loops) == len(frame.loops):
            frame.emissions[index] = emission._replace(effect=emission.effect._replace(attribute=ISOLATED))


def _rolls_back(frame: Run, handler: f.Handler) -> bool:
    """True if a handler undoes what has failed and goes on: in a loop with the next item, else with what calls."""
    leaves = (f.Raise, f.Return, f.Break) if frame.loops else (f.Raise,)
    called = any(type(e) is f.Call and call_name(e) == "rollback" for e in expressions_in(handler.body))
    return called and not isinstance(handler.body[-1], leaves)


def _finally(frame: Run, statement: f.Try, before: State) -> None:
    alive = frame.state.alive
    if not alive:
        frame.state = State(dict(frame.state.env) or dict(before.env), set(), True, spent=frame.state.spent)
    frame.block(statement.final)
    frame.state.alive = frame.state.alive and alive


def _return(frame: Run, statement: f.Return) -> None:
    mark = frame.mark()
    val = frame.eval(statement.value) if statement.value is not None else (NONE, 0)
    frame.returns.append(val)
    if frame.meter is not None:
        name = dotted(statement.value) if statement.value is not None else None
        binding = frame.state.env.get(name) if name else None
        frame.meter.returned(val[0], binding.born if binding is not None else frame.since(mark))
    if statement.value is not None and not rendering.returned(frame, val, statement.value):
        frame.engine.respond(frame, val, statement.value)
    frame.leave()


def _raise(frame: Run, statement: f.Raise) -> None:
    if statement.value is not None:
        frame.eval(statement.value)
    frame.state.alive = False


def _break(frame: Run, statement: f.Break) -> None:
    if frame.loops:
        frame.loops[-1].breaks.append(frame.state.copy())
    frame.state.alive = False


def _continue(frame: Run, statement: f.Continue) -> None:
    if frame.loops:
        frame.loops[-1].continues.append(frame.state.copy())
    frame.state.alive = False


def _def(frame: Run, statement: f.Def) -> None:
    closure, mask = frame.closure(statement.function)
    frame.defined += closure.only(Function)
    frame.bind(statement.function.name, (closure, mask))


def _class(frame: Run, statement: f.ClassDef) -> None:
    frame.bind(statement.cls.name, (of(ClassRef("class", frame.engine.class_id(frame.path, statement.cls))), 0))


def _import(frame: Run, statement: f.Import) -> None:
    for local, target in import_bindings(statement):
        if local != "*":
            frame.bind(local, (frame.engine.imported(frame.path, *target), 0))


def _delete(frame: Run, statement: f.Delete) -> None:
    for target in statement.targets:
        if not isinstance(target, (f.Name, f.Attr)):
            frame.eval(target)


def _scope(frame: Run, statement: f.Scope) -> None:
    frame.globals.update(statement.names)


_STATEMENTS: dict[type, Callable[[Any, Any], None]] = {
    f.Assign: _simple(_assign),
    f.AnnAssign: _simple(_ann_assign),
    f.AugAssign: _simple(_aug_assign),
    f.ExprStmt: _simple(_expr),
    f.If: _if,
    f.For: _for,
    f.While: _while,
    f.With: _with,
    f.Try: _try,
    f.Return: _simple(_return),
    f.Raise: _simple(_raise),
    f.Break: _break,
    f.Continue: _continue,
    f.Def: _def,
    f.ClassDef: _class,
    f.Import: _import,
    f.Delete: _delete,
    f.Scope: _scope,
}
