"""Statements: `select`, `session.query` and their chains, columns, conditions and SQLAlchemy's other functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import children
from nplus1_lint.infer import equalities, lookups, requeries, verbs
from nplus1_lint.infer import library as lib
from nplus1_lint.infer.effects import Kind
from nplus1_lint.infer.holding import key_of_row
from nplus1_lint.infer.loader_options import join_loads, loaders_in, merge, option, options_in
from nplus1_lint.infer.loaders import combined
from nplus1_lint.infer.values import (
    NO_LOADS,
    NONE,
    UNKNOWN,
    Aggregate,
    ClassRef,
    ColumnRef,
    Condition,
    Const,
    Criterion,
    External,
    Option,
    RelationRef,
    Row,
    ScalarOf,
    Session,
    Statement,
    Value,
    of,
)

Entity = tuple[str, str]


if TYPE_CHECKING:
    from nplus1_lint.infer.frame import Arguments, Frame, Place, Val


_TEXT_FLAGS = {Kind.WRITE: "writes", Kind.COMMAND: "command"}
_ANCHORS = frozenset({f.Name, f.Attr, f.Call, f.Subscript})
_PLACED = _ANCHORS | {f.Comprehension}


def place_of(expr: f.Expr | None) -> Place | None:
    """Return where an expression stands, as far as the IR keeps it."""
    return expr.pos if type(expr) in _PLACED else None  # type: ignore[union-attr]


def anchor(expr: f.Expr) -> f.Name | f.Attr | f.Call | f.Subscript | None:
    """Return the first part of an expression whose place the IR keeps: the expression itself where it can be."""
    if type(expr) in _ANCHORS:
        return expr  # type: ignore[return-value]
    for child in children(expr):
        found = anchor(child)
        if found is not None:
            return found
    return None


def is_bare(expr: f.Expr | None) -> bool:
    """True for a bare name or a literal."""
    return isinstance(expr, (f.Name, f.Const))


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
        if kind is Aggregate and atom.name in lib.AGGREGATES:
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
    asked = tuple(lookup for s in inner for lookup in s.lookups)
    same = inner[0].equalities if len(inner) == 1 == len(values) else () if not inner else None
    flags = _counted(values) if style != "text" else _done(frame, arguments)
    made = Statement(
        "statement", style, entities_of(frame, values), NO_LOADS, criteria, flags, is_async, asked,
        equalities=same,
    )  # fmt: skip
    return of(made), arguments.mask


def _done(frame: Frame, arguments: Arguments) -> frozenset[str]:
    """The flag that says what SQL text does, where that is no SELECT."""
    value = arguments.positional[0][0] if arguments.positional else UNKNOWN
    kind = verbs.of_statement(frame, value, arguments.exprs[0] if arguments.exprs else None)
    if kind in _TEXT_FLAGS:
        return frozenset({_TEXT_FLAGS[kind]})
    return verbs.bounds_of(frame, arguments.exprs[0] if arguments.exprs else None)


def _counted(values: list[Value]) -> frozenset[str]:
    """The flag that says what ``func.count`` is given."""
    found = {a.counted for value in values for a in value.only(Aggregate) if a.name == "count" and a.counted}
    return frozenset({f"{lookups.COUNTS}{found.pop() if len(found) == 1 else '?'}"}) if found else frozenset()


def chain(frame: Frame, atom: Statement, mask: int, name: str, arguments: Arguments, place: Place) -> Val:
    """Apply a method that returns a further statement."""
    mask |= arguments.mask
    changed = lookups.chained(frame, atom, name, arguments, place)
    changed = changed._replace(equalities=equalities.chained(frame, atom, name, arguments))
    if name in ("filter", "where", "having", "join", "outerjoin"):
        criteria = [c for value, _ in arguments.positional for a in value.only(Condition) for c in a.criteria]
        asked = [s for value, _ in arguments.positional for s in value.only(Statement) if s.style == "exists"]
        if asked and atom.entities == (("column", ""),):
            # `query(literal(True)).filter(….exists())` asks what the inner query asks.
            criteria += [c for inner in asked for c in inner.criteria]
            inside = tuple(lookup for inner in asked for lookup in inner.lookups)
            changed = changed._replace(lookups=(*changed.lookups, *inside), entities=(("aggregate", "exists"),))
            changed = changed._replace(equalities=asked[0].equalities if len(asked) == 1 and not criteria else None)
        changed = changed._replace(criteria=(*atom.criteria, *criteria)[:12])
    elif name == "filter_by":
        changed = changed._replace(criteria=(*atom.criteria, *_filter_by(frame, atom, arguments))[:12])
    elif name == "options":
        several = sum(kind == "row" for kind, _ in atom.entities) > 1
        parts = [
            part for value, _ in (*arguments.positional, *arguments.starred) for part in options_in(value, several)
        ]
        changed = changed._replace(loads=merge(atom.loads, join_loads(parts)))
        for value, _ in (*arguments.positional, *arguments.starred):
            changed = changed._replace(loaders=combined(changed.loaders, loaders_in(value)))
    elif name in ("with_entities", "with_only_columns"):
        values = [value for value, _ in arguments.positional]
        changed = changed._replace(entities=entities_of(frame, values), flags=changed.flags | _counted(values))
    elif name in ("add_columns", "add_entity"):
        added = entities_of(frame, [v for v, _ in arguments.positional])
        changed = changed._replace(entities=(*atom.entities, *added))
    elif name == "select_from":
        sources = [f"from:{a.id}" for value, _ in arguments.positional for a in value.only(ClassRef)]
        changed = changed._replace(flags=changed.flags | set(sources[:1]))
    elif name == "with_parent":
        changed = changed._replace(criteria=(*atom.criteria, *_with_parent(frame, atom, arguments))[:12])
    changed = changed._replace(flags=changed.flags | _flags(frame, name, arguments))
    if name == "exists":
        changed = changed._replace(style="exists")
    elif name in lib.SUBQUERIES:
        changed = changed._replace(flags=changed.flags | {"subquery"})
    return of(changed), mask


def _is_one(value: Value) -> bool:
    """True for the number 1, and nothing else that it may be."""
    return bool(value.atoms) and all(type(atom) is Const and atom.value == 1 for atom in value.atoms)


def _flags(frame: Frame, name: str, arguments: Arguments) -> set[str]:
    """The flags that a method adds to a statement."""
    flag = lib.CHAIN_FLAGS.get(name)
    flags = {flag} if flag else set()
    if name in ("limit", "offset") and all(value == NONE for value, _ in arguments.positional):
        return set()  # `limit(None)` is no limit
    if name == "offset" or (name == "slice" and frame.loops):
        flags.add("paged")
    if name == "limit" and arguments.positional and _is_one(arguments.positional[0][0]):
        flags.add("single")
    conditions = [c for value, _ in arguments.positional for c in value.only(Condition)]
    # A many-to-one that is compared with a row is a lookup of its key, by a value that is not bare.
    if name == "with_parent" or any(one.op == "Parent" and one.bare for c in conditions for one in c.criteria):
        flags.add(lookups.PARENT)
    if name == "order_by" and _orders_uniquely(frame, arguments):
        flags.add("unique-order")
    if name == "execution_options" and "yield_per" in arguments.keywords:
        flags.add("yield_per")
    return flags


def _orders_uniquely(frame: Frame, arguments: Arguments) -> bool:
    """False if an order surely leaves rows of equal rank: columns that are no key of their class, and nothing else."""
    columns: dict[str, set[str]] = {}
    for value, _ in arguments.positional:
        if arguments.starred or not value.atoms or len(value.only(ColumnRef)) != len(value.atoms):
            return True
        for atom in value.atoms:
            columns.setdefault(atom.model, set()).add(atom.column)
    models = frame.engine.project.models
    return not columns or any(key <= names for model, names in columns.items() for key in models[model].unique_keys)


def _with_parent(frame: Frame, atom: Statement, arguments: Arguments) -> list[Criterion]:
    """``query(Hero).with_parent(team)``: the rows share the parent, by the one relationship that leads to its class."""
    model = next((name for kind, name in atom.entities if kind == "row"), "")
    entity = frame.engine.project.models.get(model)
    parents = {row.model for value, _ in arguments.positional[:1] for row in value.only(Row)}
    if entity is None:
        return []
    ways = [name for _, name in _ways_back(frame, arguments)]
    if not ways:
        to_one = [one for one in entity.relationships.values() if not one.uselist]
        ways = [one.name for one in to_one if not parents or one.target in parents]
    return [Criterion(model, ways[0], "Parent", None, frame.function.id, True)] if len(ways) == 1 else []


def _ways_back(frame: Frame, arguments: Arguments) -> list[tuple[str, str]]:
    """The many-to-one (class and name) from the rows of the relationship that is given second back to their parent."""
    models = frame.engine.project.models
    ways = [
        models[a.model].relationships[a.relationship] for v, _ in arguments.positional[1:2] for a in v.only(RelationRef)
    ]
    return [(way.target, way.back_populates) for way in ways if way.target and way.back_populates]


def _of_parent(frame: Frame, arguments: Arguments) -> Condition:
    """``with_parent(team, Team.heroes)``."""
    ways = _ways_back(frame, arguments)
    return Condition(
        "condition", tuple(Criterion(one, name, "Parent", None, frame.function.id, True) for one, name in ways)
    )


def _filter_by(frame: Frame, atom: Statement, arguments: Arguments) -> list[Criterion]:
    model = next((name for kind, name in atom.entities if kind == "row"), "")
    if not model and atom.entities and atom.entities[0][0] == "column":
        model = atom.entities[0][1].rpartition(".")[0]
    model = lookups.last_join(atom) or model or source_of(atom) or lookups.counted_class(atom)
    criteria = []
    exprs = dict(arguments.keyword_exprs)
    for name, (value, mask) in arguments.keywords.items():
        expr = exprs.get(name)
        place = place_of(expr)
        if place is not None:
            frame.criterion_masks[place] = mask
            requeries.write_key(frame, place, expr)
        filled = _is_filled(frame, value)
        held = key_of_row(frame, expr)
        told = (filled, held, may_be_text(frame, model, name, value))
        criteria.append(Criterion(model, name, "Eq", place, frame.function.id, is_bare(expr), *told))
    return criteria


def _is_filled(frame: Frame, value: Value) -> bool:
    """True for the value of a column, read off a row, that holds no NULL."""
    models = frame.engine.project.models
    return bool(value.atoms) and all(
        type(atom) is ScalarOf
        and atom.model in models
        and atom.column in models[atom.model].columns
        and models[atom.model].columns[atom.column].required
        for atom in value.atoms
    )


def may_be_text(frame: Frame, model: str, column: str, value: Value) -> bool:
    """Return True if a value that is compared with a column of UUIDs is not known to be one.

    Args:
        frame: the running function.
        model: id of the mapped class.
        column: the attribute.
        value: what is compared with it.

    Returns:
        False for any other column, and for the value of a column of UUIDs.
    """
    models = frame.engine.project.models

    def holds(model: str, name: str) -> bool:
        known = models[model].columns.get(name) if model in models else None
        return known is not None and known.uuid

    if not holds(model, column):
        return False
    return not value.atoms or not all(type(atom) is ScalarOf and holds(atom.model, atom.column) for atom in value.atoms)


_OF_SQL = frozenset({ColumnRef, RelationRef, Aggregate, Condition})


def compare(frame: Frame, expr: f.Compare, left: Val, rights: list[Val]) -> Value | None:
    """Return the condition that a comparison of columns is, or None when it compares plain values."""
    for value, _ in (left, *rights):
        if not _OF_SQL.isdisjoint(map(type, value.atoms)):
            break
    else:
        return None
    criteria: list[Criterion] = []
    sides = [(left, expr.left, expr.places[0]), *zip(rights, expr.right, expr.places[1:], strict=True)]
    for operator, (one, one_expr, one_place), (other, other_expr, other_place) in zip(
        expr.ops, sides, sides[1:], strict=False
    ):
        for (value, _), (compared, value_mask), value_expr, place in (
            (one, other, other_expr, other_place),
            (other, one, one_expr, one_place),
        ):
            for atom in value.only(ColumnRef):
                frame.criterion_masks[place] = value_mask
                requeries.write_key(frame, place, value_expr)
                bare, filled = is_bare(value_expr), _is_filled(frame, compared)
                held = key_of_row(frame, value_expr) if operator == "Eq" else ""
                told = (filled, held, may_be_text(frame, atom.model, atom.column, compared))
                criteria.append(Criterion(atom.model, atom.column, operator, place, frame.function.id, bare, *told))
            if operator == "Eq":
                for parent in value.only(RelationRef):
                    held = value_expr.id if type(value_expr) is f.Name and compared.first(Row) is not None else ""
                    criteria.append(
                        Criterion(
                            parent.model, parent.relationship, "Parent", None, frame.function.id, False, held=held
                        )
                    )
    asked, equal = lookups.compared(frame, expr, left, rights), equalities.compared(frame, expr, left, rights)
    return of(Condition("condition", tuple(criteria), asked, equal))


def column_method(frame: Frame, atom: ColumnRef, mask: int, name: str, arguments: Arguments, call: Place) -> Val:
    """Apply a method of a column: ``in_`` and its kind give conditions, the rest the column again."""
    mask |= arguments.mask
    operator = lib.COLUMN_OPERATORS.get(name)
    if operator is None:
        if name not in ("label", "desc", "asc"):
            frame.derived.add(call)
        return of(atom), mask
    expr = arguments.exprs[0] if arguments.exprs else None
    place = place_of(expr)
    if place is not None:
        frame.criterion_masks[place] = arguments.mask
    criterion = Criterion(atom.model, atom.column, operator, place, frame.function.id, is_bare(expr))
    asked = lookups.asked(frame, atom, name, arguments, call)
    return of(Condition("condition", (criterion,), asked, equalities.asked(frame, atom, name, arguments))), mask


def external_call(frame: Frame, name: str, last: str, arguments: Arguments, place: Place) -> Val | None:
    """Call a function of SQLAlchemy; None when it means nothing here."""
    mask = arguments.mask
    if ".func." in name or name.startswith("sqlalchemy.func"):
        return of(Aggregate("aggregate", last, equalities.counted_column(arguments))), mask
    if last in lib.STATEMENT_CALLS:
        return statement(frame, lib.STATEMENT_CALLS[last], arguments)
    if last in lib.OPTIONS:
        return option(frame, last, arguments, place)
    if last in lib.CRITERIA_CALLS:
        alternatives = last == "or_"
        criteria = [
            c._replace(op="Or") if alternatives else c
            for v, _ in arguments.positional
            for a in v.only(Condition)
            for c in a.criteria
        ]
        parts = tuple(value for value, _ in arguments.positional)
        equal = equalities.conjunction(parts) if last == "and_" and not arguments.starred else None
        return of(Condition("condition", tuple(criteria)[:12], lookups.combined(parts, last), equal)), mask
    if last == "with_parent":
        return of(_of_parent(frame, arguments)), mask
    if last in ("aliased", "with_polymorphic"):
        return (arguments.positional[0][0] if arguments.positional else UNKNOWN), mask
    if last == "object_session":
        return of(Session("session", "session", False, True)), 0
    if last == "distinct" and arguments.positional:
        return arguments.positional[0]
    if last in lib.COLUMN_FUNCTIONS:
        return (
            arguments.positional[0]
            if last in ("desc", "asc") and arguments.positional
            else (of(External("external", name + "()")), mask)
        )
    return None


def source_of(atom: Statement) -> str:
    """The class named by ``select_from``."""
    return next((flag[5:] for flag in atom.flags if flag.startswith("from:")), "")
