"""By which columns a statement finds its rows: the places where an index would help.

What no index serves is left out: ``!=``, ``IS NULL``, ``LIKE '%x%'``, functions of a column, and an ``OR`` with any
such part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nplus1_lint.findings import NodeKind
from nplus1_lint.index import facts as f
from nplus1_lint.infer import library as lib
from nplus1_lint.infer.effects import Lookup
from nplus1_lint.infer.values import (
    ClassRef,
    ColumnRef,
    Condition,
    Const,
    External,
    RelationRef,
    Statement,
    Value,
)

if TYPE_CHECKING:
    from nplus1_lint.infer.frame import Arguments, Frame, Place, Val
    from nplus1_lint.link.models import Model

MAX_LOOKUPS: Final = 16
_COMPARISONS: Final = {"Eq": "Eq", "Lt": "Range", "LtE": "Range", "Gt": "Range", "GtE": "Range"}
_METHODS: Final = {"in_": "In", "startswith": "Prefix", "between": "Range"}
_WILDCARDS: Final = ("%", "_")
COUNTS: Final = "counts:"
"""Precedes, among a statement's flags, the column that ``func.count`` is given."""
PARENT: Final = "parent"
"""Among a statement's flags: its rows are those of one parent."""
_LAST: Final = "last:"
_WITH: Final = "with:"


def last_join(atom: Statement) -> str:
    """Return the class that was joined last, to which ``filter_by`` refers, or an empty string."""
    return next((flag[len(_LAST) :] for flag in atom.flags if flag.startswith(_LAST)), "")


def of_sources(atom: Statement) -> tuple[Lookup, ...]:
    """Return the lookups in tables that the statement selects from or joins.

    Another table's lookup comes from a path that no run takes: the join and the filter each depend on one condition.
    """
    if not atom.flags.isdisjoint(("dynamic", PARENT)):
        return ()  # the parent's key finds the rows
    sources = {flag[len(_WITH) :] for flag in atom.flags if flag.startswith(_WITH)}
    sources |= {flag[5:] for flag in atom.flags if flag.startswith("from:")}
    sources |= {name if kind == "row" else name.rpartition(".")[0] for kind, name in atom.entities}
    if "" in sources:
        return atom.lookups  # not all are known
    for lookup in atom.lookups:
        if lookup.op == "Join":
            sources |= {lookup.model, lookup.other[0] if lookup.other is not None else lookup.model}
    return tuple(lookup for lookup in atom.lookups if lookup.model in sources)


# -- conditions ------------------------------------------------------------------------------------------------------


def compared(frame: Frame, expr: f.Compare, left: Val, rights: list[Val]) -> tuple[Lookup, ...]:
    """Return the lookups of a comparison: of each side that is a column, or a relationship compared with a row."""
    if len(expr.ops) != 1 or expr.ops[0] not in _COMPARISONS:
        return ()
    op = _COMPARISONS[expr.ops[0]]
    found: list[Lookup] = []
    sides = ((expr.left, left[0], rights[0][0]), (expr.right[0], rights[0][0], left[0]))
    for written, value, other in sides:
        if not isinstance(written, (f.Attr, f.Name)) or _is_none(other):
            continue
        node = NodeKind.ATTRIBUTE if isinstance(written, f.Attr) else NodeKind.NAME
        for atom in value.only(ColumnRef):
            lookup = Lookup(atom.model, atom.column, op, frame.function.id, written.pos, node)
            found += _compared_with(lookup, other)
        for atom in value.only(RelationRef) if op == "Eq" else ():
            key = _own_key(frame, atom.model, atom.relationship)
            if key:
                found.append(Lookup(atom.model, key, op, frame.function.id, written.pos, node))
    return tuple(found)


def _compared_with(lookup: Lookup, other: Value) -> list[Lookup]:
    """A column that equals another table's column is joined; one that equals a value finds rows."""
    column = other.first(ColumnRef)
    if column is not None:
        joined = lookup._replace(op="Join", other=(column.model, column.column))
    elif any(type(atom) is External and lib.is_sql(atom.name) for atom in other.atoms):
        joined = lookup._replace(op="Join")  # it may be a column of a subquery
    else:
        return [lookup]
    return [joined] if lookup.op == "Eq" else []


def _is_none(value: Value) -> bool:
    return bool(value.atoms) and all(type(a) is Const and a.value is None for a in value.atoms)


def asked(frame: Frame, atom: ColumnRef, name: str, arguments: Arguments, call: Place) -> tuple[Lookup, ...]:
    """Return the lookup of ``Model.column.in_(…)`` and the like."""
    first = arguments.positional[0][0] if arguments.positional else None
    if arguments.receiver is None or arguments.receiver in frame.derived or first is None:
        return ()
    op = _METHODS.get(name, "")
    if name == "is_" and not _is_none(first):
        op = "Eq"
    if name == "like" and all(_is_prefix(a) for a in first.atoms):
        op = "Prefix" if first.atoms else ""
    if not op:
        return ()
    return (Lookup(atom.model, atom.column, op, frame.function.id, call, NodeKind.CALL),)


def _is_prefix(atom: object) -> bool:
    """True for a pattern whose text is known and begins with a letter."""
    return isinstance(atom, Const) and isinstance(atom.value, str) and not atom.value.startswith(_WILDCARDS)


def combined(parts: tuple[Value, ...], op: str) -> tuple[Lookup, ...]:
    """Return the lookups of ``and_``, ``or_``, ``not_`` and the operators ``&``, ``|``, ``~``."""
    conditions = [[c for c in part.atoms if type(c) is Condition] for part in parts]
    if op in ("and_", "BitAnd"):
        return tuple(lookup for part in conditions for c in part for lookup in c.lookups)[:MAX_LOOKUPS]
    if op not in ("or_", "BitOr"):
        return ()
    found: list[Lookup] = []
    for part in conditions:
        if len(part) != 1 or not part[0].lookups:
            return ()
        inside = part[0].lookups
        if len(part[0].criteria) != 1 and not all(lookup.either for lookup in inside):
            return ()
        found += [lookup._replace(either=True) for lookup in inside]
    return tuple(found)[:MAX_LOOKUPS]


# -- statements ------------------------------------------------------------------------------------------------------


def chained(frame: Frame, atom: Statement, name: str, arguments: Arguments, place: Place) -> Statement:
    """Return a statement with the lookups that one more method of its chain gives it."""
    added: list[Lookup] = []
    if name in ("filter", "where", "join", "outerjoin"):
        added += [lk for value, _ in arguments.positional for c in value.only(Condition) for lk in c.lookups]
    if name == "outerjoin" or "isouter" in arguments.keywords:
        added = [lk for lk in added if lk.op == "Join"]  # the other conditions choose among the rows that belong
    if name == "filter_by":
        added += _by_keyword(frame, atom, arguments, place)
    elif name == "group_by":
        added += _grouped(frame, arguments)
    elif name in ("join", "outerjoin"):
        target, keys = _joined(frame, atom, arguments)
        flags = {flag for flag in atom.flags if not flag.startswith(_LAST)} | {f"{_LAST}{target}", f"{_WITH}{target}"}
        added += keys
        atom = atom._replace(flags=frozenset(flags))
    return atom._replace(lookups=(*atom.lookups, *added)[:MAX_LOOKUPS]) if added else atom


def _by_keyword(frame: Frame, atom: Statement, arguments: Arguments, place: Place) -> list[Lookup]:
    model = filtered_by(frame, atom)
    found = []
    passed_on = _passed_on(arguments)
    for name, (value, _) in arguments.keywords.items():
        column = column_of(frame, model, name) if name not in passed_on else ""
        if column and not _is_none(value):
            found.append(Lookup(model, column, "Eq", frame.function.id, place, NodeKind.CALL))
    return found


def _passed_on(arguments: Arguments) -> set[str]:
    """The names that a call passes by ``**kw``: who reads it does not see on which columns it filters."""
    written = {name for name, _ in arguments.keyword_exprs}
    return arguments.keywords.keys() - written if None in written else set()


def filtered_by(frame: Frame, atom: Statement) -> str:
    """Return the id of the class to which ``filter_by`` refers, or an empty string."""
    rows = [name for kind, name in atom.entities if kind == "row"]
    columns = [name.rpartition(".")[0] for kind, name in atom.entities if kind == "column" and name]
    sources = [flag[5:] for flag in atom.flags if flag.startswith("from:")]
    joined = any(flag.startswith(_LAST) for flag in atom.flags)
    model = last_join(atom) if joined else next(iter((*sources, *rows, *columns)), "") or counted_class(atom)
    return model if model in frame.engine.project.models else ""


def counted_class(atom: Statement) -> str:
    """Return the id of the class whose column ``func.count`` is given, or an empty string."""
    counted = next((flag[len(COUNTS) :] for flag in atom.flags if flag.startswith(COUNTS)), "")
    return counted.rpartition(".")[0]


def column_of(frame: Frame, model: str, name: str) -> str:
    """Return the column that ``filter_by(name=…)`` compares: a relationship's key for a many-to-one; or nothing."""
    entity = frame.engine.project.models.get(model)
    if entity is None:
        return ""
    return name if name in entity.columns else _own_key(frame, model, name)


def _grouped(frame: Frame, arguments: Arguments) -> list[Lookup]:
    """A group by several columns or by an expression is not known to be served by an index of one."""
    if len(arguments.exprs) != 1 or arguments.starred:
        return []
    written = arguments.exprs[0]
    column = arguments.positional[0][0].first(ColumnRef)
    if column is None or not isinstance(written, f.Attr):
        return []
    return [Lookup(column.model, column.column, "Group", frame.function.id, written.pos, NodeKind.ATTRIBUTE)]


def _joined(frame: Frame, atom: Statement, arguments: Arguments) -> tuple[str, list[Lookup]]:
    """Return the class that a join leads to, and the foreign key that it uses when no condition is written."""
    models = frame.engine.project.models
    if not arguments.positional:
        return "", []
    value = arguments.positional[0][0]
    relation, target = value.first(RelationRef), value.first(ClassRef)
    start, goal = "", ""
    if relation is not None:
        relationship = models[relation.model].relationships[relation.relationship]
        start, goal = "" if relationship.secondary else relation.model, relationship.target or ""
    elif target is not None and target.id in models:
        goal = target.id
        start = next((name for kind, name in atom.entities if kind == "row" and name != goal), "")
    written = arguments.exprs[0] if len(arguments.exprs) == 1 and "onclause" not in arguments.keywords else None
    if not start or not goal or not isinstance(written, (f.Attr, f.Name)):
        return goal, []
    node = NodeKind.ATTRIBUTE if isinstance(written, f.Attr) else NodeKind.NAME
    keys = []
    for one, other in ((models[start], models[goal]), (models[goal], models[start])):
        key, primary = _only_key(one, other), other.primary_key
        if key and len(primary) == 1:
            sides = (one.id, key), (other.id, primary[0])
            for side, opposite in (sides, sides[::-1]):
                keys.append(Lookup(*side, "Join", frame.function.id, written.pos, node, opposite))
    return goal, keys if len(keys) == 2 else []  # with keys in both directions neither is known to be meant


def _own_key(frame: Frame, model: str, relationship: str) -> str:
    """The column that a many-to-one relationship compares, where there is exactly one."""
    models = frame.engine.project.models
    owner = models.get(model)
    found = owner.relationships.get(relationship) if owner is not None else None
    if owner is None or found is None or found.uselist:
        return ""
    return _only_key(owner, models.get(found.target or ""))


def _only_key(model: Model, target: Model | None) -> str:
    if target is None:
        return ""
    keys = [
        c.name for c in model.columns.values() if c.foreign_key and c.foreign_key.rpartition(".")[0] == target.table
    ]
    return keys[0] if len(keys) == 1 else ""
