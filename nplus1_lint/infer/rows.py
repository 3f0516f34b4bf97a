"""Rows of mapped classes: what reading one of their attributes costs and gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.infer import descriptors, expiry, greenlets, loading
from nplus1_lint.infer.effects import Escape, Kind
from nplus1_lint.infer.filters import load_of
from nplus1_lint.infer.frame import Arguments, Frame, Place, Val
from nplus1_lint.infer.holding import rows_in, target_held
from nplus1_lint.infer.identity import classes_answered
from nplus1_lint.infer.joins import join_all
from nplus1_lint.infer.meter import load_along
from nplus1_lint.infer.values import (
    NO_LOADS,
    OF_PARENT,
    ONE_PARENT,
    PARAMS_MASK,
    READ,
    SCALAR,
    UNKNOWN,
    Atom,
    BoundMethod,
    ClassRef,
    Criterion,
    Function,
    Instance,
    Loads,
    Many,
    Origin,
    Row,
    ScalarOf,
    Statement,
    Value,
    many,
    of,
    row,
)
from nplus1_lint.link.foreign_keys import foreign_key

if TYPE_CHECKING:
    from nplus1_lint.link.hierarchy import Function as Definition
    from nplus1_lint.link.models import Model, Relationship

_INTERNAL = frozenset({"__dict__", "_asdict", "__table__", "dict", "model_dump"})


def attribute(frame: Frame, atom: Row, mask: int, name: str, place: Place) -> Val:
    """Return an attribute of a row; an unloaded relationship or column queries."""
    engine = frame.engine
    model = engine.project.models[atom.model]
    if atom.origin is not None:
        frame.tracker.touched[atom.origin] = None
    if expiry.EXPIRED in (atom.loads or ()) and (name in model.columns or name in model.relationships):
        if atom.is_async:
            greenlets.misread(frame, atom, name, place, expired=True)
            return (UNKNOWN if name in model.relationships else SCALAR), mask
        if not frame.handling:
            frame.emit(Kind.REFRESH, place, subject=model.id, attribute="expired", deps=mask)
            load_along(frame, place, model.id, NO_LOADS, one=True, new=atom.origin is None)
        atom = expiry.fresh(atom)
    relationship = model.relationships.get(name)
    if relationship is not None:
        return _relationship(frame, atom, mask, model, relationship, place)
    if name in model.columns:
        deferred = loading.column_deferred(atom.loads, model, name)
        if frame.notes is not None and (deferred or model.columns[name].deferred):
            frame.notes.read(place, atom, name, None if atom.loads is None else not deferred)
        if deferred and atom.is_async:
            greenlets.misread(frame, atom, name, place)
            return SCALAR, mask
        if deferred:
            frame.emit(Kind.LAZY_LOAD, place, subject=model.id, attribute=name, deps=mask, origin=atom.origin)
        return of(ScalarOf("column-value", model.id, name, classes_answered(frame, atom, model, name))), mask
    if name in model.proxies:
        through, attribute_name = model.proxies[name]
        return _proxy(frame, atom, mask, model, through, attribute_name, place)
    if name in _INTERNAL:
        escape(frame, of(atom), place, f"{name} reads everything")
    definition = engine.project.hierarchy.find_method(model.id, name)
    if definition is not None:
        return _method(frame, atom, mask, definition, place)
    if name == "awaitable_attrs":
        return of(BoundMethod("bound", greenlets.inside(of(atom)), "awaitable_attrs")), mask
    found = engine.project.hierarchy.find_attribute(model.id, name)
    if found is None:
        frame.tracker.leave(of(atom), f"read for {name}, which is not known")
        return SCALAR, mask
    held = engine.constant(found[0].path, found[1])
    return descriptors.read(frame, held, atom, mask, place) or (held, mask)


def but_perhaps_loaded(frame: Frame, atoms: tuple[Atom, ...], name: str) -> tuple[Atom, ...]:
    """Leave out the rows of a query without an option for a relationship, where the same query may have had it.

    What decides on the option may well be what decides whether the relationship is read.

    Args:
        frame: the running function.
        atoms: what is read.
        name: the attribute.
    """
    models = frame.engine.project.models
    rows = [atom for atom in atoms if type(atom) is Row and atom.origin is not None and atom.loads is not None]
    if len(rows) < 2 or any(name not in models[row.model].relationships for row in rows):
        return atoms
    state = {row: loading.state_of(row.loads, models[row.model].relationships[name]) for row in rows}
    mark = f"{ONE_PARENT}{name}"
    # What a filter tells of the rows' parent is another matter: without it they have many.
    with_option = {(one.model, one.origin) for one in rows if state[one] and mark not in (one.loads or ())}
    return tuple([a for a in atoms if a not in state or state[a] or (a.model, a.origin) not in with_option])


def _method(frame: Frame, atom: Row, mask: int, definition: Definition, place: Place) -> Val:
    from nplus1_lint.infer.classes import is_property, method_kind

    definition_id, facts = definition.id, definition.facts
    kind = method_kind(facts)
    if kind == "class":
        return of(Function("function", definition_id, of(ClassRef("class", atom.model)), (), ())), mask
    function = of(Function("function", definition_id, None if kind == "static" else of(atom), (), ()))
    if is_property(facts):
        return frame.call((function, mask), Arguments((), {}), place)
    held = descriptors.of_method(frame, definition) if facts.decorators else None
    found = descriptors.read(frame, held, atom, mask, place) if held is not None else None
    return found or (function, mask)


def _relationship(frame: Frame, atom: Row, mask: int, model: Model, rel: Relationship, place: Place) -> Val:
    if atom.origin is None:
        frame.tracker.strays[model.id, rel.name] = None
    if rel.target is None or rel.target not in frame.engine.project.models:
        frame.read(atom.origin, rel.name, place)
        if frame.notes is not None:
            frame.notes.read(place, atom, rel.name, None)
        return UNKNOWN, mask
    if rel.lazy in ("dynamic", "write_only"):
        parent = _way_back(frame, rel)
        criteria = (Criterion(rel.target, parent, "Parent", None, "", True),) if parent else ()
        query = Statement(
            "statement", "query", (("row", rel.target),), NO_LOADS, criteria, frozenset({"dynamic"}), atom.is_async
        )
        if frame.notes is not None:
            frame.notes.read(place, atom, rel.name, None)
        return of(query), mask
    frame.read(atom.origin, rel.name, place)
    loaded = loading.state_of(atom.loads, rel)
    origin = Origin(atom.origin.site, (*atom.origin.path, rel.name)) if atom.origin else None
    held = target_held(frame, rel) if loaded is False and not rel.uselist else None
    if held is not None:
        frame.held[held.model] = None
        if frame.notes is not None:
            frame.notes.read(place, atom, rel.name, True)
        return of(held), mask  # a many-to-one asks the identity map first
    if frame.notes is not None:
        frame.notes.read(place, atom, rel.name, loaded)
    if loaded is False and atom.is_async:
        greenlets.misread(frame, atom, rel.name, place)
        loaded = None
    if loaded is False:
        if READ + rel.name not in (atom.loads or ()):
            if f"{OF_PARENT}{rel.name}" in (atom.loads or ()):
                mask = _of_the_parent(frame, atom, mask)
            deps = 0 if _few(frame, atom, rel) else mask
            frame.emit(Kind.LAZY_LOAD, place, subject=model.id, attribute=rel.name, deps=deps, origin=atom.origin)
            load_along(frame, place, rel.target, NO_LOADS, one=not rel.uselist)
            frame.filters.append(load_of(model.id, rel.name, frame.site(place)))
        # The rows come from a query of their own, with the target's mapping-level strategies.
        frame.executes(place, rel.target, _of_lazy(frame, rel), takes_options=False)
        origin = Origin(frame.site(place), ())
    below = _below(frame, atom, model, rel) if loaded is not None else None  # of a lazy load, too
    if not rel.uselist and (_few(frame, atom, rel) if loaded else f"{ONE_PARENT}{rel.name}" in (atom.loads or ())):
        mask = _of_the_parent(frame, atom, mask)
    target = of(row(rel.target, below, origin, atom.is_async))
    return (many(target) if rel.uselist else target), mask


def _below(frame: Frame, atom: Row, model: Model, rel: Relationship) -> Loads | None:
    """What is known of the rows of a relationship: options, where the mapping's strategies stop, what they share."""
    below = loading.below(atom.loads, rel.name)
    if below is None or atom.loads is None:
        return None
    if rel.target is not None and rel.target not in frame.held:
        below |= loading.stopped(frame.engine.project.models[rel.target], atom.loads, rel, below)
    if not rel.uselist:
        return _with_parent(frame, atom, rel, below) if _refers_back(frame, model, rel) else below
    return _with_parent(frame, atom, rel, below) | _of_parents_key(frame, model, rel)


def _refers_back(frame: Frame, model: Model, rel: Relationship) -> bool:
    """True for a one-to-one whose way back is found in the identity map.

    The target holds the foreign key, or the row's own foreign key is its primary key: a load by key asks there first.
    """
    target = frame.engine.project.models[rel.target or ""]
    back = target.relationships.get(rel.back_populates or "")
    if back is None or back.uselist:
        return False
    own = foreign_key(frame.engine.project, model, rel)
    shares_key = own is not None and model.primary_key == (own.column,)
    return shares_key or foreign_key(frame.engine.project, target, back) is not None


def _of_lazy(frame: Frame, rel: Relationship) -> Loads:
    """The options of a lazy load: the many-to-one back to the parent, which is in hand, is not loaded eagerly.

    Source: SQLAlchemy, ``LazyLoader._emit_lazyload``.
    """
    back = frame.engine.project.models[rel.target or ""].relationships.get(rel.back_populates or "")
    to_one = back is not None and not back.uselist and rel.uselist and not rel.secondary
    return frozenset({f"!{rel.back_populates}"}) if to_one else NO_LOADS


def _with_parent(frame: Frame, atom: Row, rel: Relationship, below: Loads) -> Loads:
    """The way back from a collection's rows: the parent is in the identity map, with what has been loaded of it."""
    if not rel.back_populates:
        return below
    back = frame.engine.project.models[rel.target or ""].relationships.get(rel.back_populates)
    if back is None or back.uselist:
        return below
    known = {load for load in atom.loads or () if load.isidentifier()} | {rel.name}
    return below | {back.name, f"{ONE_PARENT}{back.name}"} | {f"{back.name}.{load}" for load in known}


def _of_parents_key(frame: Frame, parent: Model, rel: Relationship) -> Loads:
    """Marks of the many-to-one relationships that are the same for all rows of a collection.

    The rows share the composite foreign key by which the parent holds them, and so what refers by a column of it.
    """
    child = frame.engine.project.models[rel.target or ""]
    shared = [columns for columns, there in child.composite_keys if there in (parent.table, parent.name)]
    if len(shared) != 1 or rel.secondary:
        return NO_LOADS
    keys = {one.name: foreign_key(frame.engine.project, child, one) for one in child.relationships.values()}
    return frozenset(f"{OF_PARENT}{name}" for name, key in keys.items() if key is not None and key.column in shared[0])


def _way_back(frame: Frame, rel: Relationship) -> str | None:
    """The many-to-one from the rows of a dynamic relationship to their parent, which they share; None if unclear."""
    if rel.back_populates or rel.secondary or rel.target is None:
        return rel.back_populates
    target = frame.engine.project.models[rel.target]
    ways = [one.name for one in target.relationships.values() if one.target == rel.owner and not one.uselist]
    return ways[0] if len(ways) == 1 else None


def _few(frame: Frame, atom: Row, rel: Relationship) -> bool:
    """True if all rows of a query share one target, or there can be only as many as an Enum has members."""
    if rel.uselist:
        return False
    keys = [c for c in frame.engine.project.models[rel.target or ""].columns.values() if c.primary_key]
    return f"{ONE_PARENT}{rel.name}" in (atom.loads or ()) or (bool(keys) and all(c.enumerated for c in keys))


def _of_the_parent(frame: Frame, atom: Row, mask: int) -> int:
    """What the way back from a collection's row depends on: its parent does not change from item to item."""
    for running in reversed(frame.loops):
        items = (a.item for a in running.loop.over.atoms if type(a) is Many)
        if mask & running.loop.bit and any(atom.model == row.model for item in items for row in item.only(Row)):
            return mask & ~running.loop.bit
    return mask & ~PARAMS_MASK  # the loop is a caller's


def _proxy(frame: Frame, atom: Row, mask: int, model: Model, through: str, name: str, place: Place) -> Val:
    relationship = model.relationships.get(through)
    if relationship is None:
        return SCALAR, mask
    value, mask = _relationship(frame, atom, mask, model, relationship, place)
    items = [frame.attribute((of(r), mask), name, place)[0] for r in rows_in(value)]
    item = items[0] if items else SCALAR
    return (many(item) if relationship.uselist else item), mask


def escape(frame: Frame, value: Value, place: Place, why: str) -> None:
    """Record that rows went where their reads cannot be followed."""
    for atom in rows_in(value):
        if atom.origin is not None:
            frame.escapes.append(Escape(atom.origin.site, atom.origin.path, frame.site(place), why))


def written(frame: Frame, val: Val, place: Place) -> None:
    """What is written as text runs its ``__str__`` or ``__repr__``."""
    special(frame, val, ("__format__", "__str__", "__repr__"), place)


def special(frame: Frame, val: Val, names: tuple[str, ...], place: Place, *given: Val) -> Val | None:
    """Call the first of several special methods that the class of a row or an instance defines.

    Args:
        frame: the running function.
        val: the object.
        names: the methods, the preferred one first.
        place: what calls it.
        given: further arguments.

    Returns:
        What it returns, or None when no class in *val* has such a method.
    """
    value, mask = val
    found: list[Val] = []
    for atom in value.atoms:
        cls = atom.model if type(atom) is Row else atom.cls if type(atom) is Instance else None
        name = next((n for n in names if cls and frame.engine.project.hierarchy.find_method(cls, n)), None)
        if name is not None:
            method = frame.attribute((of(atom), mask), name, place)
            found.append(frame.call(method, Arguments(given, {}), place))
    for _, one in found:
        mask |= one
    return (join_all([one for one, _ in found]), mask) if found else None
