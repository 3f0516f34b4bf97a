"""Calls of what lies outside the project: what a table names, and all else."""

from __future__ import annotations

from nplus1_lint.infer import (
    changes,
    page_classes,
    pages,
    reflection,
    rendering,
    rows,
    serialise,
    services,
    sessions,
    sql,
)
from nplus1_lint.infer import library as lib
from nplus1_lint.infer.builtin_calls import GETTERS, HELPER_ROOTS, HELPERS, call_builtin, call_getter, with_callbacks
from nplus1_lint.infer.effects import Kind
from nplus1_lint.infer.frame import Arguments, Frame, Place, Val
from nplus1_lint.infer.holding import rows_in
from nplus1_lint.infer.values import (
    OWN_BIT,
    UNKNOWN,
    ClassRef,
    Const,
    External,
    Function,
    Instance,
    Session,
    Statement,
    Value,
    of,
    tuple_of,
)

_GETTERS = tuple(GETTERS.values())
# Other names outside the project mean nothing to any table, and most calls are of these.
_TELLING_ROOTS = lib.SQL_ROOTS | rendering.ROOTS | HELPER_ROOTS | {"pydantic", "werkzeug", page_classes.ROOT}
_TELLING = lib.SLEEPS | HELPERS
_QUIET_ROOTS = frozenset({
    "logging", "typing", "datetime", "json", "operator", "time", "uuid", "re", "os", "math", "warnings",
    "structlog", "loguru", "enum", "collections", "pathlib", "click", "rich",
})  # fmt: skip
_DUMPS = frozenset({"dump", "dumps"})
# Methods that tell something of whatever they are called on, by their arguments.
_EVIDENT = frozenset({"query", "session", "update", *lib.SESSION_EXECUTES, *lib.SESSION_GETS})


def quiet_result(frame: Frame, name: str, method: str) -> Value | None:
    """Return what a method gives of an object outside the project; None where its call may mean something here.

    Args:
        frame: the running function.
        name: dotted name of the object, ``logging.getLogger()``.
        method: the method's name.
    """
    if frame.notes is not None:
        return None
    known = frame.engine.quiet
    if (name, method) not in known:
        called = f"{name}.{method}"
        root, last = lib.root_and_last(called)
        tells = root in _TELLING_ROOTS or last in _TELLING or method in _EVIDENT
        known[name, method] = None if tells or root not in _QUIET_ROOTS else _result(frame, called)
    return known[name, method]


def quiet_call(frame: Frame, base: Val, method: str, arguments: Arguments, place: Place) -> int:
    """Call such a method and return what its result depends on; nothing can run but functions among its arguments."""
    frame.tracker.attribute(base[0], method)
    frame.engine.forget_loaded()
    _encoded(frame, method, arguments, place)
    if method not in lib.DEFERS:
        with_callbacks(frame, arguments, place)
    return base[1] | arguments.mask or frame.current_bits()


def _result(frame: Frame, name: str) -> Value:
    """What a call of something outside the project gives."""
    return frame.engine.external(name if name.count("()") > 3 else f"{name}()")


def rows_escape(frame: Frame, arguments: Arguments, place: Place, why: str) -> None:
    """Rows among the arguments go where they cannot be followed."""
    for value, _ in (*arguments.positional, *arguments.keywords.values(), *arguments.starred):
        if value.atoms:
            rows.escape(frame, value, place, why)


def _encoded(frame: Frame, name: str, arguments: Arguments, place: Place) -> None:
    """``json.dumps(rows, default=encode)`` and ``cls=Encoder``: what JSON has no form for is given to a function.

    What it gives in a row's place may hold further rows, which are not followed.
    """
    given = arguments.get(0, "obj") if name in _DUMPS else None
    held = rows_in(given[0]) if given is not None else []
    default, cls = arguments.keywords.get("default"), arguments.keywords.get("cls")
    if given is None or not held or not (default or cls or arguments.starred):
        return
    rows.escape(frame, given[0], place, "given to an encoder of JSON")
    encoders = [(atom, default[1]) for atom in default[0].only(Function)] if default is not None else []
    for atom in cls[0].only(ClassRef) if cls is not None else ():
        method = frame.engine.project.hierarchy.find_method(atom.id, "default")
        if method is not None:
            encoder = of(Instance("instance", atom.id, True, ()))
            encoders.append((Function("function", method.id, encoder, (), ()), cls[1] if cls is not None else 0))
    for encoder, mask in encoders:
        for row in dict.fromkeys(held):
            frame.call((of(encoder), mask), Arguments(((of(row), given[1]),), {}), place)


def _sql_call(frame: Frame, atom: External, last: str, arguments: Arguments, place: Place) -> Val | None:
    """Call something of SQLAlchemy or of a package on it; None when it means nothing here."""
    if last == "text" and arguments.positional:
        changes.written(frame, arguments.positional[0][0], place)
    inspected = reflection.inspected(frame, last, arguments) if last in reflection.INSPECTORS else None
    if inspected is not None:
        return inspected, arguments.mask
    session = sessions.session_factory(atom.name, last, arguments)
    if session is not None:
        return session, arguments.mask
    found = sql.external_call(frame, atom.name, last, arguments, place)
    if found is not None:
        return found
    if last in ("connect", "begin") and "ngine" in atom.name:
        is_async = "async" in atom.name.lower()
        opened = of(Session("session", "connection", is_async, False))
        return opened, arguments.mask | frame.current_bits() | OWN_BIT
    if "SQLAlchemy()." in atom.name and (last in lib.SESSION_GETS or last in lib.SESSION_EXECUTES):
        own = Session("session", "session", False, True)  # the extension's own, for this request
        return sessions.session_method(frame, own, 0, last, arguments, place)
    if last == "paginate" and arguments.positional:
        return sessions.session_execute(frame, False, 0, "paginate", arguments, place)
    return None


def _pydantic_call(frame: Frame, last: str, arguments: Arguments, place: Place) -> Val | None:
    """``TypeAdapter(…)``, ``parse_obj_as(…)``."""
    if last not in ("TypeAdapter", "parse_obj_as"):
        return None
    made = serialise.adapter(frame, arguments)
    if last == "TypeAdapter":
        return made
    rest = Arguments(arguments.positional[1:], {})
    return serialise.adapter_method(frame, made[0].atoms[0], "validate_python", rest, place)


def _known_call(frame: Frame, atom: External, mask: int, arguments: Arguments, place: Place) -> Val | None:
    """Call what a table names; None for all else."""
    root, last = lib.root_and_last(atom.name)
    holder = atom.name.rpartition(".")[0]
    if holder in lib.REQUEST_HOLDERS or last == "LocalProxy":
        return _of_request(frame, holder, last, arguments, place)
    rendered = rendering.external_call(frame, atom.name, mask, arguments, place)
    if rendered is not None:
        return rendered
    if root == "operator" and atom.name.startswith(_GETTERS) and arguments.positional:
        return call_getter(frame, atom.name, arguments.positional[0], place)
    made = _sql_call(frame, atom, last, arguments, place) if lib.is_sql(atom.name) else None
    if made is None and root == "pydantic":
        made = _pydantic_call(frame, last, arguments, place)
    if made is None and root == page_classes.ROOT:
        made = pages.external_call(frame, atom.name, last, arguments, place)
    if made is not None:
        return made
    if last in lib.SLEEPS:
        frame.emit(Kind.OPAQUE, place)  # who waits and asks again wants to know what has changed
    return call_builtin(frame, atom.name, root, last, arguments, place)


def _of_request(frame: Frame, holder: str, last: str, arguments: Arguments, place: Place) -> Val | None:
    """``g.get("user")``; ``LocalProxy(current)``, which stands for what the function gives."""
    if not arguments.positional:
        return None
    given = arguments.positional[0][0]
    if last == "LocalProxy":
        found = frame.call((given, 0), Arguments((), {}), place) if given.first(Function) is not None else (UNKNOWN, 0)
        return found if found[0].atoms else None
    name = given.first(Const) if last in ("get", "pop") and len(given.atoms) == 1 else None
    known = frame.engine.request.attribute(holder, name.value) if name and isinstance(name.value, str) else None
    return (known, 0) if known is not None else None


def refined(name: str, arguments: Arguments) -> Value | None:
    """Return the query that a function elsewhere is given and gives back, as its name says, or None.

    Source: sqlalchemy-filters, whose `apply_pagination` gives a pair; oslo.db's `paginate_query`; `filter` and `sort`
    of a FastAPI Filter.

    Args:
        name: the function's.
        arguments: of its call.
    """
    given = arguments.get(0, "query")
    statement = given[0].first(Statement) if given is not None else None
    if statement is None or not (name.startswith("apply_") or name.endswith("_query") or name in ("filter", "sort")):
        return None
    if name.startswith(("count", "execute", "explain", "read", "run")):
        return None
    return tuple_of((of(statement), UNKNOWN)) if name == "apply_pagination" else of(statement)


def external_call(frame: Frame, atom: External, mask: int, arguments: Arguments, place: Place) -> Val:
    """Call something outside the project."""
    root, last = lib.root_and_last(atom.name)
    if root in _TELLING_ROOTS or last in _TELLING:
        found = _known_call(frame, atom, mask, arguments, place)
        if found is not None:
            return found
    query = refined(last, arguments)
    if query is not None:
        return query, mask | arguments.mask
    served = frame.engine.services.call(frame, last, mask, arguments, place) if last in services.NAMES else None
    if served is not None:
        return served
    if frame.notes is not None:
        frame.notes.doubt("outside", place, atom.name)
    if frame.meter is not None and root not in _QUIET_ROOTS:
        frame.meter.outside(arguments, atom.name, place)
    if root in lib.LONG_WORK and "(" not in atom.name.removesuffix("()"):
        frame.emit(Kind.WORK, place, subject=root)
    if root not in _QUIET_ROOTS:
        rows_escape(frame, arguments, place, f"given to {atom.name}")
    else:
        _encoded(frame, last, arguments, place)
    if last not in lib.DEFERS:
        with_callbacks(frame, arguments, place)
    depends = mask | arguments.mask
    return _result(frame, atom.name), depends or frame.current_bits()
