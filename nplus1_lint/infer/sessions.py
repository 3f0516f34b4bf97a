"""Sessions and connections: their methods, their factories, and what betrays an unknown one."""

from __future__ import annotations

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import expressions, names, statements, targets
from nplus1_lint.infer import changes, expiry, greenlets, verbs
from nplus1_lint.infer import library as lib
from nplus1_lint.infer.effects import Kind, Query
from nplus1_lint.infer.execution import execute, first_item, get, row_value, size_of
from nplus1_lint.infer.frame import Arguments, Frame, Place, Val
from nplus1_lint.infer.holding import rows_in
from nplus1_lint.infer.joins import join, join_all
from nplus1_lint.infer.meter import load_along, roll_back
from nplus1_lint.infer.spent import Ways
from nplus1_lint.infer.sql import chain, statement
from nplus1_lint.infer.values import (
    NO_LOADS,
    NONE,
    OF_CLASS,
    OF_SESSION,
    SCALAR,
    UNKNOWN,
    Aggregate,
    ClassRef,
    ColumnRef,
    Condition,
    External,
    Loads,
    Many,
    Origin,
    Row,
    Session,
    Statement,
    Value,
    many,
    of,
    row,
)


def session_method(frame: Frame, atom: Session, mask: int, name: str, arguments: Arguments, place: Place) -> Val:
    """Call a method of a session or connection."""
    first = arguments.positional[0] if arguments.positional else None
    changes.session_call(frame, name, arguments, place)
    if name == "query":
        return _query(frame, atom, mask, arguments)
    if name in lib.SESSION_EXECUTES:
        return session_execute(frame, atom.is_async, mask, name, arguments, place)
    if name in lib.SESSION_GETS and first is not None:
        models = [a.id for a in first[0].only(ClassRef) if a.id in frame.engine.project.models]
        if models:
            return get(frame, models[0], arguments, place, session=mask, style="select", loads=NO_LOADS,
                       is_async=atom.is_async, receiver=arguments.receiver, method=name)  # fmt: skip
        frame.emit(Kind.GET, place, deps=arguments.mask, session=mask)
        return UNKNOWN, arguments.mask
    if name in ("commit", "flush"):
        return _commit(frame, atom, mask, name, arguments, place)
    if name in ("rollback", "expire_all"):
        frame.emit(Kind.CHANGE, place, session=mask)
        expiry.expire(frame)
        roll_back(frame)
        return NONE, 0
    if name in ("add", "add_all"):
        return _add(frame, atom, mask, arguments, place)
    if name in ("delete", "merge"):
        frame.emit(Kind.CHANGE, place, subject=_class_of(arguments), session=mask)
    if name in ("refresh", "merge"):
        return _reload(frame, name, arguments, place, mask)
    if name in lib.BULK_WRITES:
        frame.emit(Kind.WRITE, place, deps=arguments.mask, session=mask)
        return NONE, 0
    if name == "delete" and first is not None:
        _delete(frame, first[0], place)
        return NONE, 0
    if name == "run_sync" and first is not None:
        return _run_sync(frame, atom, mask, arguments, place)
    if name in ("begin", "begin_nested", "connection", "execution_options", "__enter__", "no_autoflush", "session"):
        return of(atom), mask
    return NONE, arguments.mask


def _run_sync(frame: Frame, atom: Session, mask: int, arguments: Arguments, place: Place) -> Val:
    """``run_sync(fn, …)`` calls ``fn(sync_session, …)`` in the session's greenlet: there, every read may query."""
    callee, *rest = ((greenlets.inside(value), one) for value, one in arguments.positional)
    keywords = {key: (greenlets.inside(value), one) for key, (value, one) in arguments.keywords.items()}
    sync = (of(atom._replace(is_async=False)), mask)
    result, depends = frame.call(callee, Arguments((sync, *rest), keywords), place)
    return greenlets.outside(result), depends


def _class_of(arguments: Arguments) -> str:
    """The id of the class of the rows that a session is given; an empty string where that is not one alone."""
    models = {r.model for value, _ in arguments.positional[:1] for r in rows_in(value)}
    return models.pop() if len(models) == 1 else ""


def _add(frame: Frame, atom: Session, mask: int, arguments: Arguments, place: Place) -> Val:
    frame.emit(Kind.CHANGE, place, subject=_class_of(arguments), session=mask)
    if frame.meter is not None and arguments.positional:
        frame.meter.added(arguments.positional[0][0], rows_in(arguments.positional[0][0]))
    for expr in arguments.exprs[:1]:
        expiry.add(frame, expr, atom.is_async)
    return NONE, arguments.mask


def _commit(frame: Frame, atom: Session, mask: int, name: str, arguments: Arguments, place: Place) -> Val:
    if arguments.receiver is None or not _is_idle(frame, arguments.receiver):
        frame.emit(Kind.COMMIT if name == "commit" else Kind.FLUSH, place, session=mask)
        if name == "commit" and atom.expires:
            expiry.expire(frame)
    return NONE, 0


def _is_idle(frame: Frame, receiver: Place) -> bool:
    """True if a session made in this function is only committed and closed: on an empty session that emits nothing."""
    site = frame.site(receiver)
    known = frame.engine.idle.get(site)
    if known is None:
        known = frame.engine.idle[site] = _is_left_alone(frame.function.facts, receiver)
    return known


def _is_left_alone(facts: f.FunctionFacts, receiver: Place) -> bool:
    """True if a function assigns the name at a place, and does nothing with it but end its transaction."""
    inside = tuple(expressions(facts.body))
    name = ""
    for expr in inside:
        if type(expr) is f.Name and expr.pos == receiver:
            name = expr.id
    if not name or any(param.name == name for param in facts.params):
        return False
    made = sum(name in set(names(target)) for statement in statements(facts.body) for target in targets(statement))
    used = 0
    for expr in inside:
        used += type(expr) is f.Name and expr.id == name
        if type(expr) is f.Attr and type(expr.value) is f.Name and expr.value.id == name:
            used -= expr.name in ("commit", "flush", "close", "rollback")
    return made > 0 and used == made


def session_execute(frame: Frame, is_async: bool, mask: int, name: str, arguments: Arguments, place: Place) -> Val:
    """``execute``, ``scalars``, ``scalar``, … of a statement."""
    first = arguments.positional[0] if arguments.positional else None
    if first is None:
        return UNKNOWN, arguments.mask
    shape = lib.SESSION_EXECUTES[name]
    statements = first[0].only(Statement)
    if not statements:
        return _execute_unknown(frame, first, mask, shape, arguments, place)
    results = []
    ways = Ways(frame.state.spent)
    for made in statements[:2]:
        frame.state.spent = ways.before
        made = _with_options(made, arguments)
        if _is_given_many(arguments):
            made = made._replace(flags=made.flags | {"many"})
        depends = arguments.mask
        if made.style == "text":
            # SQL whose very text depends on the loop (a schema, a table) cannot be batched; its parameters could be.
            depends = arguments._replace(positional=arguments.positional[1:]).mask
        execute(
            frame, made, place, mask=depends, session=mask, method=name, receiver=arguments.receiver, is_async=is_async
        )
        ways.take(frame.state.spent)
        one = row_value(frame, made, place, is_async, wrapped=shape == "result")
        if shape == "scalar":
            results.append(join(first_item(one), NONE))
        elif shape == "scalars":
            results.append(many(first_item(one), "scalars", size_of(made)))
        elif shape == "page":
            results.append(many(one, "page"))
        else:
            results.append(many(one, "result", size_of(made)))
    frame.state.spent = ways.dearest
    return join_all(results), arguments.mask


def _with_options(statement: Statement, arguments: Arguments) -> Statement:
    """``execute(statement, execution_options={"yield_per": 100})``."""
    for name, expr in arguments.keyword_exprs:
        keys = [key for key, _ in expr.items] if name == "execution_options" and isinstance(expr, f.Dict) else []
        if any(isinstance(key, f.Const) and key.value == "yield_per" for key in keys):
            return statement._replace(flags=statement.flags | {"yield_per"})
    return statement


def _is_given_many(arguments: Arguments) -> bool:
    """True for ``execute(insert(table), rows)``: a batch, unless it is written out on the spot."""
    given = arguments.get(1, "params")
    exprs = arguments.exprs[1:2]
    return given is not None and given[0].first(Many) is not None and not (exprs and type(exprs[0]) is f.Display)


def _execute_unknown(frame: Frame, first: Val, mask: int, shape: str, arguments: Arguments, place: Place) -> Val:
    """A statement that is not understood still runs: raw SQL, a compiled or a cached statement."""
    if frame.notes is not None:
        frame.notes.doubt("statement", place, first[0].reason)
    flags = frozenset({"many"}) if _is_given_many(arguments) else frozenset()
    query = Query("text", None, (), flags, False, arguments.receiver, False, (), "execute", True)
    kind = verbs.of_statement(frame, first[0], arguments.exprs[0] if arguments.exprs else None) or Kind.SELECT
    frame.emit(kind, place, deps=arguments.mask, session=mask, query=query)
    return (SCALAR if shape == "scalar" else many(UNKNOWN, "result")), arguments.mask


def _reload(frame: Frame, name: str, arguments: Arguments, place: Place, mask: int) -> Val:
    if not arguments.positional:
        return UNKNOWN, 0
    value, deps = arguments.positional[0]
    frame.tracker.leave(value, "reloaded")
    load = arguments.keywords.get("load")
    if name == "merge" and load is not None and load[0].atoms and getattr(load[0].atoms[0], "value", True) is False:
        return value, deps
    rows = value.only(Row)
    subject = rows[0].model if rows else ""
    if name == "merge" and _without_key(frame, arguments.exprs[:1], subject):
        return value, deps  # nothing to look for: it is inserted
    locking = "with_for_update" in arguments.keywords
    flags = frozenset({"for_update"}) if locking else frozenset()
    query = Query(name, None, (), flags, True, arguments.receiver, False, (subject,) if subject else (), name, True)
    frame.emit(Kind.REFRESH, place, subject=subject, attribute=name, deps=deps, session=mask, query=query)
    if not rows:
        return UNKNOWN, deps
    if name == "merge":
        frame.held[subject] = None
    partial = "attribute_names" in arguments.keywords or len(arguments.positional) > 1
    if not partial:
        frame.executes(place, subject, NO_LOADS, takes_options=name == "merge")
        load_along(frame, place, subject, NO_LOADS, one=True, new=name == "refresh" and rows[0].origin is None)
    if frame.meter is not None and name == "merge":
        frame.meter.changed("UPDATE", subject)
    if name == "refresh":
        if partial and frame.meter is not None:
            frame.meter.named(place, _named(frame, arguments, subject))
        for expr in arguments.exprs[:1]:
            origin = None if partial else Origin(frame.site(place), ())
            expiry.renew(frame, expr, origin, _named(frame, arguments, subject))
        return NONE, deps
    fresh = [
        of(
            row(
                r.model,
                r.loads if partial else NO_LOADS,
                r.origin if partial else Origin(frame.site(place), ()),
                r.is_async,
            )
        )
        for r in rows
    ]
    return join_all(fresh), deps


def _without_key(frame: Frame, exprs: tuple[f.Expr, ...], model: str) -> bool:
    """True for ``Hero(name="x")``: a row made on the spot without its primary key."""
    made = exprs[0] if exprs else None
    if not isinstance(made, f.Call) or made.args or not model or any(key is None for key, _ in made.keywords):
        return False
    return not set(frame.engine.project.models[model].primary_key) <= {key for key, _ in made.keywords}


def _named(frame: Frame, arguments: Arguments, model: str) -> Loads:
    """The relationships among the attributes that ``refresh(row, ["heroes"])`` names."""
    written = dict(arguments.keyword_exprs).get("attribute_names") or (arguments.exprs[1:2] or (None,))[0]
    items = written.items if isinstance(written, f.Display) else ()
    names = {item.value for item in items if isinstance(item, f.Const) and isinstance(item.value, str)}
    return frozenset(names & set(frame.engine.project.models[model].relationships))


def _delete(frame: Frame, value: Value, place: Place) -> None:
    """A deletion reads the relationships that cascade and the collections to be detached, of the deleted rows alone."""
    for atom in value.only(Row):
        if frame.meter is not None:
            frame.meter.deleted(atom, place)
        if atom.origin is not None:
            _delete_row(frame, atom.origin, atom.model, place, (atom.model,))


def _delete_row(frame: Frame, origin: Origin, model: str, place: Place, seen: tuple[str, ...]) -> None:
    """Read what is needed to delete a row, and the rows that are deleted with it."""
    models = frame.engine.project.models
    for relationship in models[model].relationships.values():
        if relationship.viewonly:
            continue
        deletes = "delete" in relationship.cascade.replace("delete-orphan", "") or "all" in relationship.cascade
        if deletes or relationship.uselist:
            frame.read(origin, relationship.name, place, by_delete=True)
        target = relationship.target
        if deletes and target in models and target not in seen:
            below = Origin(origin.site, (*origin.path, relationship.name))
            _delete_row(frame, below, target, place, (*seen, target))


def _query(frame: Frame, atom: Session, mask: int, arguments: Arguments) -> Val:
    """Begin a query: the session that it is bound to, and the project's class of queries, go with it."""
    value, depends = statement(frame, "query", arguments, atom.is_async)
    own = frame.engine.query_classes.sessions
    flags = {
        *([f"{OF_CLASS}{own}"] if own else ()),
        *([f"{OF_SESSION}{mask:x}"] if mask & frame.current_bits() else ()),
    }
    if flags:
        value = of(*(s._replace(flags=s.flags | flags) for s in value.only(Statement)))
    return value, depends | mask


def by_argument(frame: Frame, receiver: int, name: str, arguments: Arguments, place: Place) -> Val | None:
    """Recognise ``x.query(Model)``, ``x.execute(statement)``, ``x.filter(Model.id == 1)`` by the argument."""
    if not arguments.positional:
        return None
    value = arguments.positional[0][0]
    if name in lib.CRITERIA_METHODS:
        return _filtered(frame, receiver, name, arguments, place)
    model = any(a.id in frame.engine.project.models for a in value.only(ClassRef)) or bool(value.only(ColumnRef))
    if name == "query" and (model or value.only(Aggregate)):
        made, mask = statement(frame, "query", arguments)
        return made, mask | receiver
    if name in lib.SESSION_EXECUTES and any(s.style != "text" for s in value.only(Statement)):
        return session_execute(frame, False, receiver, name, arguments, place)
    if name in lib.SESSION_GETS and model and len(arguments.positional) > 1:
        return session_method(frame, Session("session", "session", False, True), receiver, name, arguments, place)
    return None


def _filtered(frame: Frame, receiver: int, name: str, arguments: Arguments, place: Place) -> Val | None:
    """A query of which only a criterion is seen is taken for one of the class that it concerns."""
    value = arguments.positional[0][0]
    models = {c.model for one in value.only(Condition) for c in one.criteria} | {c.model for c in value.only(ColumnRef)}
    model = models.pop() if len(models) == 1 else ""
    if model not in frame.engine.project.models:
        return None
    query = Statement("statement", "query", (("row", model),), NO_LOADS, (), frozenset({"dynamic"}), False)
    return chain(frame, query, receiver, name, arguments, place)


def session_factory(name: str, last: str, arguments: Arguments) -> Value | None:
    """Return what ``sessionmaker(…)``, ``Session(engine)`` and the like give."""
    from nplus1_lint.infer.values import SessionFactory

    expires = arguments.keywords.get("expire_on_commit")
    keeps = expires is not None and expires[0].atoms and getattr(expires[0].atoms[0], "value", True) is False
    klass = arguments.keywords.get("class_")
    async_class = klass is not None and any(
        type(a) is External and lib.root_and_last(a.name)[1] in lib.ASYNC_SESSION_TYPES for a in klass[0].atoms
    )
    if last in lib.SESSION_FACTORIES or last in lib.ASYNC_SESSION_FACTORIES:
        scoped = last in ("scoped_session", "async_scoped_session")
        inner = next((a for v, _ in arguments.positional for a in v.atoms if type(a) is SessionFactory), None)
        if inner is not None:
            return of(inner._replace(scoped=scoped))
        return of(SessionFactory("factory", last in lib.ASYNC_SESSION_FACTORIES or async_class, not keeps, scoped))
    if last in lib.SESSION_TYPES:
        return of(Session("session", "session", False, not keeps))
    if last in lib.ASYNC_SESSION_TYPES:
        return of(Session("session", "session", True, not keeps))
    return None
