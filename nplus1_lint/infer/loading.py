"""Which relationships and columns of a row are loaded: loader options as a small set of paths.

``*`` stands for every relationship of one class, ``**`` for those of the rows below, too, as an option of a query
without a class means it. Source: SQLAlchemy, "Relationship Loading Techniques", Wildcard Loading Strategies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from nplus1_lint.infer.values import NO_LOADS, PENDING, READ, Loads

if TYPE_CHECKING:
    from nplus1_lint.link.models import Model, Relationship

Declaration: TypeAlias = tuple[str, tuple[int, int, int, int], str]
"""A relationship's file, place and name."""


def state_of(loads: Loads | None, relationship: Relationship) -> bool | None:
    """Say whether a relationship is loaded on a row.

    Args:
        loads: the loader options that reached the row, or None when unknown.
        relationship: the relationship read.

    Returns:
        True when loaded, False when reading it queries, None when it raises, gives nothing or cannot be known.
    """
    if loads is None:
        return True if relationship.eager else None
    if PENDING in loads:
        return None
    for concerned in (relationship.name, "*", "**"):
        for mark, state in (("", True), ("!", False), ("%", None)):
            if mark + concerned in loads:
                return state
    if relationship.eager:
        return True
    return None if relationship.lazy in _NO_STATEMENT else False


_NO_STATEMENT = frozenset({"raise", "raise_on_sql", "noload"})


def by_mapping(loads: Loads | None, relationship: Relationship) -> bool:
    """True if the mapping's own strategy, not an option, loads the relationship on this row."""
    if not relationship.eager:
        return False
    if loads is None:
        return True
    return not any(mark + concerned in loads for concerned in (relationship.name, "*", "**") for mark in ("", "!", "%"))


def below(loads: Loads | None, name: str) -> Loads | None:
    """Return the loader options that hold for the rows of a relationship."""
    if loads is None:
        return None
    prefix = f"{name}."
    found = frozenset(load[len(prefix) :] for load in loads if load.startswith(prefix))
    everywhere = loads & {"**", "!**", "%**"}
    return found | everywhere if found or everywhere else NO_LOADS


def stopped(target: Model, loads: Loads, rel: Relationship, below: Loads) -> Loads:
    """Return marks of the collections that the mapping does not load on the rows of a relationship.

    Eager loading stops at a class that is on the path already: ``Team.heroes`` is not loaded on the teams that
    ``Hero.team`` gives, unless an option asks for it. Source: SQLAlchemy, ``relationship.join_depth``; measured with
    2.0 and 2.1: behind a lazy load, too, and a joined collection stops only behind a join.

    Args:
        target: the class of the rows.
        loads: the options of the row that is read.
        rel: the relationship that is read.
        below: the options that hold for the rows.
    """
    owner, joined = rel.owner, rel.lazy == "joined" and by_mapping(loads, rel)
    back = (one for one in target.relationships.values() if one.uselist and one.target == owner != target.id)
    return frozenset(
        f"!{one.name}"
        for one in back
        if (one.lazy in ("selectin", "subquery") or (one.lazy == "joined" and joined)) and by_mapping(below, one)
    )


def column_deferred(loads: Loads | None, model: Model, column: str) -> bool:
    """True if reading a column of a row queries: deferred in the mapping, or left out by ``load_only``/``defer``."""
    declared = model.columns.get(column)
    if loads is None or declared is None or declared.primary_key or PENDING in loads or READ + column in loads:
        return False
    if f"~{column}" in loads:
        return True
    kept = {load[1:] for load in loads if load.startswith("=")}
    if kept:
        return column not in kept and f"+{column}" not in loads
    return declared.deferred and f"+{column}" not in loads


def declaration_of(relationship: Relationship) -> Declaration:
    """Return what is the same for a relationship and for those that inherit it."""
    return relationship.declared_in, relationship.place, relationship.name


def follow(models: dict[str, Model], model: str, path: tuple[str, ...]) -> Relationship | None:
    """Return the relationship at the end of a path, or None where a class on it does not declare the next.

    Args:
        models: all mapped classes.
        model: the class at which the path starts.
        path: relationships, one after the other.
    """
    found = None
    for name in path:
        owner = models.get(model)
        found = owner.relationships.get(name) if owner is not None else None
        if found is None:
            return None
        model = found.target or ""
    return found


def cascade(models: dict[str, Model], model: str, loads: Loads, seen: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return the relationship paths that mappings load along with a row, root first.

    The way back to a class already on the path is not followed, as SQLAlchemy does not.

    Args:
        models: all mapped classes.
        model: the loaded class.
        loads: loader options of its rows.
        seen: classes on the path.
    """
    found: list[tuple[str, ...]] = []
    on_path = (*seen, model)
    for name, relationship in models[model].relationships.items():
        if not by_mapping(loads, relationship):
            if name in loads and relationship.target in models and relationship.target not in on_path:
                inner = cascade(models, relationship.target, below(loads, name) or NO_LOADS, on_path)
                found += [(name, *path) for path in inner]
            continue
        if relationship.target in on_path:
            continue
        found.append((name,))
        if relationship.target in models:
            inner = cascade(models, relationship.target, below(loads, name) or NO_LOADS, on_path)
            found += [(name, *path) for path in inner]
    return found
