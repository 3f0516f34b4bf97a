"""Calls: of the project's functions and classes, of bound methods, of what lies outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import dotted
from nplus1_lint.infer import (
    changes,
    execution,
    file_names,
    futures,
    keywords,
    loader_options,
    query_methods,
    records,
    reflection,
    rendering,
    repeats,
    rereads,
    rows,
    serialise,
    services,
    sessions,
    sql,
    stores,
)
from nplus1_lint.infer import library as lib
from nplus1_lint.infer.builtin_calls import with_callbacks
from nplus1_lint.infer.containers import add_item, fetched, set_default
from nplus1_lint.infer.effects import Kind
from nplus1_lint.infer.frame import Arguments, Frame, Place, Val
from nplus1_lint.infer.holding import rows_in
from nplus1_lint.infer.joins import item_of, join, join_all
from nplus1_lint.infer.looping_helpers import looped
from nplus1_lint.infer.outside import external_call, quiet_call, quiet_result, refined, rows_escape
from nplus1_lint.infer.spent import Ways
from nplus1_lint.infer.values import (
    NONE,
    OWN_BIT,
    SCALAR,
    UNKNOWN,
    Adapter,
    Aggregate,
    BoundMethod,
    ClassRef,
    ColumnRef,
    Condition,
    Const,
    External,
    Function,
    Instance,
    Many,
    Mapping,
    Option,
    Reflection,
    RelationRef,
    Row,
    Scalar,
    ScalarOf,
    Session,
    SessionFactory,
    Statement,
    Value,
    many,
    of,
    tuple_of,
    unknown,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def _class_call(frame: Frame, atom: ClassRef, name: str, arguments: Arguments, place: Place) -> Val:
    """Call a method that every class has, or one of a schema's class."""
    if name == "__subclasses__":
        return frame.engine.classes.subclasses(atom.id), 0
    return serialise.class_call(frame, atom, name, arguments, place)


_SERIALISERS: dict[type, Callable[[Frame, Any, str, Arguments, Place], Val]] = {
    Adapter: serialise.adapter_method,
    ClassRef: _class_call,
    Instance: serialise.dump,
}
_SOME_SESSION = of(Session("session", "session", False, True))
_GROWS = lib.ADDERS | lib.EXTENDERS


def evaluate_call(frame: Frame, expr: f.Call) -> Val:
    """Evaluate a call expression: callee, arguments, then the call itself."""
    mark = len(frame.emissions)
    func = expr.func
    if type(func) is f.Attr:
        if func.name == "_get_current_object":  # what a proxy of Werkzeug stands for, it is
            return frame.eval(func.value)
        result = _method_call(frame, expr, func)
        if func.name == "pop" and expr.args:
            keywords.popped(frame, func.value, expr.args[0])
    else:
        result = _plain_call(frame, expr)
    if len(frame.emissions) > mark:
        repeats.ask(frame, expr, mark)
    return result


def _plain_call(frame: Frame, expr: f.Call) -> Val:
    func = expr.func
    callee = frame.eval(func)
    arguments = evaluate_arguments(frame, expr, None)
    mark = frame.mark()
    passed = False
    if type(func) is f.Name:
        if frame.passes and expr.args:
            rereads.consumed(frame, func.id, expr.args[0])
        if func.id in lib.SEARCHES and expr.args and frame.lookup(func.id) is None:
            argument = expr.args[0]
            if isinstance(argument, f.Comprehension) and argument.kind == "generator":
                frame.forget_loop(argument.pos)
        if func.id == "super" and not callee[0].first(Function):
            return _super(frame)
        # The parameters of a template are its own macros and blocks.
        passed = func.id in frame.params and not frame.engine.templates.holds(frame.path)
    frame.callback += passed
    result = frame.call(callee, arguments, expr.pos)
    frame.callback -= passed
    if callee[0].first(BoundMethod) is not None:
        _plain_select(frame, mark)
    return result


def _plain_select(frame: Frame, mark: int) -> None:
    """A count through a name bound to a method stands on no query expression: it is reported as a SELECT."""
    for index in range(mark, len(frame.emissions)):
        emission = frame.emissions[index]
        query = emission.effect.query
        if not emission.effect.chain and query is not None and emission.effect.kind in (Kind.COUNT, Kind.EXISTS):
            effect = emission.effect._replace(kind=Kind.SELECT, query=query._replace(aggregate=None))
            frame.emissions[index] = emission._replace(effect=effect)


def _method_call(frame: Frame, expr: f.Call, func: f.Attr) -> Val:
    path = dotted(func)
    known = frame.lookup(path) if path else None
    changes.collected(frame, func.value, func.name, expr.pos)
    base = frame.eval(func.value)
    if func.name == "result" and futures.is_given(frame, base[0]):
        return base
    arguments = evaluate_arguments(frame, expr, sql.place_of(func.value), stores.holder(frame, func.value))
    if known is not None:
        return frame.call(known, arguments, expr.pos)
    if len(base[0].atoms) == 1 and type(base[0].atoms[0]) is External and type(func.value) is not f.Call:
        quiet = quiet_result(frame, base[0].atoms[0].name, func.name)
        if quiet is not None:
            return quiet, quiet_call(frame, base, func.name, arguments, expr.pos)
    if arguments.positional and _may_be_session(base[0]):
        found = sessions.by_argument(frame, base[1], func.name, arguments, expr.pos)
        if found is not None:
            _remember_session(frame, func, base[1])
            return found
    if func.name == "update" and frame.engine.templates.active:
        records.update(frame, func.value, arguments)
    if func.name in _GROWS and _grows(frame, func, base, arguments):
        return NONE, base[1] | arguments.mask
    if func.name == "format" and _formats(frame, base[0], arguments, expr.pos):
        return file_names.formatted(base[0], [value for value, _ in arguments.positional]), base[1] | arguments.mask
    if func.name == "setdefault" and len(arguments.positional) == 2 and base[0].first(Mapping) is not None:
        set_default(frame, func.value, base, *arguments.positional)
        base = frame.eval(func.value) if isinstance(func.value, (f.Name, f.Attr)) else base
    if isinstance(func.value, f.Call) and isinstance(func.value.func, f.Name) and func.value.func.id == "super":
        return _super_call(frame, func.name, arguments, expr.pos)
    callee = frame.attribute(base, func.name, func.pos)
    if not callee[0].atoms:
        callee = rendering.by_name(frame, callee, func.name)
    if not callee[0].atoms:
        why = callee[0].reason or "the callee is unknown"
        return unknown_call(frame, arguments, callee[1], expr.pos, why, func.name)
    result = frame.call(callee, arguments, expr.pos)
    reflection.taken_out(frame, func, base[0], arguments)
    if len(callee[0].atoms) == 1 and callee[0].atoms[0].tag == "function":
        _after_method(frame, func, arguments)
    return result


def _after_method(frame: Frame, func: f.Attr, arguments: Arguments) -> None:
    """Take over what a method has loaded of its receiver, or stored on it: ``Base.__init__(self, …)``."""
    if frame.engine.last_loaded:
        rereads.receiver(frame, func.value)
    params, first = frame.function.facts.params, arguments.exprs[0] if arguments.exprs else None
    if func.name == "__init__" and params and type(first) is f.Name and first.id == params[0].name:
        _adopt_fields(frame, func.name)


def _formats(frame: Frame, template: Value, arguments: Arguments, place: Place) -> bool:
    """Write what a text's ``format()`` is given; False for anything else that has a method of the name."""
    if not template.atoms or any(type(a) not in (Const, Scalar) for a in template.atoms):
        return False
    for given in (*arguments.positional, *arguments.keywords.values()):
        rows.written(frame, given, place)
    return True


def _grows(frame: Frame, func: f.Attr, base: Val, arguments: Arguments) -> bool:
    """Add to a container; False for anything else that has a method of the name."""
    if not arguments.positional or (base[0].first(Many) is None and base[0].first(Mapping) is None):
        return False
    argument = arguments.positional[-1 if func.name == "insert" else 0]
    if func.name in lib.EXTENDERS and len(arguments.exprs) == 1:
        argument = fetched(frame, arguments.exprs[0], argument)
    add_item(frame, func.value, base, func.name, argument)
    return True


def _may_be_session(value: Value) -> bool:
    """True if nothing is known of a value, or only that something else than SQLAlchemy has made it."""
    for atom in value.atoms:  # a plain loop: every method call asks
        if type(atom) is not External:
            return False
        if lib.is_sql(atom.name):
            return False
    return True


def _remember_session(frame: Frame, func: f.Attr, mask: int) -> None:
    """What answers ``query(Model)`` is a session from here on."""
    path = dotted(func.value)
    if path is not None and func.name not in lib.CRITERIA_METHODS:
        frame.bind(path, (_SOME_SESSION, mask))
        frame.learned[path] = mask


def evaluate_arguments(frame: Frame, expr: f.Call, receiver: Place | None, holder: str = "") -> Arguments:
    """Evaluate a call's arguments from left to right."""
    evaluate = frame.eval
    positional: list[Val] = []
    starred: list[Val] = []
    exprs = expr.args
    for argument in expr.args:
        if type(argument) is f.Starred:
            spread = evaluate(argument.value)
            starred.append(spread)
            if spread[0].first(Statement) is not None:
                frame.iterate_expr(argument.value, spread)
        else:
            positional.append(evaluate(argument))
    if starred:
        exprs = tuple(argument for argument in expr.args if type(argument) is not f.Starred)
    named: dict[str, Val] = {}
    for name, value in expr.keywords:
        if name is None:
            val = evaluate(value)
            if not keywords.spread(val, named):
                starred.append(val)
        else:
            named[name] = evaluate(value)
    return Arguments(tuple(positional), named, tuple(starred), exprs, expr.keywords, receiver, holder)


def _super(frame: Frame) -> Val:
    return (frame.receiver or UNKNOWN), 1


def _super_call(frame: Frame, name: str, arguments: Arguments, place: Place) -> Val:
    """``super().name(…)``: the next definition after the class that holds the running method."""
    receiver = frame.receiver
    if receiver is None or frame.cls is None:
        return UNKNOWN, 0
    found = UNKNOWN
    mask = 0
    for atom in receiver.atoms:
        if type(atom) is Statement:
            value, one = query_methods.inherited(frame, atom, name, arguments, place)
            found, mask = join(found, value), mask | one
            continue
        cls = atom.cls if type(atom) is Instance else atom.model if type(atom) is Row else getattr(atom, "id", None)
        if not isinstance(cls, str):
            continue
        target = frame.engine.project.hierarchy.find_method(cls, name, after=frame.cls)
        if target is not None:
            value, one = frame.call((of(Function("function", target.id, of(atom), (), ())), 1), arguments, place)
            found, mask = join(found, value), mask | one
            _adopt_fields(frame, name)
    return found, mask


def _adopt_fields(frame: Frame, name: str) -> None:
    """What ``super().__init__`` stored on the receiver is stored now."""
    if name != "__init__" or not frame.function.facts.params:
        return
    receiver = frame.function.facts.params[0].name
    for field, value in frame.engine.last_fields:
        path = f"{receiver}.{field}"
        if frame.lookup(path) is None:
            frame.bind(path, (value, 1))


def call(frame: Frame, callee: Val, arguments: Arguments, place: Place) -> Val:
    """Call a value, atom by atom."""
    value, mask = callee
    if not value.atoms:
        return unknown_call(frame, arguments, mask, place, value.reason or "the callee is unknown")
    frame.engine.forget_loaded()
    if len(value.atoms) == 1:
        found, found_mask = _call_atom(frame, value.atoms[0], mask, arguments, place)
    else:
        found, found_mask = _call_each(frame, value, mask, arguments, place)
    if frame.engine.last_loaded:
        if len(value.atoms) > 1:
            frame.engine.forget_loaded()
        elif type(value.atoms[0]) is Function:
            rereads.passed(frame, arguments, len(value.atoms[0].bound) + (value.atoms[0].receiver is not None))
    return found, found_mask


def _call_each(frame: Frame, value: Value, mask: int, arguments: Arguments, place: Place) -> Val:
    found: list[Value] = []
    found_mask = 0
    ways = Ways(frame.state.spent)
    for atom in value.atoms:
        frame.state.spent = ways.before
        one, one_mask = _call_atom(frame, atom, mask, arguments, place)
        ways.take(frame.state.spent)
        found.append(one)
        found_mask |= one_mask
    frame.state.spent = ways.dearest
    return join_all(found), found_mask


def _call_atom(frame: Frame, atom: Any, mask: int, arguments: Arguments, place: Place) -> Val:
    kind = type(atom)
    if kind is Function:
        return frame.engine.invoke(frame, atom, mask, arguments, place)
    if kind is ClassRef:
        return frame.engine.classes.construct(frame, atom, arguments, place)
    if kind is BoundMethod:
        return _bound_call(frame, atom, mask, arguments, place)
    if kind is External:
        stores.by_unknown(frame, arguments)
        return external_call(frame, atom, mask, arguments, place)
    if kind is SessionFactory:
        opened = of(Session("session", "session", atom.is_async, atom.expires))
        if atom.scoped:
            return opened, mask
        return opened, mask | arguments.mask | frame.current_bits() | OWN_BIT
    if kind is Session:
        return of(atom), mask  # scoped_session() gives the session itself
    if kind in (Scalar, ScalarOf):
        rows_escape(frame, arguments, place, "an unknown method of plain data")
        return SCALAR, mask | arguments.mask
    if kind in (Aggregate, Condition, ColumnRef):
        return of(atom), mask | arguments.mask
    if kind is Instance:
        method = frame.engine.classes.attribute(frame, atom, mask, "__call__", place)
        if method[0].first(Function):
            if any(frame.engine.is_interface(one.id) for one in method[0].only(Function)):
                return unknown_call(frame, arguments, mask, place, "an interface that any function may implement")
            return frame.call(method, arguments, place)
        return unknown_call(frame, arguments, mask, place, "an instance that cannot be called")
    return unknown_call(frame, arguments, mask, place, f"a call of {kind.__name__.lower()}")


def unknown_call(frame: Frame, arguments: Arguments, mask: int, place: Place, why: str, name: str = "") -> Val:
    """A call that cannot be resolved: rows escape, callbacks may run, the result is unknown."""
    query = refined(name, arguments) if name else None
    if query is not None:
        return query, mask | arguments.mask
    served = frame.engine.services.call(frame, name, mask, arguments, place) if name in services.NAMES else None
    if served is not None:
        return served
    if frame.notes is not None:
        frame.notes.doubt("callee", place, why)
    stores.by_unknown(frame, arguments)
    rows_escape(frame, arguments, place, why)
    given = [value for value, _ in (*arguments.positional, *arguments.keywords.values(), *arguments.starred)]
    if any(value.first(Session) is not None or rows_in(value) for value in given):
        frame.emit(Kind.OPAQUE, place)
        if frame.meter is not None:
            frame.meter.doubt(place, "rows or a session go to unknown code")
    elif frame.meter is not None:
        frame.meter.unknown(name, place)
    if name not in lib.DEFERS:
        with_callbacks(frame, arguments, place)
    depends = mask | arguments.mask
    return unknown(why), depends or frame.current_bits()


def _bound_call(frame: Frame, bound: BoundMethod, mask: int, arguments: Arguments, place: Place) -> Val:
    atom = bound.receiver.atoms[0]
    kind, name = type(atom), bound.name
    if kind is Session:
        return sessions.session_method(frame, atom, mask, name, arguments, place)
    if kind is Statement:
        return query_methods.call(frame, atom, mask, name, arguments, place)
    if kind is Many:
        return _many_method(frame, atom, mask, name, arguments, place)
    if kind is Mapping:
        return _mapping_method(frame, atom, mask, name, arguments)
    if kind is SessionFactory:
        session = Session("session", "session", atom.is_async, atom.expires)
        if name in lib.SESSION_ONLY or name in ("begin", "delete", "scalar", "scalars"):
            return sessions.session_method(frame, session, mask, name, arguments, place)
        return (NONE if name in ("remove", "configure", "close", "rollback") else of(session)), mask
    if kind is ColumnRef:
        return sql.column_method(frame, atom, mask, name, arguments, place)
    if kind is RelationRef:
        same = name in ("of_type", "and_")
        return (of(atom) if same else of(Condition("condition", ()))), mask | arguments.mask
    if kind is Option:
        if name in lib.OPTIONS:
            return loader_options.option(frame, name, arguments, place, below=atom)
        if name == "options":
            return loader_options.nested_options(atom, arguments), mask
        return of(atom), mask
    if kind in (Aggregate, Condition):
        return of(atom), mask | arguments.mask
    if kind is Reflection:
        return reflection.call(atom, name, mask, arguments)
    serialiser = _SERIALISERS.get(kind)
    if serialiser is not None:
        return serialiser(frame, atom, name, arguments, place)
    return SCALAR, mask | arguments.mask


def _many_method(frame: Frame, atom: Many, mask: int, name: str, arguments: Arguments, place: Place) -> Val:
    if atom.kind in ("result", "scalars") or (name in ("scalars", "mappings") and atom.kind not in lib.PAGES):
        return execution.result_method(frame, atom, mask, name, arguments)
    mask |= arguments.mask
    if name in ("pop", "popleft", "get", "get_nowait", "first", "__next__", "__anext__", "send", "next"):
        return atom.item, mask
    if name in ("copy", "union", "intersection", "difference", "symmetric_difference", "unique", "all"):
        given = arguments.positional[0][0] if arguments.positional else UNKNOWN
        if name in ("difference", "intersection", "symmetric_difference") and reflection.holds_names(of(atom)):
            return reflection.less(of(atom), given, common=name == "intersection"), mask
        return of(Many("many", atom.item, atom.kind, None)), mask
    if name == "sort":
        key = arguments.keywords.get("key")
        if key is not None:
            looped(frame, key, [(atom.item, mask)], of(atom), place, "sort", atom.size is not None)
        return NONE, mask
    return (UNKNOWN if name in _GROWS else SCALAR), mask


def _mapping_method(frame: Frame, atom: Mapping, mask: int, name: str, arguments: Arguments) -> Val:
    mask |= arguments.mask
    if name in ("get", "pop", "setdefault"):
        if arguments.positional and (atom.entries or atom.complete):
            held, absent = keywords.entry(atom, arguments.positional[0][0])
            if held is not None:
                return held, mask
            if absent:
                return _absent(name, arguments), mask
        default = arguments.get(1, "default")
        fallback = default[0] if default is not None else NONE
        if name != "get" and default is None:
            fallback = UNKNOWN
        return join(atom.value, fallback), mask
    if name == "items":
        return many(tuple_of((atom.key, atom.value)), size=atom.size), mask
    if name == "values":
        return many(atom.value, size=atom.size), mask
    if name == "keys":
        return many(atom.key, size=atom.size), mask
    if name == "popitem":
        return tuple_of((atom.key, atom.value)), mask
    return (of(atom) if name == "copy" else SCALAR), mask


def _absent(name: str, arguments: Arguments) -> Value:
    """What ``get`` and ``pop`` give for a name that a dictionary surely lacks."""
    default = arguments.get(1, "default")
    if default is not None:
        return default[0]
    return NONE if name == "get" else UNKNOWN


def iterate(frame: Frame, val: Val, place: Place) -> Val:
    """Return what iterating a value yields; an unexecuted query is executed here, once."""
    value, mask = val
    items: list[Value] = []
    ways = Ways(frame.state.spent)
    for atom in value.atoms:
        frame.state.spent = ways.before
        if type(atom) is Statement:
            item, _ = execution.iterate_statement(frame, atom, mask, place)
            items.append(item)
        elif type(atom) in (Instance, Row):
            found = rows.special(frame, (of(atom), mask), ("__iter__", "__aiter__"), place)
            items.append(item_of(found[0]) if found is not None else UNKNOWN)
        else:
            if type(atom) is Many:
                frame.tracker.take(atom, "__iter__")
            items.append(item_of(of(atom)))
        ways.take(frame.state.spent)
    frame.state.spent = ways.dearest
    item = join_all(items) if items else unknown(value.reason or "the iterable is unknown")
    if frame.notes is not None and not item.atoms:
        frame.notes.items_unknown(place, value, item)
    return item, mask
