"""Changes of containers and attributes in place: appended items, stored keys, assigned fields."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.index import facts as f
from nplus1_lint.index.walk import dotted
from nplus1_lint.infer import changes, keywords, records, stores, trails
from nplus1_lint.infer.effects import Kind
from nplus1_lint.infer.joins import item_of, join, join_all
from nplus1_lint.infer.library import ADDERS, REQUEST_HOLDERS
from nplus1_lint.infer.values import (
    SOME_FIXED,
    UNKNOWN,
    Atom,
    External,
    Instance,
    Many,
    Mapping,
    Row,
    Statement,
    Value,
    many,
    mapping,
    of,
)

if TYPE_CHECKING:
    from nplus1_lint.infer.frame import Frame, Val


def store_attribute(frame: Frame, target: f.Attr, val: Val) -> None:
    """``object.name = value``."""
    path = dotted(target)
    if path is None:
        trails.stored(frame, target, val[0])
        holder, _ = frame.eval(target.value)
        for row in holder.only(Row):
            if frame.meter is not None:
                frame.meter.stored(row, target.name)
        return
    base, _ = frame.eval(target.value)
    for atom in base.atoms:
        if type(atom) is Row:
            frame.emit(Kind.CHANGE, target.pos, subject=atom.model, attribute=target.name)
            if frame.meter is not None:
                frame.meter.stored(atom, target.name)
            changes.assigned(frame, atom, target.name, target.pos)
            _back_reference(frame, atom, target)
        elif type(atom) is External and atom.name in REQUEST_HOLDERS:
            frame.given[target.name, val[0]] = None
    trails.stored(frame, target, val[0])
    frame.bind(path, val)
    stores.store(frame, path.partition(".")[0], val[1])


def _back_reference(frame: Frame, atom: Row, target: f.Attr) -> None:
    """Assigning one side of a relationship reads a loaded collection on the other side's behalf."""
    relationship = frame.engine.project.models[atom.model].relationships.get(target.name)
    if relationship is not None and relationship.uselist:
        frame.read(atom.origin, target.name, target.pos)


def store_item(frame: Frame, target: f.Subscript, val: Val) -> None:
    """``container[key] = value``."""
    trails.stored(frame, target.value, val[0])
    key, key_mask = frame.eval(target.index)
    base, base_mask = frame.eval(target.value)
    value, mask = val
    stored = UNKNOWN
    for atom in base.atoms:
        if type(atom) is Many:
            stored = join(stored, many(join(atom.item, value), atom.kind))
        else:
            stored = join(stored, Value((atom,)))
    if not any(type(a) in (Many, Instance) for a in base.atoms):
        stored = join(stored, mapping(key, value))
        if len(base.atoms) == 1 and type(base.atoms[0]) is Mapping:
            stored = keywords.stored(base.atoms[0], key, value, stored)
    rebind(frame, target.value, (stored, base_mask | key_mask | mask))
    stores.store(frame, stores.holder(frame, target.value), key_mask | mask)
    if frame.engine.templates.active:
        records.store(frame, target, key, val)


def rebind(frame: Frame, expr: f.Expr, val: Val) -> None:
    """Give the container that *expr* denotes a new content."""
    path = dotted(expr)
    if path is not None:
        binding = frame.state.env.get(path)
        items = records.held(frame, path) if frame.engine.templates.active else {}
        frame.bind(path, val, binding.born if binding else frozenset())
        records.keep(frame, path, items)
    elif isinstance(expr, f.Subscript):
        _rebind_item(frame, expr.value, val)
    elif isinstance(expr, f.Call) and isinstance(expr.func, f.Attr) and expr.func.name == "setdefault":
        _rebind_item(frame, expr.func.value, val)


def _rebind_item(frame: Frame, container: f.Expr, val: Val) -> None:
    path = dotted(container)
    if path is None:
        return
    known = frame.lookup(path)
    outer = known[0] if known else UNKNOWN
    inner = UNKNOWN
    for atom in outer.atoms:
        if type(atom) is Mapping:
            inner = join(inner, mapping(atom.key, join(atom.value, val[0])))
        elif type(atom) is Many:
            inner = join(inner, many(join(atom.item, val[0]), atom.kind))
    if not inner.atoms:
        inner = mapping(UNKNOWN, val[0])
    frame.bind(path, (inner, val[1] | (known[1] if known else 0)))


def fetched(frame: Frame, expr: f.Expr, val: Val) -> Val:
    """Return a value whose unexecuted queries are lists of rows: what takes it iterates it, here and now.

    Args:
        frame: the running function.
        expr: the value as written.
        val: the value.
    """
    if val[0].first(Statement) is None:
        return val
    item, mask = frame.iterate_expr(expr, val)
    return many(item, "rows"), mask


def set_default(frame: Frame, receiver: f.Expr, current: Val, key: Val, default: Val) -> None:
    """``mapping.setdefault(key, default)``."""
    trails.stored(frame, receiver, default[0])
    changed = UNKNOWN
    for atom in current[0].atoms:
        if type(atom) is Mapping:
            changed = join(changed, mapping(join(atom.key, key[0]), join(atom.value, default[0])))
        else:
            changed = join(changed, Value((atom,)))
    rebind(frame, receiver, (changed, current[1] | key[1] | default[1]))
    stores.store(frame, stores.holder(frame, receiver), key[1] | default[1])


def add_item(frame: Frame, receiver: f.Expr, current: Val, method: str, argument: Val) -> None:
    """``container.append(value)`` and its kind."""
    value, mask = argument
    trails.stored(frame, receiver, value)
    item = value if method in ADDERS else item_of(value)
    fixed = _fixed_times(frame, receiver) and (
        method in ADDERS or (bool(value.atoms) and all(_size(a) is not None for a in value.atoms))
    )
    changed: list[Value] = []
    for atom in current[0].atoms:
        if type(atom) is Many:
            size = SOME_FIXED if fixed and atom.size is not None else None
            kind = atom.kind if atom.kind in ("list", "set") else "list"
            changed.append(many(join(atom.item, item), kind, size))
        elif type(atom) is Mapping and method == "update":
            inner = join_all([atom.value, *(one.value for one in value.only(Mapping))])
            changed.append(mapping(atom.key, inner))
        else:
            changed.append(of(atom))
    if changed:
        rebind(frame, receiver, (join_all(changed), current[1] | mask))
        stores.store(frame, stores.holder(frame, receiver), mask)


def _fixed_times(frame: Frame, receiver: f.Expr) -> bool:
    """True if the source fixes how often an item is added: to a collection made here, in bounded loops if in any."""
    if not isinstance(receiver, f.Name) or receiver.id in frame.captured_names or receiver.id in frame.globals:
        return False
    if receiver.id not in frame.state.env or any(param.name == receiver.id for param in frame.function.facts.params):
        return False
    return all(state.loop.bounded for state in frame.loops)


def _size(atom: Atom) -> int | None:
    return atom.size if type(atom) in (Many, Mapping) else None
