"""Execution: what a statement that runs costs, and the rows that it gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.index import facts as f
from nplus1_lint.infer import changes, counts, fetched, identity, lookups, requeries
from nplus1_lint.infer import library as lib
from nplus1_lint.infer.effects import OWN_SESSION, PLAIN_FILTER, Filter, Kind, Query
from nplus1_lint.infer.holding import held_rows, holds_row
from nplus1_lint.infer.joins import join, join_all
from nplus1_lint.infer.loader_options import for_model, join_loads, loaders_in, merge, options_in
from nplus1_lint.infer.loaders import NO_LOADERS, Loaders, combined, for_entity
from nplus1_lint.infer.meter import load_along
from nplus1_lint.infer.sql import Entity, chain, is_bare, may_be_text, place_of, source_of
from nplus1_lint.infer.trails import RowQuery
from nplus1_lint.infer.values import (
    NONE,
    OF_SESSION,
    ONE_PARENT,
    OWN_BIT,
    SCALAR,
    UNKNOWN,
    ClassRef,
    Condition,
    Criterion,
    Loads,
    Many,
    Origin,
    Row,
    Statement,
    Tuple,
    Value,
    many,
    mapping,
    of,
    row,
    tuple_of,
)

if TYPE_CHECKING:
    from nplus1_lint.infer.frame import Arguments, Frame, Place, Val


def execute(
    frame: Frame,
    atom: Statement,
    place: Place,
    *,
    mask: int,
    session: int,
    method: str,
    receiver: Place | None,
    is_async: bool,
) -> None:
    """Record that a statement runs."""
    kind = _effect_kind(atom, method)
    rows = (
        tuple(name for entity, name in atom.entities if entity == "row")
        if kind is Kind.SELECT or kind is Kind.GET
        else ()
    )
    subject = next((name for entity, name in atom.entities if entity == "row"), "") or _column_owner(atom)
    unique = is_unique(frame, atom)
    aggregate = _aggregate(atom, method)
    query = Query(
        atom.style,
        aggregate,
        tuple(
            (c, frame.criterion_masks.get(c.value, 0) if c.value and c.function == frame.function.id else mask)
            for c in atom.criteria
        ),
        _flags(atom, session),
        unique,
        receiver,
        is_async,
        rows,
        method,
        method not in lib.RAISES_WHEN_MISSING,
    )
    requeries.note(frame, atom, place, kind, subject)
    if unique:
        requeries.note_row(frame, place, frame.engine.project.models.get(subject), atom.criteria)
    if kind is Kind.SELECT and unique:
        kind = Kind.GET
    frame.emit(kind, place, subject=subject, deps=mask, session=session, query=query)
    fetched.note(frame, atom, place, kind, query, subject)
    counts.note(frame, atom._replace(is_async=is_async), place, kind, method)
    changes.executed(frame, atom, place, kind, method)
    searched = lookups.of_sources(atom)
    if searched:
        frame.filters.append(Filter(frame.site(place), searched, ("aggregate", "count") in atom.entities))
    if method == "paginate" and frame.meter is not None:
        frame.meter.paged(place)
    if rows and method not in ("count", "exists"):
        for name in dict.fromkeys(rows):
            loaders = for_entity(frame.engine.project.hierarchy, atom.loaders, name)
            frame.executes(place, name, for_model(atom.loads, name), loaders)
            fetch = RowQuery(frame.site(place), name, loaders, atom.style, method, atom.flags, unique)
            frame.tracker.fetches[fetch] = None
            one = unique or "single" in atom.flags or method in lib.RESULT_ONES
            load_along(frame, place, name, for_model(atom.loads, name), loaders, one=one)


def _flags(atom: Statement, session: int) -> frozenset[str]:
    flags = atom.flags if atom.equalities is None else atom.flags | {PLAIN_FILTER}
    return flags | {OWN_SESSION} if session & OWN_BIT else flags


def _effect_kind(atom: Statement, method: str) -> Kind:
    if atom.style in ("insert", "update", "delete") or method in ("update", "delete"):
        return Kind.WRITE
    if atom.style == "text" and atom.flags & {"writes", "command"}:
        return Kind.WRITE if "writes" in atom.flags else Kind.COMMAND
    if method == "__iter__":
        return Kind.SELECT  # its rows are iterated, whatever their columns
    aggregates = [name for entity, name in atom.entities if entity == "aggregate" and name != "exists"]
    if method == "count" or (aggregates and len(aggregates) == len(atom.entities) and "group_by" not in atom.flags):
        return Kind.COUNT
    asks = atom.style == "exists" or ("aggregate", "exists") in atom.entities
    return Kind.EXISTS if asks else Kind.SELECT


def _aggregate(atom: Statement, method: str) -> str | None:
    if method == "__iter__":
        return None
    if method == "count":
        return "count"
    if atom.style == "exists":
        return "exists"
    names = [name for kind, name in atom.entities if kind == "aggregate"]
    return names[0] if names and len(atom.entities) == 1 else None


def _column_owner(atom: Statement) -> str:
    if source_of(atom):
        return source_of(atom)
    owner = next((name.rpartition(".")[0] for kind, name in atom.entities if kind == "column" and name), "")
    return owner or next((c.model for c in atom.criteria if c.model), "")


def is_unique(frame: Frame, atom: Statement) -> bool:
    """True if the criteria fix a primary or unique key of the one class selected from."""
    rows = [name for kind, name in atom.entities if kind == "row"] or [_column_owner(atom)]
    several = len(atom.entities) > 1 and ("joined" in atom.flags or not _columns_of(atom, rows[0]))
    model = frame.engine.project.models.get(rows[0]) if atom.entities and not several else None
    if model is None or "group_by" in atom.flags:
        return False
    fixed = {c.column for c in atom.criteria if c.op == "Eq" and c.model in (model.id, "")}
    return any(key <= fixed for key in model.unique_keys)


def _columns_of(atom: Statement, model: str) -> bool:
    return all(kind == "column" and name.rpartition(".")[0] == model for kind, name in atom.entities)


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
        loads = for_model(atom.loads, name) | _one_parent(frame, atom, name)
        return of(row(name, loads, Origin(frame.site(place), ()), is_async))
    if kind == "column" and name:
        model, _, column = name.rpartition(".")
        from nplus1_lint.infer.values import ScalarOf

        return of(ScalarOf("column-value", model, column))
    return SCALAR


def _one_parent(frame: Frame, atom: Statement, model_id: str) -> Loads:
    """Marks of the many-to-one relationships whose key the WHERE clause fixes: all rows share that parent.

    Where a name holds the parent, the identity map answers for it: it is as good as loaded.
    """
    models = frame.engine.project.models
    fixing = [c for c in atom.criteria if c.op in ("Eq", "Parent") and c.model in (model_id, "")]
    fixed = {c.column: c.held if c.function == frame.function.id else "" for c in fixing}
    marks = set()
    for name, relationship in models[model_id].relationships.items() if fixed else ():
        target = models.get(relationship.target or "")
        if target is None or relationship.uselist:
            continue
        keys = [c.name for c in models[model_id].columns.values() if _refers(c.foreign_key, target.table)]
        if name in fixed or (keys and fixed.keys() >= set(keys)):
            marks.add(f"{ONE_PARENT}{name}")
            if any(holds_row(frame, fixed.get(key, ""), relationship.target) for key in (name, *keys)):
                marks.add(name)
    return frozenset(marks)


def _refers(foreign_key: str | None, table: str | None) -> bool:
    return foreign_key is not None and foreign_key.rpartition(".")[0] == table


def session_mask(atom: Statement) -> int:
    """Return what the session depends on from which a query was built."""
    return next((int(flag[len(OF_SESSION) :], 16) for flag in atom.flags if flag.startswith(OF_SESSION)), 0)


def size_of(atom: Statement) -> int | None:
    """Return 1 for a statement limited to one row, else None."""
    return 1 if "single" in atom.flags else None


def statement_method(frame: Frame, atom: Statement, mask: int, name: str, arguments: Arguments, place: Place) -> Val:
    """Call a method of a statement: chain it, or execute it where it is bound to a session."""
    if name in ("query", "select_entity") or (name not in lib.QUERY_EXECUTES and name != "one_to_many"):
        if name in ("any", "in_", "is_", "between", "asc", "desc") or name == "c":
            return of(Condition("condition", ())), mask | arguments.mask
        return chain(frame, atom, mask, name, arguments, place)
    if "subquery" in atom.flags or atom.style not in ("query", "flask-query"):
        if name in ("update", "delete", "all", "first", "one", "scalar", "count", "get"):
            return UNKNOWN, mask
        return chain(frame, atom, mask, name, arguments, place)
    outcome = lib.QUERY_EXECUTES[name]
    depends = mask | arguments.mask
    if name in ("get", "get_or_404"):
        model = next((n for k, n in atom.entities if k == "row"), None)
        if model is None:
            return UNKNOWN, depends
        with_model = arguments._replace(
            positional=((of(ClassRef("class", model)), 0), *arguments.positional),
            exprs=(f.Const(None), *arguments.exprs),
        )
        return get(
            frame,
            model,
            with_model,
            place,
            session=session_mask(atom),
            style=atom.style,
            loads=atom.loads,
            is_async=atom.is_async,
            receiver=arguments.receiver,
            method=name,
            loaders=atom.loaders,
        )
    execute(frame, atom, place, mask=depends, session=session_mask(atom), method=name,
            receiver=arguments.receiver, is_async=atom.is_async)  # fmt: skip
    if outcome in ("count", "write"):
        return SCALAR, depends
    one = row_value(frame, atom, place, atom.is_async, wrapped=False)
    if outcome == "list":
        return many(one, "rows", size_of(atom)), depends
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


def result_method(frame: Frame, atom: Many, mask: int, name: str, arguments: Arguments) -> Val:
    """Call a method of ``Result`` or ``ScalarResult``: the statement has already run."""
    mask |= arguments.mask
    frame.tracker.take(atom, name)
    if name in lib.RESULT_ONES:
        item = first_item(atom.item) if name in lib.RESULT_SCALARS else atom.item
        return (item if name in lib.RAISES_WHEN_MISSING else join(item, NONE)), mask
    if name == "scalars":
        return many(first_item(atom.item), "scalars", atom.size), mask
    if name == "mappings":
        return many(mapping(SCALAR, join_all(_tuple_items(atom.item))), "result"), mask
    if name == "partitions":
        return many(many(atom.item), "result"), mask
    kind = "rows" if name in ("all", "fetchall", "fetchmany") else atom.kind
    return of(Many("many", atom.item, kind, atom.size)), mask


def _tuple_items(value: Value) -> list[Value]:
    return [item for atom in value.only(Tuple) for item in atom.items] or [value]


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
    loaders: Loaders = NO_LOADERS,
) -> Val:
    """``session.get(Model, key)`` and ``query(Model).get(key)``."""
    key_expr = arguments.exprs[1] if len(arguments.exprs) > 1 else None
    options = arguments.keywords.get("options")
    if options is not None:
        loads = merge(loads, join_loads(options_in(options[0])))
        loaders = combined(loaders, loaders_in(options[0]))
    entity = frame.engine.project.models[model]
    key = entity.primary_key[0] if len(entity.primary_key) == 1 else ""
    place_of_key = place_of(key_expr)
    deps = arguments.mask
    asked = arguments.get(1, "ident")
    text = key != "" and may_be_text(frame, model, key, asked[0] if asked is not None else UNKNOWN)
    criterion = Criterion(model, key, "Eq", place_of_key, frame.function.id, is_bare(key_expr), text=text)
    criteria = ((criterion, deps),) if key else ()
    flags = frozenset({"for_update"}) if "with_for_update" in arguments.keywords else frozenset()
    keywords = frozenset(arguments.keywords)
    by_parent = asked is not None and identity.answers(frame, asked[0], model, session, keywords)
    if by_parent or (method == "get" and (_held(frame, model) or _is_own_key(frame, key_expr, model, key))):
        # The weak identity map answers while the rows are held (11 statements against 51, measured).
        frame.held[model] = None
        if frame.notes is not None:
            frame.notes.without_cost(place, f"get of {entity.name}", "its rows are held, so the identity map answers")
        return of(row(model, None if by_parent else loads, None, is_async)), deps
    query = Query(
        style,
        None,
        criteria,
        flags,
        True,
        receiver,
        is_async,
        (model,),
        method,
        method not in ("get_one", "get_or_404"),
    )
    frame.emit(Kind.GET, place, subject=model, deps=deps, session=session, query=query)
    requeries.write_key(frame, place_of_key, key_expr)
    requeries.note_row(frame, place, entity, tuple(criterion for criterion, _ in criteria))
    frame.executes(place, model, loads, loaders)
    frame.tracker.fetches[RowQuery(frame.site(place), model, loaders, style, method, flags, True)] = None
    load_along(frame, place, model, loads, loaders, one=True)
    found = of(row(model, loads, Origin(frame.site(place), ()), is_async))
    return (join(found, NONE) if query.nullable else found), deps


def _held(frame: Frame, model: str) -> bool:
    """True if a name holds a collection of rows of a class that was queried without being iterated for this key."""
    looped = {atom for state in frame.loops for atom in state.loop.over.atoms}
    return any(row.origin is not None and holder not in looped for holder, row in held_rows(frame, model))


def _is_own_key(frame: Frame, key: f.Expr | None, model: str, name: str) -> bool:
    """True for ``session.get(Team, team.id)`` where *team* is a queried row of that class."""
    if not isinstance(key, f.Attr) or key.name != name or not isinstance(key.value, f.Name):
        return False
    known = frame.lookup(key.value.id)
    return known is not None and any(r.model == model and r.origin is not None for r in known[0].only(Row))
