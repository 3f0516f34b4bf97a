"""Unions of values, and what iterating one yields."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nplus1_lint.infer.values import (
    MAX_ATOMS,
    NO_LOADS,
    READ,
    SCALAR,
    SOME_FIXED,
    UNKNOWN,
    Const,
    Instance,
    Many,
    Mapping,
    Reflection,
    Row,
    Scalar,
    ScalarOf,
    Tuple,
    Value,
    unknown,
)

if TYPE_CHECKING:
    from nplus1_lint.infer.values import Atom, Loads

MAX_TEXT = 200
"""Characters of a text that is put together; more are no name of anything."""

_LITERALS = frozenset({Const, Many, Mapping})
"""Atoms that may settle a condition by what they are."""


def join(left: Value, right: Value) -> Value:
    """Return the union, bounded to `MAX_ATOMS`; unknown gives way to what is known.

    A literal alone must not settle a condition when the other side is unknown: plain data is added beside it, and a
    collection's size is forgotten.
    Collections of one kind are joined item by item, so that ``[]`` and ``[row]`` are one collection.
    """
    if left is right or left == right:
        return left
    if not right.atoms or not left.atoms:
        known = left if left.atoms or (left.reason != UNKNOWN.reason and not right.atoms) else right
        if not known.atoms or _LITERALS.isdisjoint(map(type, known.atoms)):
            return known
        if all(type(atom) is Const for atom in known.atoms):
            return Value((*known.atoms, Scalar("scalar")))
        if any(_vague(atom) is not atom for atom in known.atoms):
            return Value(tuple(map(_vague, known.atoms)))
        return known
    atoms: list[Atom] = []
    for atom in right.atoms:
        if atom not in (atoms or left.atoms):
            atoms = atoms or list(left.atoms)
            _merge_into(atoms, atom)
    if not atoms and len(left.atoms) <= MAX_ATOMS:
        return left if not left.reason else Value(left.atoms)
    atoms = atoms or list(left.atoms)
    if len(atoms) > MAX_ATOMS:
        # Plain data goes first: it is never evidence.
        kept = [a for a in atoms if type(a) not in (Scalar, ScalarOf, Const)]
        atoms = kept[:MAX_ATOMS] if kept else atoms[:MAX_ATOMS]
    return Value(tuple(atoms))


def _vague(atom: Atom) -> Atom:
    """A collection beside an unknown value: how large it is, and what it holds under a name, is not known."""
    if type(atom) is Many:
        return atom if atom.size is None else atom._replace(size=None)
    if type(atom) is Mapping:
        known = atom.size is not None or atom.complete or atom.entries
        return atom._replace(size=None, entries=(), complete=False) if known else atom
    return atom


def join_all(values: list[Value]) -> Value:
    """Return the union of any number of values; of none, the unknown value."""
    if not values:
        return UNKNOWN
    joined = values[0]
    for value in values[1:]:
        joined = join(joined, value)
    return joined


def concatenated(left: Value, right: Value) -> Value:
    """Return ``left + right`` of two texts that are known, and plain data for all others."""
    texts = [value.atoms[0].value for value in (left, right) if len(value.atoms) == 1 and type(value.atoms[0]) is Const]
    if len(texts) < 2 or not all(isinstance(text, str) for text in texts):
        return SCALAR
    text = "".join(map(str, texts))
    return Value((Const("const", text),)) if len(text) <= MAX_TEXT else SCALAR


def item_of(value: Value) -> Value:
    """Return what iterating a value yields, by shape alone (queries are executed elsewhere)."""
    items: list[Value] = []
    for atom in value.atoms:
        kind = type(atom)
        if kind is Many:
            items.append(atom.item)
        elif kind is Mapping:
            items.append(atom.key)
        elif kind is Tuple:
            items.extend(atom.items)
        elif kind in (Scalar, Const, ScalarOf):
            items.append(SCALAR)
        elif kind is Reflection and atom.part == "attributes":
            items.append(Value((atom._replace(part="attribute"),)))
    return join_all(items) if items else unknown("the iterable is unknown")


def marks(loads: Loads | None) -> Loads:
    """Return what reads have loaded."""
    return frozenset(load for load in loads if READ in load) if loads else NO_LOADS


def _either_size(left: int | None, right: int | None) -> int | None:
    if left is None or right is None:
        return None
    return left if left == right else SOME_FIXED


def _either_entries(left: Mapping, right: Mapping) -> tuple[tuple[tuple[str, Value], ...], bool]:
    """What either of two dictionaries holds under the names that both have, and whether it has no others."""
    if not left.entries or not right.entries:
        return (), left.complete and right.complete and not left.entries and not right.entries
    others = dict(right.entries)
    both = tuple((name, join(value, others[name])) for name, value in left.entries if name in others)
    return both, left.complete and right.complete and len(both) == len(left.entries) == len(others)


def _either_attributes(left: Reflection, right: Reflection) -> Reflection:
    """The attributes on either of two paths; what only one of them has left out may be left out."""
    vague = left.vague or right.vague
    one, other = set(left.names), set(right.names)
    if one < other or other < one:
        return (left if one < other else right)._replace(vague=True)
    return left._replace(names=tuple(dict.fromkeys((*left.names, *right.names))), vague=vague)


def _merge_into(atoms: list[Atom], atom: Atom) -> None:
    kind = type(atom)
    for position, present in enumerate(atoms):
        if type(present) is not kind:
            continue
        if kind is Many:
            size = _either_size(present.size, atom.size)
            one = present.kind if present.kind == atom.kind else "list"
            atoms[position] = Many("many", join(present.item, atom.item), one, size)
            return
        if kind is Mapping:
            size = _either_size(present.size, atom.size)
            key, value = join(present.key, atom.key), join(present.value, atom.value)
            atoms[position] = Mapping("mapping", key, value, size, *_either_entries(present, atom))
            return
        if kind is Row and present != atom and _differ_by_reads(present, atom):
            atoms[position] = present._replace(loads=present.loads & atom.loads)
            return
        if kind is Tuple and len(present.items) == len(atom.items):
            items = tuple(join(a, b) for a, b in zip(present.items, atom.items, strict=True))
            atoms[position] = Tuple("tuple", items)
            return
        if kind is Reflection and present[:3] == atom[:3] and present.row == atom.row:
            atoms[position] = _either_attributes(present, atom)
            return
        if kind is Instance and present.cls == atom.cls and present.exact == atom.exact:
            fields = dict(present.fields)
            for name, value in atom.fields:
                fields[name] = join(fields[name], value) if name in fields else value
            atoms[position] = Instance("instance", atom.cls, atom.exact, tuple(sorted(fields.items())))
            return
    atoms.append(atom)


def _differ_by_reads(left: Row, right: Row) -> bool:
    """True for the same rows, of which one path has read more than the other."""
    if left.loads is None or right.loads is None or left._replace(loads=None) != right._replace(loads=None):
        return False
    return left.loads - marks(left.loads) == right.loads - marks(right.loads)


def is_hollow(value: Value) -> bool:
    """True for a collection of unknown items: an annotation may say more."""
    return bool(value.atoms) and all(
        (type(a) is Many and not a.item.atoms) or (type(a) is Mapping and not a.value.atoms) for a in value.atoms
    )
