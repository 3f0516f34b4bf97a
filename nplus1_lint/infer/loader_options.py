"""Loader options to loads: which relationship paths and columns an option loads, defers or turns off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.infer import library as lib
from nplus1_lint.infer import loaders
from nplus1_lint.infer.frame import Arguments
from nplus1_lint.infer.joins import join_all
from nplus1_lint.infer.values import (
    NO_LOADS,
    ClassRef,
    ColumnRef,
    Loads,
    Many,
    Option,
    RelationRef,
    Tuple,
    Value,
    of,
)

if TYPE_CHECKING:
    from nplus1_lint.infer.frame import Frame, Place, Val

Entity = tuple[str, str]


def option(frame: Frame, name: str, arguments: Arguments, place: Place, below: Option | None = None) -> Val:
    """Build ``selectinload(A.bs)`` and its chained continuations; of several relationships, each its own option."""
    if len(arguments.positional) == 1 and len(arguments.positional[0][0].only(RelationRef)) > 1:
        value, mask = arguments.positional[0]
        each = [option(frame, name, Arguments(((of(a), mask),), {}), place, below)[0] for a in value.only(RelationRef)]
        return join_all(each), mask
    prefix = below.prefix if below else ""
    loads: set[str] = set(below.loads) if below else set()
    model = below.model if below else ""
    root = below.root if below else next((_root(a) for v, _ in arguments.positional for a in v.atoms if _root(a)), "")
    made = below.loaders if below else loaders.NO_LOADERS
    for position, (value, _) in enumerate(arguments.positional):
        before = prefix
        prefix, model = _add_path(frame, name, value, prefix, model, loads, rooted=below is not None)
        if prefix != before and len(value.atoms) == 1:
            made = loaders.made(frame, root, prefix, name, arguments, position, made, place)
    return of(Option("option", frozenset(loads), prefix, model, root, made)), arguments.mask


def _root(atom: object) -> str:
    """The class from which a loader option starts."""
    if isinstance(atom, (RelationRef, ColumnRef)):
        return atom.model
    return atom.id if isinstance(atom, ClassRef) else ""


def for_model(loads: Loads, model: str) -> Loads:
    """Return the loader options that concern one of several entities."""
    if not any("|" in load for load in loads):
        return loads
    return frozenset(
        load.partition("|")[2] or load for load in loads if "|" not in load or load.partition("|")[0] == model
    )


def _add_path(
    frame: Frame, name: str, value: Value, prefix: str, model: str, loads: set[str], *, rooted: bool
) -> tuple[str, str]:
    """Add what one argument loads; *rooted* for a link of a chain, whose ``*`` concerns one class alone."""
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
                loads.add(_mark(name, f"{dot}*" if rooted else "**"))
            elif name in lib.COLUMN_OPTIONS:
                sign = {"load_only": "=", "defer": "~", "undefer": "+"}.get(name, "+")
                loads.add(f"{dot}{sign}{atom.value}")
            elif name in lib.EAGER_OPTIONS:
                loads.add(f"{dot}{atom.value}")
                return f"{dot}{atom.value}".rstrip("."), ""
    return prefix, model


def _mark(name: str, path: str) -> str:
    sign = lib.OFF_OPTIONS.get(name, "")
    head, _, last = path.rpartition(".")
    return f"{head}.{sign}{last}" if head else f"{sign}{last}"


def _unmarked(load: str) -> str:
    head, _, last = load.rpartition(".")
    return f"{head}.{last.lstrip('!%')}" if head else last.lstrip("!%")


def options_in(value: Value, several: bool = False) -> list[Loads]:
    """Return the loads of every option in a value; with several entities each names the class it starts from."""
    found = []
    for atom in value.atoms:
        if type(atom) is Option:
            found.append(
                frozenset(f"{atom.root}|{load}" for load in atom.loads) if several and atom.root else atom.loads
            )
        elif type(atom) is Many:
            found += options_in(atom.item, several)
        elif type(atom) is Tuple:
            for item in atom.items:
                found += options_in(item, several)
    return found


def loaders_in(value: Value) -> loaders.Loaders:
    """Return the loaders of every option in a value."""
    found = loaders.NO_LOADERS
    for atom in value.atoms:
        if type(atom) is Option:
            found = loaders.combined(found, atom.loaders)
        elif type(atom) is Many:
            found = loaders.combined(found, loaders_in(atom.item))
        elif type(atom) is Tuple:
            for item in atom.items:
                found = loaders.combined(found, loaders_in(item))
    return found


def join_loads(parts: list[Loads]) -> Loads:
    """Return what several options load together."""
    joined: Loads = NO_LOADS
    for part in parts:
        joined = merge(joined, part)
    return joined


def merge(left: Loads, right: Loads) -> Loads:
    """Add later options; a later one overrides an earlier one on the same path."""
    anew = {_unmarked(load) for load in right}
    return frozenset(load for load in left if _unmarked(load) not in anew) | right


def nested_options(below: Option, arguments: Arguments) -> Value:
    """``selectinload(A.bs).options(joinedload(B.c))``: the inner options hold below the outer path."""
    loads = set(below.loads)
    made = below.loaders
    for value, _ in (*arguments.positional, *arguments.starred):
        for inner in options_in(value):
            loads |= {f"{below.prefix}.{load}" if below.prefix else load for load in inner}
        made = loaders.below(made, below.root, below.prefix, loaders_in(value))
    return of(below._replace(loads=frozenset(loads), loaders=made))
