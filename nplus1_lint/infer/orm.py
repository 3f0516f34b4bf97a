"""SQLAlchemy's transfer functions: sessions, statements, loader options and results."""

from __future__ import annotations

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import children
from nplus1_lint.infer import library as lib
from nplus1_lint.infer import expiry, loading
from nplus1_lint.infer.effects import Execution, Kind, Query
from nplus1_lint.infer.frame import Arguments, Frame, Place, Val
from nplus1_lint.infer.values import (
    NO_LOADS,
    NONE,
    SCALAR,
    UNKNOWN,
    Aggregate,
    ClassRef,
    ColumnRef,
    Condition,
    Criterion,
    External,
    Function,
    Instance,
    Loads,
    Many,
    Mapping,
    Option,
    Origin,
    RelationRef,
    Row,
    Session,
    Statement,
    Tuple,
    Value,
    join,
    join_all,
    many,
    mapping,
    of,
    row,
    tuple_of,
)

Entity = tuple[str, str]

# -- places ----------------------------------------------------------------------------------------------------------


def place_of(expr: f.Expr | None) -> Place | None:
    """Return where an expression stands, as far as the IR keeps it."""
    if isinstance(expr, (f.Name, f.Attr, f.Call, f.Subscript, f.Comprehension)):
        return expr.pos
    return None


def anchor(expr: f.Expr) -> f.Name | f.Attr | f.Call | f.Subscript | None:
    """Return the first part of an expression whose place the IR keeps: the expression itself where it can be."""
    if isinstance(expr, (f.Name, f.Attr, f.Call, f.Subscript)):
        return expr
    for child in children(expr):
        found = anchor(child)
        if found is not None:
            return found
    return None


def is_bare(expr: f.Expr | None) -> bool:
    """True for a bare name or a literal."""
    return isinstance(expr, (f.Name, f.Const))


# -- statements ------------------------------------------------------------------------------------------------------


def entities_of(frame: Frame, values: list[Value]) -> tuple[Entity, ...]:
    """Return what a row of ``select(values…)`` holds."""
    entities: list[Entity] = []
    for value in values:
        entities.append(_entity(frame, value))
    return tuple(entities)


def _entity(frame: Frame, value: Value) -> Entity:
    for atom in value.atoms:
        kind = type(atom)
        if kind is ClassRef and atom.id in frame.engine.project.models:
            return ("row", atom.id)
        if kind is ColumnRef:
            return ("column", f"{atom.model}.{atom.column}")
        if kind is Aggregate:
            return ("aggregate", atom.name)
        if kind is Option and atom.model:
            return ("row", atom.model)
        if kind is Statement and atom.style == "exists":
            return ("aggregate", "exists")
    return ("column", "")


def statement(frame: Frame, style: str, arguments: Arguments, is_async: bool = False) -> Val:
    """Build ``select(…)``, ``session.query(…)``, ``update(M)`` and the like."""
    values = [value for value, _ in arguments.positional]
    # `select(exists().where(…))` asks what the inner statement asks.
    inner = [s for value in values for s in value.only(Statement) if s.style == "exists"]
    criteria = tuple(c for s in inner for c in s.criteria)
    made = Statement("statement", style, entities_of(frame, values), NO_LOADS, criteria, frozenset(), is_async)
    return of(made), arguments.mask


def chain(frame: Frame, atom: Statement, mask: int, name: str, arguments: Arguments) -> Val:
    """Apply a method that returns a further statement."""
    mask |= arguments.mask
    changed = atom
    if name in ("filter", "where", "having", "join", "outerjoin"):
        criteria = [c for value, _ in arguments.positional for a in value.only(Condition) for c in a.criteria]
        changed = changed._replace(criteria=(*atom.criteria, *criteria)[:12])
    elif name == "filter_by":
        changed = changed._replace(criteria=(*atom.criteria, *_filter_by(frame, atom, arguments))[:12])
    elif name == "options":
        several = sum(kind == "row" for kind, _ in atom.entities) > 1
        parts = [part for value, _ in (*arguments.positional, *arguments.starred) for part in _options(value, several)]
        changed = changed._replace(loads=merge(atom.loads, join_loads(parts)))
    elif name in ("with_entities", "with_only_columns"):
        changed = changed._replace(entities=entities_of(frame, [v for v, _ in arguments.positional]))
    elif name in ("add_columns", "add_entity"):
        added = entities_of(frame, [v for v, _ in arguments.positional])
        changed = changed._replace(entities=(*atom.entities, *added))
    elif name == "select_from":
        sources = [f"from:{a.id}" for value, _ in arguments.positional for a in value.only(ClassRef)]
        changed = changed._replace(flags=changed.flags | set(sources[:1]))
    if name == "offset" or (name == "slice" and frame.loops):
        changed = changed._replace(flags=changed.flags | {"paged"})
    flag = lib.CHAIN_FLAGS.get(name)
    if flag:
        changed = changed._replace(flags=changed.flags | {flag})
    if name == "exists":
        changed = changed._replace(style="exists")
    elif name in lib.SUBQUERIES:
        changed = changed._replace(flags=changed.flags | {"subquery"})
    return of(changed), mask


def _filter_by(frame: Frame, atom: Statement, arguments: Arguments) -> list[Criterion]:
    model = next((name for kind, name in atom.entities if kind == "row"), "")
    if not model and atom.entities and atom.entities[0][0] == "column":
        model = atom.entities[0][1].rpartition(".")[0]
    model = model or _source(atom)
    criteria = []
    exprs = dict(arguments.keyword_exprs)
    for name, (_, mask) in arguments.keywords.items():
        expr = exprs.get(name)
        place = place_of(expr)
        if place is not None:
            frame.criterion_masks[place] = mask
        criteria.append(Criterion(model, name, "Eq", place, frame.function.id, is_bare(expr)))
    return criteria


def compare(frame: Frame, expr: f.Compare, left: Val, rights: list[Val]) -> Value | None:
    """Return the condition that a comparison of columns is, or None when it compares plain values."""
    criteria: list[Criterion] = []
    sides = [(left, expr.left, expr.places[0]), *zip(rights, expr.right, expr.places[1:], strict=True)]
    for operator, (one, one_expr, one_place), (other, other_expr, other_place) in zip(
        expr.ops, sides, sides[1:], strict=False
    ):
        for (value, _), (_, value_mask), value_expr, place in (
            (one, other, other_expr, other_place),
            (other, one, one_expr, one_place),
        ):
            for atom in value.only(ColumnRef):
                frame.criterion_masks[place] = value_mask
                criteria.append(Criterion(atom.model, atom.column, operator, place, frame.function.id, is_bare(value_expr)))
    is_sql = any(type(a) in (ColumnRef, RelationRef, Aggregate, Condition) for (v, _), _, _ in sides for a in v.atoms)
    return of(Condition("condition", tuple(criteria))) if is_sql else None


def column_method(frame: Frame, atom: ColumnRef, mask: int, name: str, arguments: Arguments) -> Val:
    """Apply a method of a column: ``in_`` and its kind give conditions, the rest the column again."""
    mask |= arguments.mask
    operator = {"in_": "In", "not_in": "NotIn", "notin_": "NotIn", "is_": "Is", "is_not": "IsNot", "isnot": "IsNot",
                "like": "Like", "ilike": "Like", "contains": "Like", "startswith": "Prefix", "between": "Between",
                "endswith": "Like", "any_": "In", "op": "Op", "icontains": "Like", "match": "Like", "overlap": "In"}.get(name)  # fmt: skip
    if operator is None:
        return of(atom), mask
    expr = arguments.exprs[0] if arguments.exprs else None
    place = place_of(expr)
    if place is not None:
        frame.criterion_masks[place] = arguments.mask
    criterion = Criterion(atom.model, atom.column, operator, place, frame.function.id, is_bare(expr))
    return of(Condition("condition", (criterion,))), mask


# -- loader options --------------------------------------------------------------------------------------------------


def option(frame: Frame, name: str, arguments: Arguments, below: Option | None = None) -> Val:
    """Build ``selectinload(A.bs)`` and its chained continuations."""
    prefix = below.prefix if below else ""
    loads: set[str] = set(below.loads) if below else set()
    model = below.model if below else ""
    root = below.root if below else next((_root(a) for v, _ in arguments.positional for a in v.atoms if _root(a)), "")
    for value, _ in arguments.positional:
        prefix, model = _add_path(frame, name, value, prefix, model, loads)
    return of(Option("option", frozenset(loads), prefix, model, root)), arguments.mask


def _root(atom: object) -> str:
    """The class from which a loader option starts."""
    if isinstance(atom, (RelationRef, ColumnRef)):
        return atom.model
    return atom.id if isinstance(atom, ClassRef) else ""


def for_model(loads: Loads, model: str) -> Loads:
    """Return the loader options that concern one of several entities."""
    if not any("|" in load for load in loads):
        return loads
    return frozenset(load.partition("|")[2] or load for load in loads if "|" not in load or load.partition("|")[0] == model)


def _add_path(frame: Frame, name: str, value: Value, prefix: str, model: str, loads: set[str]) -> tuple[str, str]:
    dot = f"{prefix}." if prefix else ""
    for atom in value.atoms:
        kind = type(atom)
        if kind is RelationRef:
            if name in lib.COLUMN_OPTIONS:
                continue
            relationship = frame.engine.project.models[atom.model].relationships[atom.relationship]
            path = f"{dot}{atom.relationship}"
            loads.add(_mark(name, path) if name not in lib.NEUTRAL_OPTIONS else f"?{path}")
            return path, relationship.target or ""
        if kind is ColumnRef and name in lib.COLUMN_OPTIONS:
            sign = {"load_only": "=", "defer": "~", "undefer": "+"}.get(name, "+")
            loads.add(f"{dot}{sign}{atom.column}")
        elif kind is ClassRef and name == "Load":
            return prefix, atom.id
        elif kind.__name__ == "Const" and isinstance(atom.value, str):
            if atom.value == "*":
                loads.add(f"{dot}{'!*' if name in lib.OFF_OPTIONS else '*'}")
            elif name in lib.COLUMN_OPTIONS:
                sign = {"load_only": "=", "defer": "~", "undefer": "+"}.get(name, "+")
                loads.add(f"{dot}{sign}{atom.value}")
            elif name in lib.EAGER_OPTIONS:
                loads.add(f"{dot}{atom.value}")
                return f"{dot}{atom.value}".rstrip("."), ""
    return prefix, model


def _mark(name: str, path: str) -> str:
    if name not in lib.OFF_OPTIONS:
        return path
    head, _, last = path.rpartition(".")
    return f"{head}.!{last}" if head else f"!{last}"


def _options(value: Value, several: bool = False) -> list[Loads]:
    found = []
    for atom in value.atoms:
        if type(atom) is Option:
            found.append(frozenset(f"{atom.root}|{load}" for load in atom.loads) if several and atom.root else atom.loads)
        elif type(atom) is Many:
            found += _options(atom.item, several)
        elif type(atom) is Tuple:
            for item in atom.items:
                found += _options(item, several)
    return found


def join_loads(parts: list[Loads]) -> Loads:
    """Return what several options load together."""
    joined: Loads = NO_LOADS
    for part in parts:
        joined = merge(joined, part)
    return joined


def merge(left: Loads, right: Loads) -> Loads:
    """Add later options; a later one overrides an earlier one on the same path."""
    overridden = {_mark("lazyload", load) for load in right} | {load.replace("!", "") for load in right if "!" in load}
    return (left - overridden) | right


# -- execution -------------------------------------------------------------------------------------------------------


def execute(
    frame: Frame, atom: Statement, place: Place, *, mask: int, session: int, method: str, receiver: Place | None, is_async: bool
) -> None:
    """Record that a statement runs."""
    kind = _effect_kind(atom, method)
    rows = tuple(name for entity, name in atom.entities if entity == "row") if kind is Kind.SELECT or kind is Kind.GET else ()
    subject = next((name for entity, name in atom.entities if entity == "row"), "") or _column_owner(atom)
    unique = is_unique(frame, atom)
    aggregate = _aggregate(atom, method)
    query = Query(
        atom.style,
        aggregate,
        tuple((c, frame.criterion_masks.get(c.value, 0) if c.value and c.function == frame.function.id else mask) for c in atom.criteria),
        atom.flags,
        unique,
        receiver,
        is_async,
        rows,
        method,
        method not in lib.RAISES_WHEN_MISSING,
    )
    if kind is Kind.SELECT and unique:
        kind = Kind.GET
    frame.emit(kind, place, subject=subject, deps=mask, session=session, query=query)
    if rows and method not in ("count", "exists"):
        for name in dict.fromkeys(rows):
            frame.executions.append(Execution(frame.site(place), (name,), for_model(atom.loads, name)))


def _effect_kind(atom: Statement, method: str) -> Kind:
    if atom.style in ("insert", "update", "delete") or method in ("update", "delete"):
        return Kind.WRITE
    aggregates = [name for entity, name in atom.entities if entity == "aggregate" and name != "exists"]
    if method == "count" or (aggregates and len(aggregates) == len(atom.entities) and "group_by" not in atom.flags):
        return Kind.COUNT
    asks = atom.style == "exists" or ("aggregate", "exists") in atom.entities
    return Kind.EXISTS if asks else Kind.SELECT


def _aggregate(atom: Statement, method: str) -> str | None:
    if method == "count":
        return "count"
    if atom.style == "exists":
        return "exists"
    names = [name for kind, name in atom.entities if kind == "aggregate"]
    return names[0] if names and len(atom.entities) == 1 else None


def _source(atom: Statement) -> str:
    """The class named by ``select_from``."""
    return next((flag[5:] for flag in atom.flags if flag.startswith("from:")), "")


def _column_owner(atom: Statement) -> str:
    if _source(atom):
        return _source(atom)
    owner = next((name.rpartition(".")[0] for kind, name in atom.entities if kind == "column" and name), "")
    return owner or next((c.model for c in atom.criteria if c.model), "")


def is_unique(frame: Frame, atom: Statement) -> bool:
    """True if the criteria fix a primary or unique key of the one class selected from."""
    rows = [name for kind, name in atom.entities if kind == "row"] or [_column_owner(atom)]
    model = frame.engine.project.models.get(rows[0]) if len(atom.entities) == 1 else None
    if model is None or "group_by" in atom.flags:
        return False
    fixed = {c.column for c in atom.criteria if c.op == "Eq" and c.model in (model.id, "")}
    return any(key <= fixed for key in model.unique_keys)


def row_value(frame: Frame, atom: Statement, place: Place, is_async: bool, *, wrapped: bool) -> Value:
    """Return one row of an executed statement.

    Args:
        frame: the running function.
        atom: the statement.
        place: the executing call.
        is_async: the rows belong to an asynchronous session.
        wrapped: a single entity comes as a one-element row, as ``execute`` gives it.
    """
    items = tuple(_entity_value(frame, entity, atom, place, is_async) for entity in atom.entities)
    if not items:
        return SCALAR if atom.style != "text" else UNKNOWN
    return items[0] if len(items) == 1 and not wrapped else tuple_of(items)


def _entity_value(frame: Frame, entity: Entity, atom: Statement, place: Place, is_async: bool) -> Value:
    kind, name = entity
    if kind == "row":
        return of(row(name, for_model(atom.loads, name), Origin(frame.site(place), ()), is_async))
    if kind == "column" and name:
        model, _, column = name.rpartition(".")
        from nplus1_lint.infer.values import ScalarOf

        return of(ScalarOf("column-value", model, column))
    return SCALAR


# -- queries ---------------------------------------------------------------------------------------------------------


def statement_method(frame: Frame, atom: Statement, mask: int, name: str, arguments: Arguments, place: Place) -> Val:
    """Call a method of a statement: chain it, or execute it where it is bound to a session."""
    if name in ("query", "select_entity") or (name not in lib.QUERY_EXECUTES and name != "one_to_many"):
        if name in ("any", "in_", "is_", "between", "asc", "desc") or name == "c":
            return of(Condition("condition", ())), mask | arguments.mask
        return chain(frame, atom, mask, name, arguments)
    if "subquery" in atom.flags or atom.style not in ("query", "flask-query"):
        if name in ("update", "delete", "all", "first", "one", "scalar", "count", "get"):
            return UNKNOWN, mask
        return chain(frame, atom, mask, name, arguments)
    outcome = lib.QUERY_EXECUTES[name]
    depends = mask | arguments.mask
    if name in ("get", "get_or_404"):
        model = next((n for k, n in atom.entities if k == "row"), None)
        if model is None:
            return UNKNOWN, depends
        return get(frame, model, Arguments(((of(ClassRef("class", model)), 0), *arguments.positional), arguments.keywords,
                   exprs=(f.Const(None), *arguments.exprs)), place, session=0, style=atom.style, loads=atom.loads,
                   is_async=atom.is_async, receiver=arguments.receiver, method=name)  # fmt: skip
    execute(frame, atom, place, mask=depends, session=mask if "own-session" in atom.flags else 0, method=name,
            receiver=arguments.receiver, is_async=atom.is_async)  # fmt: skip
    if outcome in ("count", "write"):
        return SCALAR, depends
    one = row_value(frame, atom, place, atom.is_async, wrapped=False)
    if outcome == "list":
        return many(one, "rows"), depends
    if outcome == "page":
        return many(one, "page"), depends
    if outcome == "scalar":
        return first_item(one), depends
    return (one if name in lib.RAISES_WHEN_MISSING else join(one, NONE)), depends


def first_item(value: Value) -> Value:
    """Return the first column of a row."""
    found = [atom.items[0] if type(atom) is Tuple and atom.items else of(atom) for atom in value.atoms]
    return join_all(found) if found else value


def iterate_statement(frame: Frame, atom: Statement, mask: int, place: Place) -> Val:
    """Iterate a query: it is executed once, here."""
    if atom.style not in ("query", "flask-query") or "subquery" in atom.flags:
        return UNKNOWN, mask
    execute(frame, atom, place, mask=mask, session=0, method="__iter__", receiver=None, is_async=atom.is_async)
    return row_value(frame, atom, place, atom.is_async, wrapped=False), mask


# -- sessions --------------------------------------------------------------------------------------------------------


def get(
    frame: Frame,
    model: str,
    arguments: Arguments,
    place: Place,
    *,
    session: int,
    style: str,
    loads: Loads,
    is_async: bool,
    receiver: Place | None,
    method: str = "get",
) -> Val:
    """``session.get(Model, key)`` and ``query(Model).get(key)``."""
    key_expr = arguments.exprs[1] if len(arguments.exprs) > 1 else None
    options = arguments.keywords.get("options")
    if options is not None:
        loads = merge(loads, join_loads(_options(options[0])))
    entity = frame.engine.project.models[model]
    key = entity.primary_key[0] if len(entity.primary_key) == 1 else ""
    place_of_key = place_of(key_expr)
    deps = arguments.mask
    criteria = ((Criterion(model, key, "Eq", place_of_key, frame.function.id, is_bare(key_expr)), deps),) if key else ()
    flags = frozenset({"for_update"}) if "with_for_update" in arguments.keywords else frozenset()
    if method == "get" and _held(frame, model):
        # The weak identity map answers while the rows are held (11 statements against 51, measured).
        return of(row(model, loads, None, is_async)), deps
    query = Query(style, None, criteria, flags, True, receiver, is_async, (model,), method, method not in ("get_one", "get_or_404"))
    frame.emit(Kind.GET, place, subject=model, deps=deps, session=session, query=query)
    frame.executions.append(Execution(frame.site(place), (model,), loads))
    found = of(row(model, loads, Origin(frame.site(place), ()), is_async))
    return (join(found, NONE) if query.nullable else found), deps


def _held(frame: Frame, model: str) -> bool:
    """True if a name holds a collection of rows of a class that was queried without being iterated for this key."""
    looped = {atom for state in frame.loops for atom in state.loop.over.atoms}
    for binding in frame.state.env.values():
        for atom in binding.value.atoms:
            if type(atom) is Many and atom.kind == "rows" and atom not in looped:
                if any(type(r) is Row and r.model == model and r.origin is not None for r in atom.item.atoms):
                    return True
    return False


def session_method(frame: Frame, atom: Session, mask: int, name: str, arguments: Arguments, place: Place) -> Val:
    """Call a method of a session or connection."""
    first = arguments.positional[0] if arguments.positional else None
    if name == "query":
        value, depends = statement(frame, "query", arguments, atom.is_async)
        if mask & frame.current_bits():
            value = of(*(s._replace(flags=s.flags | {"own-session"}) for s in value.only(Statement)))
        return value, depends | mask
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
        frame.emit(Kind.COMMIT if name == "commit" else Kind.FLUSH, place, session=mask)
        if name == "commit" and atom.expires:
            expiry.expire(frame)
        return NONE, 0
    if name in ("rollback", "expire_all"):
        expiry.expire(frame)
        return NONE, 0
    if name in ("refresh", "merge"):
        return _reload(frame, name, arguments, place, mask)
    if name in lib.BULK_WRITES:
        frame.emit(Kind.WRITE, place, deps=arguments.mask, session=mask)
        return NONE, 0
    if name == "delete" and first is not None:
        _delete(frame, first[0], place)
        return NONE, 0
    if name == "run_sync" and first is not None:
        sync = (of(atom._replace(is_async=False)), mask)
        return frame.call(first, Arguments((sync, *arguments.positional[1:]), arguments.keywords), place)
    if name in ("begin", "begin_nested", "connection", "execution_options", "__enter__", "no_autoflush", "session"):
        return of(atom), mask
    return NONE, arguments.mask


def session_execute(
    frame: Frame, is_async: bool, mask: int, name: str, arguments: Arguments, place: Place
) -> Val:
    """``execute``, ``scalars``, ``scalar``, … of a statement."""
    first = arguments.positional[0] if arguments.positional else None
    if first is None:
        return UNKNOWN, arguments.mask
    shape = lib.SESSION_EXECUTES[name]
    statements = first[0].only(Statement)
    if not statements:
        return _execute_unknown(frame, first, mask, shape, arguments, place)
    results = []
    for made in statements[:2]:
        depends = arguments.mask
        if made.style == "text":
            # SQL whose very text depends on the loop (a schema, a table) cannot be batched; its parameters could be.
            depends = arguments._replace(positional=arguments.positional[1:]).mask
        execute(frame, made, place, mask=depends, session=mask, method=name, receiver=arguments.receiver, is_async=is_async)
        one = row_value(frame, made, place, is_async, wrapped=shape == "result")
        if shape == "scalar":
            results.append(join(first_item(one), NONE))
        elif shape == "scalars":
            results.append(many(first_item(one), "scalars"))
        elif shape == "page":
            results.append(many(one, "page"))
        else:
            results.append(many(one, "result"))
    return join_all(results), arguments.mask


def _execute_unknown(frame: Frame, first: Val, mask: int, shape: str, arguments: Arguments, place: Place) -> Val:
    """A statement that is not understood still runs: raw SQL, a compiled or a cached statement."""
    query = Query("text", None, (), frozenset(), False, arguments.receiver, False, (), "execute", True)
    frame.emit(Kind.SELECT, place, deps=arguments.mask, session=mask, query=query)
    return (SCALAR if shape == "scalar" else many(UNKNOWN, "result")), arguments.mask


def _reload(frame: Frame, name: str, arguments: Arguments, place: Place, mask: int) -> Val:
    if not arguments.positional:
        return UNKNOWN, 0
    value, deps = arguments.positional[0]
    load = arguments.keywords.get("load")
    if name == "merge" and load is not None and load[0].atoms and getattr(load[0].atoms[0], "value", True) is False:
        return value, deps
    rows = value.only(Row)
    subject = rows[0].model if rows else ""
    locking = "with_for_update" in arguments.keywords
    flags = frozenset({"for_update"}) if locking else frozenset()
    query = Query(name, None, (), flags, True, arguments.receiver, False, (subject,) if subject else (), name, True)
    frame.emit(Kind.REFRESH, place, subject=subject, attribute=name, deps=deps, session=mask, query=query)
    if not rows:
        return UNKNOWN, deps
    partial = "attribute_names" in arguments.keywords or len(arguments.positional) > 1
    if not partial:
        frame.executions.append(Execution(frame.site(place), (subject,), NO_LOADS))
    if name == "refresh":
        for expr in arguments.exprs[:1]:
            expiry.renew(frame, expr, None if partial else Origin(frame.site(place), ()))
        return NONE, deps
    fresh = [of(row(r.model, r.loads if partial else NO_LOADS, r.origin if partial else Origin(frame.site(place), ()), r.is_async)) for r in rows]
    return join_all(fresh), deps


def _delete(frame: Frame, value: Value, place: Place) -> None:
    """A delete cascade reads the relationships that cascade, of the deleted rows alone."""
    for atom in value.only(Row):
        for relationship in frame.engine.project.models[atom.model].relationships.values():
            if "delete" in relationship.cascade or relationship.cascade == "all" or "all" in relationship.cascade:
                frame.read(atom.origin, relationship.name, place, by_delete=True)


# -- results ---------------------------------------------------------------------------------------------------------


def result_method(frame: Frame, atom: Many, mask: int, name: str, arguments: Arguments) -> Val:
    """Call a method of ``Result`` or ``ScalarResult``: the statement has already run."""
    mask |= arguments.mask
    if name in lib.RESULT_ONES:
        item = first_item(atom.item) if name in lib.RESULT_SCALARS else atom.item
        return (item if name in lib.RAISES_WHEN_MISSING else join(item, NONE)), mask
    if name == "scalars":
        return many(first_item(atom.item), "scalars"), mask
    if name == "mappings":
        return many(mapping(SCALAR, join_all(_tuple_items(atom.item))), "result"), mask
    if name == "partitions":
        return many(many(atom.item), "result"), mask
    kind = "rows" if name in ("all", "fetchall", "fetchmany") else atom.kind
    return of(Many("many", atom.item, kind, None)), mask


def _tuple_items(value: Value) -> list[Value]:
    return [item for atom in value.only(Tuple) for item in atom.items] or [value]


# -- evidence by argument --------------------------------------------------------------------------------------------


def by_argument(frame: Frame, receiver: int, name: str, arguments: Arguments, place: Place) -> Val | None:
    """Recognise ``x.query(Model)`` and ``x.execute(statement)`` where ``x`` is unknown: the argument is the evidence."""
    if not arguments.positional:
        return None
    value = arguments.positional[0][0]
    model = any(a.id in frame.engine.project.models for a in value.only(ClassRef)) or bool(value.only(ColumnRef))
    if name == "query" and (model or value.only(Aggregate)):
        made, mask = statement(frame, "query", arguments)
        return made, mask | receiver
    if name in lib.SESSION_EXECUTES and any(s.style != "text" for s in value.only(Statement)):
        return session_execute(frame, False, receiver, name, arguments, place)
    if name in lib.SESSION_GETS and model and len(arguments.positional) > 1:
        return session_method(frame, Session("session", "session", False, True), receiver, name, arguments, place)
    return None


def external_call(frame: Frame, name: str, last: str, arguments: Arguments) -> Val | None:
    """Call a function of SQLAlchemy; None when it means nothing here."""
    mask = arguments.mask
    if ".func." in name or name.startswith("sqlalchemy.func"):
        return of(Aggregate("aggregate", last)), mask
    if last in lib.STATEMENT_CALLS:
        return statement(frame, lib.STATEMENT_CALLS[last], arguments)
    if last in lib.OPTIONS:
        return option(frame, last, arguments)
    if last in lib.CRITERIA_CALLS:
        alternatives = last == "or_"
        criteria = [c._replace(op="Or") if alternatives else c for v, _ in arguments.positional for a in v.only(Condition) for c in a.criteria]
        return of(Condition("condition", tuple(criteria)[:12])), mask
    if last in ("aliased", "with_polymorphic"):
        return (arguments.positional[0][0] if arguments.positional else UNKNOWN), mask
    if last == "object_session":
        return of(Session("session", "session", False, True)), 0
    if last == "distinct" and arguments.positional:
        return arguments.positional[0]
    if last in ("desc", "asc", "nullslast", "nullsfirst", "nulls_last", "nulls_first", "label", "cast", "case", "literal", "literal_column",
                "null", "true", "false", "extract", "type_coerce", "tuple_", "bindparam", "column"):  # fmt: skip
        return arguments.positional[0] if last in ("desc", "asc") and arguments.positional else (of(External("external", name + "()")), mask)
    return None


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
        inner = next((a for v, _ in arguments.positional for a in v.atoms if type(a) is SessionFactory), None)
        if inner is not None:
            return of(inner)
        return of(SessionFactory("factory", last in lib.ASYNC_SESSION_FACTORIES or async_class, not keeps))
    if last in lib.SESSION_TYPES:
        return of(Session("session", "session", False, not keeps))
    if last in lib.ASYNC_SESSION_TYPES:
        return of(Session("session", "session", True, not keeps))
    return None




def nested_options(below: Option, arguments: Arguments) -> Value:
    """``selectinload(A.bs).options(joinedload(B.c))``: the inner options hold below the outer path."""
    loads = set(below.loads)
    for value, _ in (*arguments.positional, *arguments.starred):
        for inner in _options(value):
            loads |= {f"{below.prefix}.{load}" if below.prefix else load for load in inner}
    return of(below._replace(loads=frozenset(loads)))
